"""One session of a search over an objective, recorded in a run or not."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Ending
from codegen_hpo.engine.parts import MakeAsk
from codegen_hpo.errors import CodegenHpoError, ConfigError, Interrupted, StorageError
from codegen_hpo.llm.events import LLMEvent
from codegen_hpo.llm.ledger import Ledger, price_of
from codegen_hpo.llm.messages import Ask
from codegen_hpo.objective.base import Objective
from codegen_hpo.objective.disclosure import text_without_paths
from codegen_hpo.objective.search import Notes, Search
from codegen_hpo.objective.settings import Aim, SearchSettings
from codegen_hpo.objective.unrecorded import Unrecorded, counted
from codegen_hpo.records import Sink, Trial
from codegen_hpo.store.folder import RunFolder, WriteError
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.make import Model, make_tuner
from codegen_hpo.tuner.subject import objective_subject, script_subject

if TYPE_CHECKING:
    from codegen_hpo.engine.correspondence import Correspondence


class Result(NamedTuple):
    """What a session came to; its trials are in the order of their calls, earlier sessions included."""

    trials: list[Trial]
    ending: Ending


class Companion(Protocol):
    """Those who go along with a recorded search and may ask its model: AgentHPO's Executor and Creator.

    `letters` is None where there is no model.
    """

    def executor(self, objective: Objective, journal: Journal, letters: "Correspondence | None") -> Objective:
        """What carries out the calls: the objective itself, or one that has a model carry them out."""

    def record(self, trials: Sequence[Trial], journal: Journal, letters: "Correspondence | None") -> None:
        """Called when a trial was told; the trials are in the order of their calls."""

    def stop(
        self, trials: Sequence[Trial], why: str, journal: Journal, letters: "Correspondence | None"
    ) -> None:
        """Called when something stops the search before its end."""

    def conclude(
        self, trials: Sequence[Trial], ending: Ending, journal: Journal, letters: "Correspondence | None"
    ) -> None:
        """Called when the search has ended, before that is recorded. Raises EndpointError."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveSession:
    """Everything one session works with; `make_ask` reaches the model, if there is one."""

    aim: Aim
    settings: SearchSettings
    objective: Objective
    folder: RunFolder | None = None  # None: nothing is kept
    make_ask: MakeAsk | None = None
    sinks: Sequence[Sink] = ()
    on_trial: Callable[[Trial], None] = lambda trial: None
    companion: Companion | None = None  # of a recorded search

    def run(self) -> Result:
        """Searches, and records how it ended.

        Raises:
            Interrupted: Ctrl-C, if there is a run to resume.
            CodegenHpoError: what stopped the search, with the run's folder.
            and what the objective raises.
        """
        if self.folder is None:
            return self._unrecorded()
        with _kept(self.folder), self.folder.writing():
            journal = Journal(self.folder, self.sinks)
            first = self._begin(journal)
            with end_recorded(journal):
                letters = self._letters(journal)
                tuner = self._tuner(letters.ask if letters else None, first.budget.trials)
                search = self._search(journal, tuner, letters)
                if self.companion:
                    _accompany(search, self.companion, journal, letters)
                with self._stopped(search, journal, letters):
                    ending = search.run()
                if self.companion:
                    self.companion.conclude(search.trials, ending, journal, letters)
                journal.note("finished", "", ending._asdict())
        return Result(search.trials, ending)

    @contextmanager
    def _stopped(self, search: Search, journal: Journal, letters: "Correspondence | None") -> Iterator[None]:
        """Lets the companion tell what stops the search."""
        try:
            yield
        except (KeyboardInterrupt, CodegenHpoError) as stop:
            if self.companion:
                why = "it was interrupted"
                if isinstance(stop, CodegenHpoError):
                    why = _portable(str(stop), journal.folder)
                self.companion.stop(search.trials, why, journal, letters)
            raise

    def _begin(self, journal: Journal) -> SearchSettings:
        """The settings of the first session; those of this one are recorded, and at first what is tuned.

        Raises ConfigError if the run is one of another search.
        """
        recorded = journal.recall("objective", "")
        events = journal.folder.of_kind("settings")
        if any("author" in event.data for event in events):
            raise ConfigError(f"{journal.folder.path} is the run of a table", hint="give a folder of its own")
        first = self.settings
        if recorded:
            old, new = Aim.from_json(recorded.data).to_json(), self.aim.to_json()
            _require_equal({name: (old[name], new[name]) for name in old})
            first = SearchSettings.from_json(
                [event for event in events if event.number < recorded.number][-1].data
            )
            _require_equal({name: (getattr(first, name), getattr(self.settings, name)) for name in _FIXED})
        journal.announce("settings", self.settings.to_json())
        if not recorded:
            journal.announce("objective", self.aim.to_json() | {"versions": _versions()})
        return first

    def _unrecorded(self) -> Result:
        ledger = Ledger(price=price_of(self.settings.price))
        ask = self.make_ask(lambda event: None) if self.make_ask else None
        asked = counted(ask, ledger, self.settings.budget) if ask else None
        tuner = self._tuner(asked, self.settings.budget.trials)
        search = self._search(Unrecorded(), tuner, None)
        ending = search.run()
        return Result(search.trials, ending)

    def _search(self, notes: Notes, tuner: Tuner, letters: "Correspondence | None") -> Search:
        return Search(
            aim=self.aim,
            settings=self.settings,
            objective=self.objective,
            tuner=tuner,
            notes=notes,
            letters=letters,
            on_trial=self.on_trial,
        )

    def _tuner(self, ask: Ask | None, trials: int | None) -> Tuner:
        describe = script_subject if self.aim.script else objective_subject
        # of the first budget: more of it later changes nothing in how a hybrid shares the work
        return make_tuner(
            self.settings.tuner,
            self.aim.space,
            seed=self.settings.seed,
            trials=trials,
            subject=describe(self.aim.about, self.aim.direction, self.aim.space),
            model=Model(ask, self.settings.model) if ask else None,
            options=self.settings.tuning,
        )

    def _letters(self, journal: Journal) -> "Correspondence | None":
        return correspondence(self.make_ask, journal, self.settings) if self.make_ask else None


