"""A run on disk: look at it, resume it, use its model. The command line is a thin layer over this file."""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from codegen_hpo.agenthpo.tuning import resume_script
from codegen_hpo.assistant.record import Record
from codegen_hpo.author.base import Author
from codegen_hpo.author.cookbook import is_recipe
from codegen_hpo.consent import recorded_endpoint, require_agreed
from codegen_hpo.engine.parts import MakeTuner, asker, find_sandbox
from codegen_hpo.engine.places import Asked, FindSandbox, places
from codegen_hpo.engine.session import Session
from codegen_hpo.engine.settings import Settings
from codegen_hpo.errors import CodegenHpoError, ConfigError, reading
from codegen_hpo.export.folder import export
from codegen_hpo.export.notebook import export_notebook
from codegen_hpo.export.onnx_folder import export_onnx
from codegen_hpo.leaderboard import leaderboard
from codegen_hpo.llm.ledger import Ledger, price_of
from codegen_hpo.loaded_model import LoadedModel
from codegen_hpo.objective.command import CommandObjective
from codegen_hpo.objective.session import ObjectiveSession
from codegen_hpo.objective.settings import PROPOSING, Aim, SearchSettings
from codegen_hpo.predict import model_of, predict, winner
from codegen_hpo.records import Candidate, Member, Sink, Trial
from codegen_hpo.report.notebook import run_html
from codegen_hpo.report.page import Shuffling, page, write_page
from codegen_hpo.rerun import Rerun, rerun
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sinks.open import Following, opened_sinks
from codegen_hpo.space import Scalar
from codegen_hpo.store import history as records
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import source_of
from codegen_hpo.table.read import read_table
from codegen_hpo.task import METRICS, Metric, Task
from codegen_hpo.trained_model import TrainedModel
from codegen_hpo.tuner.names import needs_model


