"""What goes on in a run now.

An event says that something has come to its end. What has begun since follows from the order in which the
engine works: write, check, dry-run, train at the defaults, propose and train, fresh seeds, test rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from codegen_hpo.engine.reserve import kept_trials
from codegen_hpo.records import Event, trial_name
from codegen_hpo.shown import number

_ENDS = ("finished", "failed", "interrupted")
_FRESH = "fresh"  # in the keys of trials on fresh seeds
_FRESH_SEEDS = "on fresh seeds"


class Work(NamedTuple):
    """One thing that goes on, or waits for a place."""

    verb: str  # "writes", "checks", "trains", "waits", …
    about: str  # "c01", "t004"
    detail: str  # who proposed the call, and its arguments; which attempt; text of models is in here
    since_s: float  # on the run's own clock
    is_trial: bool = False  # one call, which takes about as long as those before it
    passed: str = ""  # the latest epoch of its training, "epoch 31"


@dataclass(slots=True)
class _Pending:
    """A call that has no trial yet."""

    number: int  # of its trial
    candidate: str
    call: Mapping[str, Any]
    begun_s: float | None  # None: it waits for a place


class Activity:
    """Follows a run's events, of all its sessions from the first on."""

    def __init__(self) -> None:
        self._settings: Mapping[str, Any] = {}
        self._open = False
        self._line: Work | None = None  # what everything but the trainings waits for
        self._pending: dict[str, _Pending] = {}  # by the event's key, in the order of the proposals
        self._candidate = ""  # the latest one, "c01"
        self._attempts = 0  # of it
        self._trained: dict[str, int] = {}  # trials of each candidate
        self._last = 0  # the highest number of a trial
        self._ended: set[str] = set()  # trials
        self._passed: dict[str, tuple[int, str]] = {}  # by trial: the latest fold that trains, and its epoch
        self._alone = False  # no further candidate comes

    @property
    def is_open(self) -> bool:
        """Whether a session has begun and recorded no end."""
        return self._open

    def now(self) -> list[Work]:
        """What goes on, the trainings first, and those calls last that wait for a place."""
        if not self._open:
            return []
        works = [self._work(pending) for pending in self._pending.values()]
        if self._line and self._line.detail == _FRESH_SEEDS and self._passed:
            places = (f"{trial} {told}" for trial, (_, told) in sorted(self._passed.items()))
            return [*works, self._line._replace(passed=", ".join(places))]
        return [*works, self._line] if self._line else works

    def receive(self, event: Event) -> None:
        at_s = event.elapsed_s
        if event.kind in _ENDS:
            self._open = False
        elif event.kind == "settings":
            self._begin(event)
        elif event.kind == "proposing":
            self._line = Work("asks", "the model", "for a space", at_s)
        elif event.kind == "objective":
            self._line = self._choosing(at_s)
        elif event.kind == "prepared":
            self._line = Work("opens", "the sandbox", "", at_s)
        elif event.kind == "sandbox":
            self._line = self._writing("c01", 1, at_s)
        elif event.kind == "reply":
            self._read_reply(event)
        elif event.kind == "attempt":
            self._candidate, self._attempts = event.data["candidate"], event.data["attempt"]
            if event.data["findings"]:
                self._line = self._writing(self._candidate, self._attempts + 1, at_s)
        elif event.kind == "candidate":
            name = str(event.data["name"])
            self._add(f"{name}/default", name, {"proposed_by": "default", "arguments": {}}, at_s)
        elif event.kind == "call":
            self._add(event.key, event.key.partition("/")[0], event.data, at_s)
        elif event.kind == "trial":
            self._end_trial(event)
        elif event.kind == "passed":
            self._pass(event)
        elif event.kind in ("candidate_failed", "left_out"):
            self._alone = self._alone or event.kind == "left_out"
            self._line = self._next(at_s, given_up=True)
        elif event.kind in ("selected", "opened", "disqualified"):
            self._pending.clear()
            self._line = Work("tries", "the final model", "in a fresh process", at_s)
        elif event.kind == "final":
            self._line = None

    def _begin(self, event: Event) -> None:
        """A session: the calls that an earlier one left without a trial are run again."""
        begun_before = bool(self._settings)
        self._settings, self._open = event.data, True
        self._passed.clear()
        what = Work("takes up", "the run", "", event.elapsed_s)
        if not begun_before:
            verb = "prepares" if "author" in event.data else "begins"
            about = "the data" if "author" in event.data else "the search"
            what = Work(verb, about, "", event.elapsed_s)
        self._line = what

    def _read_reply(self, event: Event) -> None:
        """A draft was written, unless it was one for later or the reply was about something else."""
        name, _, part = event.key.partition("/")
        line = self._line
        if part.startswith("author/") and line and (line.verb, line.about) == ("writes", name):
            self._line = Work("checks", name, line.detail, event.elapsed_s)

    def _add(self, key: str, candidate: str, call: Mapping[str, Any], at_s: float) -> None:
        self._line = None
        numbers = [self._last, *(pending.number for pending in self._pending.values())]
        begun_s = at_s if len(self._pending) < self._places else None
        self._pending[key] = _Pending(max(numbers) + 1, candidate, call, begun_s)

    def _pass(self, event: Event) -> None:
        """A training of a trial that is under way has passed an epoch; folds may train side by side."""
        fold, folds, epoch = (int(event.data[name]) for name in ("fold", "folds", "epoch"))
        trial = str(event.key)
        if trial not in self._ended and fold >= self._passed.get(trial, (0, ""))[0]:
            told = f"epoch {epoch}" if folds == 1 else f"fold {fold} of {folds}, epoch {epoch}"
            self._passed[trial] = fold, told

    def _end_trial(self, event: Event) -> None:
        data, at_s = event.data, event.elapsed_s
        name = trial_name(int(data["number"]))
        self._ended.add(name)
        self._passed.pop(name, None)
        candidate = str(data["candidate"])
        self._last = max(self._last, int(data["number"]))
        self._trained[candidate] = self._trained.get(candidate, 0) + (data["outcome"]["status"] != "refused")
        if event.key.split("/")[1:2] == [_FRESH]:
            self._pending.clear()  # what the search had proposed and not begun is not run any more
            self._line = self._again(at_s)
            return
        of_defaults = self._pending.pop(f"{candidate}/default", None)
        self._pending.pop(event.key, None)
        if of_defaults and data["loss"] is None:
            self._pending = {k: p for k, p in self._pending.items() if p.candidate != candidate}
            self._line = self._writing(candidate, self._attempts + 1, at_s)
            return
        for waiting in list(self._pending.values())[: self._places]:
            waiting.begun_s = at_s if waiting.begun_s is None else waiting.begun_s
        if not self._pending:
            self._line = self._next(at_s, given_up=False)

    def _next(self, at_s: float, *, given_up: bool) -> Work:
        """What follows when nothing is trained: another candidate, fresh seeds or a call."""
        explore = self._settings.get("explore")
        had_its_part = explore is not None and self._trained.get(self._candidate, 0) >= explore
        number = int(self._candidate[1:] or 0) if self._candidate[:1] == "c" else 0
        if (given_up or had_its_part) and not self._alone and number < self._settings.get("candidates", 0):
            return self._writing(f"c{number + 1:02d}", 1, at_s)
        budget = self._settings.get("budget", {}).get("trials")
        kept = kept_trials(budget, self._settings.get("reseed", 0)) if budget else 0
        if budget is None or sum(self._trained.values()) < budget - kept:
            return self._choosing(at_s)
        return self._again(at_s) if kept else Work("ends", "the search", "", at_s)

    @property
    def _places(self) -> int:
        return int(self._settings.get("parallel", 1))

    def _writing(self, name: str, attempt: int, at_s: float) -> Work:
        ours = self._settings.get("author") == "cookbook"  # a recipe is there at once
        return Work("checks" if ours else "writes", name, f"attempt {attempt}", at_s)

    def _choosing(self, at_s: float) -> Work:
        return Work("chooses", "a call", str(self._settings.get("tuner", "")), at_s)

    def _again(self, at_s: float) -> Work:
        return Work("trains", "the best calls", _FRESH_SEEDS, at_s)

    def _work(self, pending: _Pending) -> Work:
        by = str(pending.call["proposed_by"])
        arguments = " ".join(f"{name}={number(value)}" for name, value in pending.call["arguments"].items())
        detail = f"{pending.candidate} {by}" if self._settings.get("author") else by
        verb = "waits" if pending.begun_s is None else "trains" if "author" in self._settings else "runs"
        trial = trial_name(pending.number)
        _, passed = self._passed.get(trial, (0, ""))
        return Work(verb, trial, f"{detail} {arguments}".strip(), pending.begun_s or 0.0, True, passed)
