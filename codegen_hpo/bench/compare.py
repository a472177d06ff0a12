"""Compares tuners on one function of one table.

The function is given, shipped, or written once by the model. Each run is an ordinary one; its seed varies
what the tuner and the training draw, never the split.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from codegen_hpo.author.base import Author
from codegen_hpo.author.cookbook import CookbookAuthor, is_recipe
from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.bench.comparison import Comparison, Result
from codegen_hpo.contract import read_candidate_apart
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError, NoCandidateError, NoModelError, reading
from codegen_hpo.fitting import fit
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.records import Sink
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.store.folder import list_runs
from codegen_hpo.task import Task
from codegen_hpo.tuner.make import TunerOptions, check_trials
from codegen_hpo.tuner.names import check_tuner, needs_model

_CANDIDATE, _FACTS = "candidate.py", "comparison.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What all runs of a comparison have alike: keywords of `fit`."""

    model: str | None = None
    base_url: str | None = None
    temperature: float | None = None
    tuning: TunerOptions = field(default_factory=TunerOptions)
    budget: Budget = field(default_factory=Budget)
    sandbox: str | Sandbox = "auto"
    unsafe: bool = False
    private: bool = False
    device: str = "auto"
    parallel: int = 1
    threads: int | None = None
    memory_bytes: int = 4 << 30
    trial_s: float | None = None
    reply_s: float = 300.0
    reply_tokens: int | None = None
    price: tuple[float, float] | None = None

    def options(self) -> dict[str, Any]:
        """The keywords for `fit`."""
        return {part.name: getattr(self, part.name) for part in fields(self)}


def compare(
    task: Task,
    folder: Path | str,
    *,
    tuners: Sequence[str],
    seeds: int = 5,
    source: str | None = None,
    cookbook: bool = False,
    conditions: Conditions | None = None,
    on_result: Callable[[Result], None] = lambda result: None,
    sinks: Sequence[Sink] = (),
    environ: Mapping[str, str] | None = None,
) -> Comparison:
    """The finished comparison. In a folder that holds a part of it, what is finished is not done again.

    Args:
        task: the table; its own seed settles the split of all runs.
        folder: of the comparison; more tuners and more seeds extend it.
        tuners: names of `codegen_hpo.tuner.names.TUNERS`; those that need a model are left out, and said to
            be, where none is configured.
        seeds: runs a tuner, with the seeds 0, 1, 2 …
        source: of the function; by default the model's, or the cookbook's first where none is configured.
        cookbook: takes the cookbook's although a model is configured.
        conditions: what all runs have alike.
        on_result: called with each run's result, those of earlier calls included.
        sinks: follow each run.

    Raises:
        ConfigError: a choice that cannot be, or a folder of another comparison.
        EndpointError, SandboxError, NoCandidateError: what ended one of the runs.
    """
    folder, conditions = Path(folder), conditions or Conditions()
    environ = os.environ if environ is None else environ
    endpoint = Endpoint.resolve(
        base_url=conditions.base_url, model=conditions.model, environ=environ, temperature=None
    )
    for name in tuners:
        check_tuner(name, with_model=True)
    left_out = tuple(name for name in tuners if needs_model(name) and endpoint is None)
    taken = [name for name in dict.fromkeys(tuners) if name not in left_out]
    if not taken or seeds < 1:
        raise ConfigError(
            f"there is nothing to compare: {seeds} seeds of {', '.join(taken) or 'no tuner'}"
            + (f"; {', '.join(left_out)}: no model is configured" if left_out else ""),
            hint="give --tuners tpe,random and at least one seed; OPENAI_API_KEY or --base-url for a model",
        )
    for name in taken:
        check_trials(name, conditions.tuning, conditions.budget.trials, given=1)  # that at the defaults
    contest = _Contest(folder=folder, task=task, conditions=conditions, sinks=sinks, environ=environ)
    author = contest.author(source, by_model=endpoint is not None and not cookbook)
    contest.agree(author.source, endpoint.model if endpoint else "")
    results = []
    for seed in range(seeds):
        for tuner in taken:
            results.append(contest.result(author, tuner, seed))
            on_result(results[-1])
    return Comparison(
        folder=folder, metric=task.metric, seeds=seeds, results=tuple(results), left_out=left_out
    )