class Best(NamedTuple):
    """The best trial of a run, which is its model where there is no ensemble."""

    trial: Trial
    candidate: Candidate

    @property
    def source(self) -> str:
        """The function's file."""
        return self.candidate.source

    @property
    def arguments(self) -> dict[str, Scalar]:
        """Those of the trial's call, defaults included."""
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
        """The run's folder."""
        return self.folder.path

    @property
    def history(self) -> records.History:
        """Everything that the run's events tell."""
        return records.read_history(self.folder)

    @property
    def best(self) -> "Best":
        """The best trial: `predict` and `export` use it with `single`. Raises NoModelError."""
        self._require_table()
        history = self.history
        trial = winner(history)
        return Best(trial, next(c for c in history.candidates if c.name == trial.candidate))

    @property
    def ledger(self) -> Ledger:
        """Requests, tokens, seconds and, where the price is known, cost."""
        settings = self.history.settings
        return records.read_ledger(self.folder, price_of(settings.get("price")))

    def leaderboard(self) -> pd.DataFrame:
        """A row a trial and a baseline, the best first, with name, proposed_by, status, score and seconds.

        `fallback` says why another tuner took a turn of the model's.
        """
        return leaderboard(self.history, self.metric)

    @property
    def aim(self) -> Aim | None:
        """What was tuned in a run of `tune` or `minimize`; None in the run of a table.

        Raises ConfigError in a run that ended before a model had proposed its space.
        """
        data = self.history.objective
        if data is None and self.folder.of_kind(PROPOSING):
            raise ConfigError(
                f"{self.path} ended before the model had proposed a space: there is nothing to show or go on",
                hint="begin again with codegen-hpo tune-script; "
                f"codegen-hpo show {self.path} --prompt shows what the model said",
            )
        with reading(self.path / "events.jsonl"):
            return Aim.from_json(data) if data else None

    @property
    def metric(self) -> Metric:
        """What the trials are compared by."""
        aim = self.aim
        return aim.direction if aim else METRICS[self.task["metric"]]

    @property
    def task(self) -> dict[str, Any]:
        """The task as it was recorded: target, kind, metric, columns, split sizes."""
        return records.read_task(self.folder)

    def predict(
        self,
        data: pd.DataFrame | Path | str,
        *,
        proba: bool = False,
        single: bool = False,
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
    ) -> pd.DataFrame:
        """Predictions for new rows, made in a sandbox; see `codegen_hpo.predict.predict`.

        `single` takes the best trial's model in place of the ensemble.
        """
        self._require_table()
        frame = data if isinstance(data, pd.DataFrame) else read_table(Path(data)).frame
        place = self._sandbox(sandbox, unsafe, device="cpu")
        return predict(self.folder, self.model(single=single), frame, place, proba=proba)

    def model(self, *, single: bool = False) -> tuple[Member, ...]:
        """The members of the model, each a trial with its weight; see `codegen_hpo.predict.model_of`."""
        self._require_table()
        return model_of(self.history, single=single)

    def load(
        self, *, single: bool = False, sandbox: str | Sandbox = "auto", unsafe: bool = False, threads: int = 1
    ) -> LoadedModel:
        """The model for many predictions: it is loaded once, in a sandbox; see `LoadedModel`."""
        trained = TrainedModel.of(self.folder, self.model(single=single))
        place = self._sandbox(sandbox, unsafe, device="cpu")
        return LoadedModel(trained, lambda: place, threads=threads)

    def export(self, to: Path | str, *, single: bool = False) -> list[Path]:
        """The files of a folder that predicts with torch, numpy and pandas alone. Raises ConfigError.

        `single` takes the best trial's model in place of the ensemble.
        """
        return export(self.folder, self.history, self.model(single=single), Path(to))

    def export_notebook(self, to: Path | str, *, single: bool = False) -> list[Path]:
        """The files of such a folder, and a notebook beside them with code, data steps and curves."""
        return export_notebook(self.folder, self.history, self.model(single=single), Path(to))

    def export_onnx(
        self,
        to: Path | str,
        *,
        single: bool = False,
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
    ) -> list[Path]:
        """The files of a folder that predicts with onnxruntime, numpy and pandas alone; see `export_onnx`.

        The model is traced in a sandbox, and the graph compared with it on rows of the run.
        """
        trained = TrainedModel.of(self.folder, self.model(single=single))
        return export_onnx(self.folder, trained, self._sandbox(sandbox, unsafe, device="cpu"), Path(to))

    def report(
        self,
        to: Path | str,
        *,
        permutation: bool = True,
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
    ) -> Path:
        """Writes the run as one HTML file that needs nothing else; see `codegen_hpo.report.page.page`.

        Args:
            to: the file; one that is there is replaced.
            permutation: whether the model is run, in a sandbox, to tell which columns it uses. Without a
                sandbox that works the report says so in that place.
            sandbox: where it is run.
            unsafe: as in `predict`.
        """
        record = Record.open(self.path)
        return write_page(page(record, self._shuffling(record, permutation, sandbox, unsafe)), Path(to))

    def _shuffling(
        self, record: Record, permutation: bool, sandbox: str | Sandbox, unsafe: bool
    ) -> Shuffling:
        if not permutation:
            return Shuffling(sandbox=None, reason="it was not asked for")
        if record.task is None or record.history.best() is None:
            return Shuffling(sandbox=None)
        try:
            return Shuffling(sandbox=self._sandbox(sandbox, unsafe, device="cpu"))
        except CodegenHpoError as error:
            return Shuffling(sandbox=None, reason=f"{error} ({error.hint})" if error.hint else str(error))

    def _repr_html_(self) -> str:
        return run_html(Record.open(self.path))

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
        self._require_table()
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
        patience: int | None = None,
        base_url: str | None = None,
        trust_command: bool = False,
        here: bool = False,
        author: Author | None = None,
        tuner: MakeTuner | None = None,
        sandbox: str | Sandbox = "auto",
        unsafe: bool = False,
        workers: str | None = None,
        sinks: Sequence[Sink | str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Carries the run on: what is recorded is not done again. Limits given here replace those recorded.

        `sinks` as for `fit`; a tracker is told what it has not of the earlier sessions. `workers` as for
        `fit`; they are not recorded, for a folder that came by mail must not say where the data is sent.

        A run of `tune` names the command that it runs. It is run only if that is said now, with
        `trust_command`, for the folder may have come by mail; and where the working folder is not that of
        its first session, only if `here` says that this one is right, for paths in a command are relative.
        So it is where the folder of a script has changed since the last trial.

        Raises:
            ConfigError: the run stopped before its data was prepared, its endpoint is not configured, or
                something is given that a run of `tune` has no use for.
            EndpointError, SandboxError, NoCandidateError, NoModelError: as `fit`.
        """
        given: dict[str, Any] = {
            "trials": trials,
            "seconds": seconds,
            "tokens": tokens,
            "usd": usd,
            "patience": patience,
        }
        changed = {name: value for name, value in given.items() if value is not None}
        aim = self.aim
        if aim:
            useless = {
                "sandbox": sandbox != "auto",
                "unsafe": unsafe,
                "workers": workers,
                "author": author,
                "tuner": tuner,
            }
            how = aim.commanded.how if aim.commanded else "in your process"
            _require_none((name for name, value in useless.items() if value), how)
            if aim.commanded:
                require_agreed(aim.commanded, trusted=trust_command, here=here)
            with self._opened(sinks) as opened:
                return self._resume_search(
                    aim, changed, base_url, opened, os.environ if environ is None else environ, here=here
                )
        recorded = self._settings()
        settings = replace(recorded, budget=replace(recorded.budget, **changed), unsafe=unsafe)
        endpoint = None
        if settings.model and (author is None or needs_model(settings.tuner)):
            endpoint = recorded_endpoint(settings, base_url, os.environ if environ is None else environ)
        asked = Asked(
            settings.device, settings.memory_bytes, settings.at_once, settings.threads, settings.folds
        )
        with places(workers, asked) as at, self._opened(sinks) as opened:
            Session(
                folder=self.folder,
                task=Task.from_json(self.task),
                settings=settings,
                sandbox=self._sandbox(sandbox, unsafe, author, find=at.sandbox),
                make_ask=asker(endpoint, settings.reply_s),
                author=author,
                make_tuner=tuner,
                sinks=opened,
            ).run()

    def _opened(self, sinks: Sequence[Sink | str]) -> AbstractContextManager[Sequence[Sink]]:
        """The sinks of another session."""
        return opened_sinks(sinks, Following(self.folder.name, self.metric.name), self.folder.events)

    def _resume_search(
        self,
        aim: Aim,
        changed: Mapping[str, Any],
        base_url: str | None,
        sinks: Sequence[Sink],
        environ: Mapping[str, str],
        *,
        here: bool,
    ) -> None:
        if aim.commanded is None:
            raise ConfigError(
                f"{self.history.name} tuned a Python function, which its folder does not hold",
                hint=f'call minimize(..., run="{self.path}") with that function again',
            )
        with reading(self.path / "events.jsonl"):
            settings = SearchSettings.from_json(self.history.settings)
        settings = replace(settings, budget=replace(settings.budget, **changed))
        # a model that only proposed the space is not asked again
        asks = bool(settings.model) and needs_model(settings.tuner)
        endpoint = recorded_endpoint(settings, base_url, environ) if asks else None
        if aim.script:
            return resume_script(self.folder, aim, settings, endpoint, sinks, here=here)
        assert aim.command is not None
        ObjectiveSession(
            aim=aim,
            settings=settings,
            objective=CommandObjective(aim.command, aim.space, self.folder),
            folder=self.folder,
            make_ask=asker(endpoint, settings.reply_s),
            sinks=sinks,
        ).run()

    def _require_table(self) -> None:
        """Raises ConfigError in the run of an objective, which has no model."""
        if self.aim:
            raise ConfigError(
                f"{self.history.name} tuned an objective of your own: it holds no table and no model",
                hint=f"codegen-hpo show {self.path} gives its best arguments",
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

    def _sandbox(
        self,
        sandbox: str | Sandbox,
        unsafe: bool,
        author: Author | None = None,
        device: str | None = None,
        find: FindSandbox = find_sandbox,
    ) -> Sandbox:
        """The sandbox asked for, or the recorded one.

        What the folder says of itself counts for nothing here, for it may have come by mail: code is trusted
        if every source that ran is a recipe of ours to the letter, and the wall is left out only if that is
        said now.
        """
        settings = self._settings()
        if sandbox == "auto":
            sandbox = settings.sandbox
        trusted = (
            author.trusted
            if author
            else settings.author == "cookbook"
            and all(is_recipe(source_of(self.folder, trial)) for trial in self.history.trials)
        )
        settings = replace(settings, unsafe=unsafe, device=device or settings.device)
        return find(sandbox, settings, trusted)


def _require_none(names: Iterable[str], how: str) -> None:
    """Raises ConfigError if anything is given that the run of an objective, run so, would pass over."""
    if given := ", ".join(names):
        raise ConfigError(
            f"{given} is given, and the run is that of an objective: it runs {how}, with the tuner "
            "that is recorded",
            hint="leave it out",
        )
