"""What a run's events tell: its candidates, attempts, trials and how it ended."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.llm import cassette
from codegen_hpo.llm.ledger import Ledger, Price
from codegen_hpo.records import Candidate, Event, Finding, Trial, ranked
from codegen_hpo.scoring.baselines import Baseline
from codegen_hpo.store import codec
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One text of the author and what was found in it; no findings is a pass."""

    candidate: str
    number: int
    folder: str  # relative to the run
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The final model, scored once on the sealed test rows: an ensemble, or the best trial alone."""

    trial: str  # the best one
    candidate: str  # of the best trial
    members: Mapping[str, float]  # weight by trial, the heaviest first; one of weight 1 without an ensemble
    validation_score: float
    test_score: float | None
    noise: float | None  # standard error of the validation score; None where the metric is not always defined
    test_noise: float | None  # of the test score
    level: tuple[str, ...]  # trials whose validation score is as good as the best one's, but for chance
    seeds: int  # on which the call of the best trial was trained
    seeds_score: float  # the mean of their validation scores
    single_validation_score: float  # of the best trial alone
    single_test_score: float | None
    reason: str  # why the search ended
    openings: int  # how often the test rows were opened in this run: more than once after a resume

    @property
    def is_ensemble(self) -> bool:
        return len(self.members) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A run as it stands."""

    name: str
    state: str  # "running", "done", "interrupted", "failed" or "stopped", which a kill leaves
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    attempts: tuple[Attempt, ...]
    candidates: tuple[Candidate, ...]  # of each name, the text that passed last
    trials: tuple[Trial, ...]
    baselines: tuple[Baseline, ...]
    final: Final | None
    disqualified: Mapping[str, str]  # by the name of a trial: why its model is not used
    ended: str  # why the last session's search ended; empty if it did not end by itself
    limit: str  # the field of Budget whose limit that was; empty if it was none
    elapsed_s: float
    objective: Mapping[str, Any] | None = None  # what was tuned, where it was no table's function

    @property
    def standing(self) -> list[Trial]:
        """The trials that are not disqualified, in order."""
        return [trial for trial in self.trials if trial.name not in self.disqualified]

    def best(self) -> Trial | None:
        """The trial with the best validation score that is not disqualified, the earliest of equals."""
        return next(iter(ranked(self.standing)), None)

    def trial(self, name: str) -> Trial | None:
        """The trial named "t007" or "7"."""
        number = name.lower().removeprefix("t")
        return next((t for t in self.trials if number.isdigit() and t.number == int(number)), None)


_STATES = {"finished": "done", "interrupted": "interrupted", "failed": "failed"}


def read_history(folder: RunFolder) -> History:
    """The history that the folder's events tell. Raises ConfigError when they, or a source, are damaged."""
    candidates = tuple(_candidates(folder).values())
    with reading(folder.path / "events.jsonl"):
        return _history(folder, candidates)


def _history(folder: RunFolder, candidates: tuple[Candidate, ...]) -> History:
    settings = folder.of_kind("settings")
    prepared = folder.of_kind("prepared")
    objectives = folder.of_kind("objective")
    finals = folder.of_kind("final")
    finished = folder.of_kind("finished")
    last = folder.events[-1] if folder.events else None
    state = _STATES.get(last.kind, "") if last else ""
    return History(
        name=folder.name,
        state=state or ("running" if folder.is_being_written() else "stopped"),
        settings=settings[-1].data if settings else {},
        objective=objectives[0].data if objectives else None,
        versions=(prepared or objectives)[0].data["versions"] if prepared or objectives else {},
        attempts=tuple(
            Attempt(
                candidate=event.data["candidate"],
                number=event.data["attempt"],
                folder=event.data["folder"],
                findings=codec.findings_from_json(event.data["findings"]),
            )
            for event in folder.of_kind("attempt")
        ),
        candidates=candidates,
        # trials that ran side by side are recorded as they end
        trials=tuple(sorted(map(_trial, folder.of_kind("trial")), key=lambda trial: trial.number)),
        baselines=tuple(Baseline(**row) for row in (prepared[0].data["baselines"] if prepared else ())),
        final=_final(finals[-1], openings=_openings(finals)) if finals else None,
        disqualified={event.key: event.data["reason"] for event in folder.of_kind("disqualified")},
        ended=finished[-1].data["reason"] if finished else "",
        limit=finished[-1].data["limit"] if finished else "",
        elapsed_s=last.elapsed_s if last else 0.0,
    )


def _openings(finals: Sequence[Event]) -> int:
    """How many different models met the test rows."""
    models = {json.dumps([event.data["result"][part] for part in ("trial", "members")]) for event in finals}
    return len(models)


def _final(event: Event, *, openings: int) -> Final:
    result = event.data["result"]
    members = {str(name): float(weight) for name, weight in result["members"].items()}
    return Final(**result | {"members": members, "level": tuple(result["level"])}, openings=openings)


def _trial(event: Event) -> Trial:
    return codec.trial_from_json(event.data)


def read_task(folder: RunFolder) -> dict[str, Any]:
    """What task.json tells. Raises ConfigError when it is missing or damaged."""
    data = folder.read_json("task.json")
    with reading(folder.path / "task.json"):
        Task.from_json(data)
        return dict(data)


def read_ledger(folder: RunFolder, price: Price | None) -> Ledger:
    """What the run's replies cost, counted from the kept exchanges."""
    ledger = Ledger(price=price)
    for event in folder.of_kind("reply"):
        ledger.add(event.data["purpose"], cassette.reply_from_json(folder.read_json(event.data["file"])))
    return ledger


def source_of(folder: RunFolder, trial: Trial) -> str:
    """The text that a trial ran: of its candidate, or of an earlier attempt that was mended later."""
    for event in folder.of_kind("candidate"):
        if event.data["code_hash"] == trial.code_hash:
            attempt = event.key.rpartition("/")[2]
            path = folder.file(f"candidates/{trial.candidate}/attempts/{attempt}/model.py")
            with reading(path):
                source = path.read_text(encoding="utf-8")
            if hashlib.sha256(source.encode()).hexdigest() != trial.code_hash:
                raise ConfigError(
                    f"{path} is not the text that {trial.name} ran: its hash differs",
                    hint="restore it from a copy; codegen-hpo check tells about a changed text",
                )
            return source
    raise ConfigError(
        f"{folder.path}: no attempt of {trial.candidate} has the code hash that {trial.name} recorded",
        hint="the run was changed by something else; restore it from a copy",
    )


def _candidates(folder: RunFolder) -> dict[str, Candidate]:
    found = {}
    for event in folder.of_kind("candidate"):
        path = folder.file(f"candidates/{event.key.partition('/')[0]}/model.py")
        with reading(path):
            source = path.read_text(encoding="utf-8")
        with reading(folder.path / "events.jsonl"):
            found[event.data["name"]] = codec.candidate_from_json(event.data, source)
    return found