def correspondence(make_ask: MakeAsk, journal: Journal, settings: SearchSettings) -> "Correspondence":
    """The recorded exchange with the model that `make_ask` reaches."""
    from codegen_hpo.engine.correspondence import Correspondence

    def wait(event: LLMEvent) -> None:
        journal.note("model_" + event.kind, "", {"text": str(event), "seconds": event.wait_s})

    return Correspondence(make_ask(wait), journal, price_of(settings.price), settings.budget)


def _accompany(
    search: Search, companion: Companion, journal: Journal, letters: "Correspondence | None"
) -> None:
    """Lets the companion carry out and record what the search does."""
    on_trial = search.on_trial

    def told(trial: Trial) -> None:
        on_trial(trial)
        companion.record(search.trials, journal, letters)

    search.on_trial = told
    search.objective = companion.executor(search.objective, journal, letters)


_LIBRARIES = ("codegen-hpo", "numpy", "optuna", "scikit-learn", "cmaes", "smac", "ConfigSpace", "openai")
_FIXED = ("tuner", "tuning", "seed", "parallel")  # what a proposal depends on beside the trials


def _require_equal(pairs: dict[str, tuple[object, object]]) -> None:
    for name, (recorded, given) in pairs.items():
        if recorded != given:
            raise ConfigError(
                f"the run was begun with another {name}: {recorded!s:.200}, now it is {given!s:.200}",
                hint="give what it was begun with, or another folder for a search of its own",
            )


@contextmanager
def end_recorded(journal: Journal) -> Iterator[None]:
    """Records what ends the session."""
    try:
        yield
    except KeyboardInterrupt:
        journal.note("interrupted", "", {})
        raise
    except CodegenHpoError as error:
        message, hint = (_portable(text, journal.folder) for text in (str(error), error.hint))
        journal.note("failed", type(error).__name__, {"message": message, "hint": hint})
        raise


def _portable(text: str, folder: RunFolder) -> str:
    """The text without paths of this machine."""
    return text_without_paths(text, {folder.path: "RUN", Path(): "."})


@contextmanager
def _kept(folder: RunFolder) -> Iterator[None]:
    """Lets whatever is raised tell where the run is kept."""
    try:
        yield
    except CodegenHpoError as error:
        error.run = folder.path if folder.find("objective", "") else None
        raise
    except KeyboardInterrupt as interrupt:
        raise Interrupted(folder.path) from interrupt
    except WriteError as error:
        full = StorageError(f"the run cannot be written: {error.strerror}", hint="make room on the disk")
        full.run = folder.path
        raise full from error


def _versions() -> dict[str, str]:
    """Of what shapes proposals; of the extras, those that are there."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
