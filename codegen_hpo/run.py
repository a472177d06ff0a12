"""Runs from Python: start one, open one, use its model. The command line is a thin layer over this file."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from codegen_hpo.author.base import Author
from codegen_hpo.author.cookbook import RECIPES
from codegen_hpo.engine.parts import MakeTuner
from codegen_hpo.engine.session import MakeAsk, Session, price_of
from codegen_hpo.engine.settings import Budget, History, Settings, TunerName
from codegen_hpo.errors import CodegenHpoError, ConfigError, Interrupted, reading
from codegen_hpo.export import export
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.events import LLMEvent
from codegen_hpo.llm.ledger import Ledger
from codegen_hpo.llm.messages import Ask
from codegen_hpo.predict import predict, winner
from codegen_hpo.records import Candidate, Sink, Trial
from codegen_hpo.rerun import Rerun, rerun
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.space import Scalar
from codegen_hpo.store import history as records
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.table.read import read_table
from codegen_hpo.task import METRICS, Task

__all__ = ["Budget", "Run", "fit"]


def fit(
    task: Task,
    *,
    model: str | None = None,
    base_url: str | None = None,
    temperature: float | None = None,
    cookbook: bool = False,
    author: Author | None = None,
    tuner: TunerName | MakeTuner | None = None,
    sandbox: str | Sandbox = "auto",
    unsafe: bool = False,
    budget: Budget | None = None,
    candidates: int | None = None,
    history: History = "compressed",
    reasoning: bool = False,
    repairs: int = 5,
    private: bool = False,
    device: str = "auto",
    threads: int | None = None,
    memory_bytes: int = 4 << 30,
    trial_s: float = 300.0,
    price: tuple[float, float] | None = None,
    seed: int = 0,
    runs: Path | str = "runs",
    sinks: Sequence[Sink] = (),
    environ: Mapping[str, str] | None = None,
) -> "Run":
    """The finished run of a task: a function written, checked, executed and tuned.

    Without an endpoint (`model`, `base_url`, or OPENAI_API_KEY and OPENAI_BASE_URL in the environment) the
    cookbook writes and TPE tunes.

    Args:
        author: writes in place of the language model or the cookbook.
        tuner: "llm", "tpe", "random", or what makes a tuner for a candidate.
        sandbox: "auto", "docker", "none", or a sandbox of your own.
        unsafe: let "none" run code that a model wrote.
        candidates: how many different functions to write; 1 by default, 2 with the cookbook.
        trial_s: training time of one trial, seconds.
        price: USD per million prompt and completion tokens.
        runs: the folder of all runs.

    Raises:
        ConfigError: a choice that cannot be.
        EndpointError, SandboxError, NoCandidateError, NoModelError: what ended the run; all is kept in it.
    """
    endpoint = None
    if not cookbook and author is None:
        endpoint = Endpoint.resolve(
            base_url=base_url,
            model=model,
            temperature=temperature,
            environ=os.environ if environ is None else environ,
        )
    by_model = endpoint is not None
    settings = Settings(
        author=author.name if author else f"llm:{endpoint.model}" if endpoint else "cookbook",
        tuner=tuner if isinstance(tuner, str) else "custom" if tuner else "llm" if by_model else "tpe",
        history=history,
        reasoning=reasoning,
        candidates=candidates or (1 if by_model or author else 2),
        repairs=repairs,
        seed=seed,
        sandbox=sandbox if isinstance(sandbox, str) else sandbox.name,
        unsafe=unsafe,
        device=device,
        threads=threads or min(4, os.cpu_count() or 1),
        memory_bytes=memory_bytes,
        trial_s=trial_s,
        private=private,
        endpoint=endpoint.url if endpoint else "",
        model=endpoint.model if endpoint else "",
        temperature=temperature,
        price=price,
        budget=budget or Budget(),
    )
    if settings.author == "cookbook" and settings.candidates > len(RECIPES):
        raise ConfigError(
            f"{settings.candidates} candidates are asked for, the cookbook holds {len(RECIPES)}",
            hint="ask for fewer, or configure a model that writes more",
        )
    if settings.tuner == "llm" and not by_model:
        raise ConfigError(
            "the tuner llm needs a language model, and none is configured",
            hint="set OPENAI_API_KEY or give --base-url; --tuner tpe needs none",
        )
    trusted = author.trusted if author else not by_model
    place = _place(sandbox, settings, trusted=trusted)
    run = Run(RunFolder.create(Path(runs), task.target, datetime.now()))
    _work(
        run,
        settings,
        task=task,
        sandbox=place,
        make_ask=_asker(endpoint),
        author=author,
        make_tuner=None if tuner is None or isinstance(tuner, str) else tuner,
        sinks=sinks,
    )
    return run


class Best(NamedTuple):
    """The model of a run."""

    trial: Trial
    candidate: Candidate

    @property
    def source(self) -> str:
        return self.candidate.source

    @property
    def arguments(self) -> dict[str, Scalar]:
        return dict(self.trial.call.arguments)

    @property
    def score(self) -> float | None:
        """The task's metric on the validation rows."""
        return self.trial.score