@dataclass(frozen=True, kw_only=True)
class _Contest:
    """The runs of one comparison in its folder: below the name of each tuner, and "written" by the model."""

    folder: Path
    task: Task
    conditions: Conditions
    sinks: Sequence[Sink]
    environ: Mapping[str, str]

    def author(self, source: str | None, *, by_model: bool) -> FixedAuthor:
        """Who offers the function of all runs: the one that is kept, or else the one asked for."""
        path = self.folder / _CANDIDATE
        if source is None and path.exists():
            with reading(path):
                source = path.read_text(encoding="utf-8")
        elif source is None and by_model:
            source = self._written()
        elif source is None:
            source = CookbookAuthor().source(1, self.task.kind)
        trusted = is_recipe(source)
        return FixedAuthor(_sound(source), "cookbook" if trusted else "given", trusted=trusted)

    def agree(self, source: str, model: str) -> None:
        """Notes what is compared. Raises ConfigError if the folder holds a comparison of something else."""
        task, alike = self.task.to_json(), self.conditions.options()
        facts: dict[str, Any] = {
            name: task[name] for name in ("sha256", "target", "kind", "metric", "split", "columns")
        }
        facts |= asdict(self.conditions.budget) | asdict(self.conditions.tuning)
        facts |= {name: alike[name] for name in ("temperature", "trial_s", "parallel", "device")}
        facts |= {name: alike[name] for name in ("threads", "memory_bytes", "private")}
        facts |= {"source": hashlib.sha256(source.encode()).hexdigest(), "model": model}
        facts = json.loads(json.dumps(facts))  # as they read back
        path = self.folder / _FACTS
        if path.exists():
            with reading(path):
                kept = json.loads(path.read_bytes())
            # a comparison that was begun without a model may be extended with one
            facts["model"] = model or kept["model"]
            kept["model"] = kept["model"] or model
            for name, value in facts.items():
                if kept.get(name) != value:
                    raise ConfigError(
                        f"{self.folder} was begun with another {name}: {str(kept.get(name))[:200]}, "
                        f"now it is {str(value)[:200]}",
                        hint="give what it was begun with, or another folder with --out",
                    )
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in ((_CANDIDATE, source), (_FACTS, json.dumps(facts, indent=1) + "\n")):
            part = self.folder / f"{name}.part"  # whole or not at all, whenever it is killed
            part.write_text(text, encoding="utf-8")
            part.replace(self.folder / name)

    def result(self, author: Author, tuner: str, seed: int) -> Result:
        """The result of the tuner's run with that seed, which is made, carried on, or there already."""
        root = self.folder / tuner
        try:
            run = self._run(root, tuner, seed, author)
        except NoModelError as error:
            if error.run is None:
                raise
            run = Run.open(error.run)  # every trial failed: that is a result
        return Result.of(tuner, seed, run, self.folder)

    def _written(self) -> str:
        """The model's function, written in a run of one trial."""
        history = self._run(self.folder / "written", "random", 0, None).history
        return history.candidates[-1].source

    def _run(self, root: Path, tuner: str, seed: int, author: Author | None) -> Run:
        """The finished run of this seed below `root`."""
        for path in list_runs(root):
            run = Run.open(path)
            history = run.history
            if history.versions and history.settings["seed"] == seed:
                if history.state != "done":
                    run.resume(
                        author=author,
                        base_url=self.conditions.base_url,
                        sandbox=self.conditions.sandbox,
                        unsafe=self.conditions.unsafe,
                        sinks=self.sinks,
                        environ=self.environ,
                    )
                return run
        options = self.conditions.options()
        if author is None:
            options |= {"budget": replace(self.conditions.budget, trials=1)}
        else:
            options |= {"repairs": 0}  # a given function is not mended
        try:
            return fit(
                self.task,
                author=author,
                candidates=1,
                tuner=tuner,
                folds=1,
                reseed=0,  # tuners are compared by what they found
                ensemble=1,
                seed=seed,
                runs=root,
                sinks=self.sinks,
                environ=self.environ,
                **options,
            )
        except NoCandidateError as error:
            error.hint = f"codegen-hpo show {error.run} --attempts tells what was wrong with it"
            raise


def _sound(source: str) -> str:
    """The source, if it passes the static gates. Raises ConfigError."""
    found = read_candidate_apart(source, name="c01", author="given").findings
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        line = f"line {found[0].line}: " if found[0].line else ""
        raise ConfigError(
            f"the function does not meet the contract: {line}{found[0].message}{more}",
            hint="codegen-hpo check FILE lists all that is wrong with it",
        )
    return source
