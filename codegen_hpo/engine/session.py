"""One session of a run, from settings to the winner; a resumed run is another over the same events."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from codegen_hpo.author.base import Author
from codegen_hpo.bundle import bundle_folders, read_codec, row_count
from codegen_hpo.contract import start_checker
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.drafts import Drafts
from codegen_hpo.engine.finish import Finish
from codegen_hpo.engine.fresh_seeds import FreshSeeds, fresh_trials, kept_back
from codegen_hpo.engine.gates import Gates
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.loop import Search
from codegen_hpo.engine.machine import Machine
from codegen_hpo.engine.opening import TestOpening
from codegen_hpo.engine.parts import MakeAsk, MakeTimedTuner, MakeTuner, make_author, tuner_maker
from codegen_hpo.engine.prepare import prepare
from codegen_hpo.engine.reserve import kept_trials
from codegen_hpo.engine.settings import Settings, without_trials
from codegen_hpo.engine.timekeeper import Timekeeper
from codegen_hpo.engine.trial import TrialRunner
from codegen_hpo.engine.tuning import Tuning
from codegen_hpo.errors import (
    CodegenHpoError,
    EndpointError,
    Interrupted,
    NoCandidateError,
    NoModelError,
    StorageError,
    reading,
)
from codegen_hpo.llm.events import LLMEvent
from codegen_hpo.llm.ledger import price_of
from codegen_hpo.records import Sink, Trial
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.shown import counted
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.task import Task


@dataclass(frozen=True, kw_only=True)
class Session:
    """Everything one session works with.

    `author` and `make_tuner` stand in for what the settings name; `make_ask` reaches the model, if one is
    configured.
    """

    folder: RunFolder
    task: Task
    settings: Settings
    sandbox: Sandbox
    make_ask: MakeAsk | None = None
    author: Author | None = None
    make_tuner: MakeTuner | None = None
    sinks: Sequence[Sink] = ()

    def run(self) -> None:
        """Searches, scores the winner on the sealed test rows and records how it ended.

        Raises what stopped it: KeyboardInterrupt, EndpointError (after the winner so far was scored),
        SandboxError, NoCandidateError, NoModelError, StorageError; each error knows the run's folder, if it
        can be resumed. A resumed session
        takes up what ended without success.
        """
        try:
            with self.folder.writing():
                self._recorded()
        except CodegenHpoError as error:
            error.run = self._resumable()
            raise
        except KeyboardInterrupt as interrupt:
            raise Interrupted(self.folder.path) from interrupt
        except OSError as error:
            # sandbox and endpoint raise errors of their own: this is the disk
            run = self._resumable()
            full = StorageError(
                f"the run cannot be written: {self._portable(error)}",
                hint="make room on the disk"
                + ("" if run else f", then start again; {self.folder.path} holds nothing of use"),
            )
            full.run = run
            raise full from error

    def _resumable(self) -> Path | None:
        """The run's folder, once its data is in it."""
        return self.folder.path if self.folder.of_kind("prepared") else None

    def _recorded(self) -> None:
        """The session, with an event for whatever ends it."""
        journal = Journal(self.folder, self.sinks)
        journal.announce("settings", self.settings.to_json())
        machine = Machine(self.settings, journal, self.sandbox, self._bundles)
        try:
            with closing(machine):

                def begin() -> None:
                    """Starts what the search needs first, while the baselines are fitted."""
                    machine.prepare()
                    start_checker()

                prepare(self.task, self.settings.seed, journal, begin)
                self._run(journal, self._search(journal, machine))
        except KeyboardInterrupt:
            journal.note("interrupted", "", {})
            raise
        except CodegenHpoError as error:
            journal.note(
                "failed", type(error).__name__, {"message": self._portable(error), "hint": error.hint}
            )
            raise
        finally:
            journal.close()

    def _run(self, journal: Journal, search: Search) -> None:
        runner = search.tuning.runner
        opening = TestOpening(
            journal=journal,
            sandbox=self.sandbox,
            held_out=runner.held_out,
            bundles=self._bundles,
            threads=self.settings.threads,
        )
        finish = Finish(
            journal=journal,
            opening=opening,
            settings=self.settings,
            metric=self.task.metric,
            predictions=runner.predictions,
            held_out=runner.held_out,
        )
        search.tuning.ending = opening.prepare
        with closing(opening):
            self._finished(journal, search, finish)

    def _finished(self, journal: Journal, search: Search, finish: Finish) -> None:
        try:
            with closing(search.machine):
                ending = search.run()
        except EndpointError as error:
            # what was trained until then was paid for: it is finished before the error is told
            if search.tuning.best() is not None:
                finish.final(self._trials(search), f"the model's endpoint failed: {error}")
            raise
        if not search.candidates:
            attempts = len(self.folder.of_kind("attempt"))
            if not attempts:
                raise NoModelError(
                    f"the search ended before anything was written: {ending.reason}",
                    hint="give it more: --time, --trials, --max-tokens or --max-cost",
                )
            raise NoCandidateError(
                f"no candidate met the contract in {counted(attempts, 'attempt')}; {ending.reason}",
                hint=f"codegen-hpo show {self.folder.name} --attempts tells what was wrong with each",
            )
        finish.final(self._trials(search), ending.reason)
        search.drafts.settle()
        journal.note("finished", "", ending._asdict())

    def _trials(self, search: Search) -> list[Trial]:
        return [*search.tuning.trials, *fresh_trials(self.folder)]

    def _portable(self, error: Exception) -> str:
        """The message without the path of this run: a run can be moved and mailed."""
        return str(error).replace(str(self.folder.path.absolute()), ".").replace(str(self.folder.path), ".")

    def _search(self, journal: Journal, machine: Machine) -> Search:
        default_transform = read_codec(self._bundles[0]).default
        letters = self._letters(journal)
        ask, draft = (letters.ask, letters.draft) if letters else (None, None)
        # of the first session: more budget later changes nothing in how a hybrid shares the work
        first = Settings.from_json(self.folder.of_kind("settings")[0].data)
        trials = first.budget.trials
        if trials is not None:
            trials -= kept_trials(trials, first.reseed)
        settings = without_trials(self.settings, kept_back(self.settings, journal))
        runner = TrialRunner.of(self.folder, self.settings, self.task.metric, journal)
        timekeeper = Timekeeper(settings=settings, journal=journal, rows=self._training_rows())
        tuning = Tuning(
            settings=settings,
            make_tuner=self._given_tuner or tuner_maker(self.settings, self.task, ask, trials),
            journal=journal,
            timekeeper=timekeeper,
            letters=letters,
            device=machine.device,
            runner=runner,
        )
        author = self.author or make_author(self.settings, draft, default_transform)
        return Search(
            settings=settings,
            author=author,
            machine=machine,
            drafts=Drafts(
                task=self.task,
                budget=settings.budget,
                author=author,
                machine=machine,
                tuning=tuning,
                journal=journal,
                letters=letters,
            ),
            gates=Gates(settings=settings, journal=journal, author=author.name),
            tuning=tuning,
            fresh_seeds=FreshSeeds(
                settings=self.settings,
                journal=journal,
                timekeeper=timekeeper,
                runner=runner,
                device=machine.device,
            ),
            journal=journal,
        )

    @property
    def _given_tuner(self) -> MakeTimedTuner | None:
        """What makes the caller's own tuner, which is told nothing of time."""
        make = self.make_tuner
        return None if make is None else lambda candidate, _: make(candidate)

    @property
    def _bundles(self) -> tuple[Path, ...]:
        return bundle_folders(self.folder.path / "bundle", self.settings.folds)

    def _training_rows(self) -> int:
        """Of the first fold: another may have a few more or less."""
        path = self._bundles[0] / "train_y.npy"
        with reading(path):
            return row_count(path)

    def _letters(self, journal: Journal) -> Correspondence | None:
        if self.make_ask is None:
            return None

        def wait(event: LLMEvent) -> None:
            journal.note("model_" + event.kind, "", {"text": str(event), "seconds": event.wait_s})

        # the only candidate's draft is asked for before there is anything else to ask
        ask_for_draft = self.make_ask(wait) if self.settings.candidates > 1 else None
        price = price_of(self.settings.price)
        return Correspondence(
            self.make_ask(wait), journal, price, self.settings.budget, ask_for_draft=ask_for_draft
        )