class Run:
    """One run on disk."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """The run in a folder. Raises ConfigError if it is none."""
        return cls(RunFolder.open(Path(path)))

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def history(self) -> records.History:
        """Everything that the run's events tell."""
        return records.read_history(self.folder)

    @property
    def best(self) -> "Best":
        """The model that `predict` and `export` use. Raises NoModelError."""
        history = self.history
        trial = winner(history)
        return Best(trial, next(c for c in history.candidates if c.name == trial.candidate))

    @property
    def ledger(self) -> Ledger:
        """Requests, tokens, seconds and, where the price is known, cost."""
        settings = records.read_history(self.folder).settings
        return records.read_ledger(self.folder, price_of(Settings.from_json(settings)) if settings else None)

    def leaderboard(self) -> pd.DataFrame:
        """A row a trial and a baseline, the best first, with name, proposed_by, status, score and seconds."""
        history = self.history
        metric = self.task["metric"]
        rows = [
            {
                "name": t.name,
                "candidate": t.candidate,
                "proposed_by": t.call.proposed_by,
                "status": t.outcome.status,
                metric: t.score,
                "seconds": t.outcome.seconds,
                "parameters": t.outcome.parameters,
            }
            for t in history.trials
        ]
        rows += [
            {
                "name": b.name,
                "candidate": "",
                "proposed_by": "baseline",
                "status": "ok",
                metric: b.validation_score,
                "seconds": b.seconds,
                "parameters": 0,
            }
            for b in history.baselines
        ]
        ascending = not METRICS[metric].higher_is_better
        frame = pd.DataFrame(rows)
        return frame.sort_values(metric, ascending=ascending, na_position="last", ignore_index=True)

    @property
    def task(self) -> dict[str, Any]:
        """The task as it was recorded: target, kind, metric, columns, split sizes."""
        return records.read_task(self.folder)

    def predict(
        self,
        data: pd.DataFrame | Path | str,
        *,
        proba: bool = False,
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
    ) -> pd.DataFrame:
        """Predictions for new rows, made in a sandbox; see `codegen_hpo.predict.predict`."""
        frame = data if isinstance(data, pd.DataFrame) else read_table(Path(data)).frame
        return predict(self.folder, self.best.trial, frame, self._sandbox(sandbox, unsafe), proba=proba)

    def export(self, to: Path | str) -> list[Path]:
        """The files of a folder that predicts with torch, numpy and pandas alone. Raises ConfigError."""
        best = self.best
        return export(self.folder, best.trial, best.candidate.author, Path(to))

    def rerun(
        self,
        trial: str,
        *,
        changes: Mapping[str, str] | None = None,
        seed: int | None = None,
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
    ) -> Rerun:
        """A recorded trial trained again; see `codegen_hpo.rerun.rerun`."""
        history = self.history
        found = history.trial(trial)
        if found is None:
            raise ConfigError(
                f"{history.name} has no trial {trial!r}; it has {len(history.trials)}",
                hint=f"codegen-hpo show {history.name} --trials lists them",
            )
        return rerun(
            self.folder, history, found, self._sandbox(sandbox, unsafe), changes=changes or {}, seed=seed
        )

    def resume(
        self,
        *,
        trials: int | None = None,
        seconds: float | None = None,
        tokens: int | None = None,
        usd: float | None = None,
        base_url: str | None = None,
        author: Author | None = None,
        tuner: MakeTuner | None = None,
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
        sinks: Sequence[Sink] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Carries the run on: what is recorded is not done again. Limits given here replace those recorded.

        Raises:
            ConfigError: the run stopped before its data was prepared, or its endpoint is not configured.
            EndpointError, SandboxError, NoCandidateError, NoModelError: as `fit`.
        """
        recorded = self._settings()
        given: dict[str, Any] = {"trials": trials, "seconds": seconds, "tokens": tokens, "usd": usd}
        changed = {name: value for name, value in given.items() if value is not None}
        settings = replace(
            recorded, budget=replace(recorded.budget, **changed), unsafe=unsafe or recorded.unsafe
        )
        endpoint = None
        if settings.model:
            endpoint = Endpoint.resolve(
                base_url=base_url or settings.endpoint,
                model=settings.model,
                temperature=settings.temperature,
                environ=os.environ if environ is None else environ,
            )
        _work(
            self,
            settings,
            task=Task.from_json(self.task),
            sandbox=self._sandbox(sandbox, unsafe, author),
            make_ask=_asker(endpoint),
            author=author,
            make_tuner=tuner,
            sinks=sinks,
        )

    def _settings(self) -> Settings:
        history = self.history
        if not history.versions:
            raise ConfigError(
                f"{self.path} was stopped before its data was prepared: nothing was trained or paid for",
                hint="start it again with codegen-hpo fit",
            )
        with reading(self.path / "events.jsonl"):
            return Settings.from_json(history.settings)

    def _sandbox(self, sandbox: str | Sandbox, unsafe: bool, author: Author | None = None) -> Sandbox:
        settings = self._settings()
        if sandbox == "auto":
            sandbox = settings.sandbox
        trusted = author.trusted if author else settings.author == "cookbook"
        return _place(sandbox, replace(settings, unsafe=unsafe or settings.unsafe), trusted=trusted)


def _work(
    run: Run,
    settings: Settings,
    *,
    task: Task,
    sandbox: Sandbox,
    make_ask: MakeAsk | None,
    author: Author | None,
    make_tuner: MakeTuner | None,
    sinks: Sequence[Sink],
) -> None:
    """One session under the run's lock; errors learn where the run is."""
    session = Session(
        folder=run.folder,
        task=task,
        settings=settings,
        sandbox=sandbox,
        make_ask=make_ask,
        author=author,
        make_tuner=make_tuner,
        sinks=sinks,
    )
    try:
        with run.folder.writing():
            session.run()
    except CodegenHpoError as error:
        error.run = run.path
        raise
    except KeyboardInterrupt as interrupt:
        raise Interrupted(run.path) from interrupt


def _place(sandbox: str | Sandbox, settings: Settings, *, trusted: bool) -> Sandbox:
    if not isinstance(sandbox, str):
        return sandbox
    return choose_sandbox(
        sandbox,
        trusted=trusted,
        unsafe=settings.unsafe,
        device=settings.device,
        limits=Limits(memory_bytes=settings.memory_bytes, cpus=settings.threads),
    )


def _asker(endpoint: Endpoint | None) -> MakeAsk | None:
    if endpoint is None:
        return None

    def make(on_event: Callable[[LLMEvent], None]) -> Ask:
        from codegen_hpo.llm.client import Client  # the openai client takes half a second to import

        return Client(endpoint, on_event=on_event).ask

    return make
