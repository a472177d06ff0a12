"""One session of a run, from settings to the winner; a resumed run is another over the same events."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen_hpo.author.base import Author
from codegen_hpo.bundle import read_codec
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.finish import TestOpening
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.loop import Search
from codegen_hpo.engine.parts import MakeAsk, MakeTuner, make_author, tuner_maker
from codegen_hpo.engine.prepare import prepare
from codegen_hpo.engine.settings import Settings
from codegen_hpo.engine.trial import TrialRunner
from codegen_hpo.engine.tuning import Tuning
from codegen_hpo.errors import (
    CodegenHpoError,
    EndpointError,
    Interrupted,
    NoCandidateError,
    NoModelError,
    StorageError,
)
from codegen_hpo.llm.events import LLMEvent
from codegen_hpo.llm.ledger import price_of
from codegen_hpo.records import Sink
from codegen_hpo.sandbox.base import Sandbox
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
        try:
            prepare(self.task, self.settings.seed, journal)
            self._run(journal)
        except KeyboardInterrupt:
            journal.note("interrupted", "", {})
            raise
        except CodegenHpoError as error:
            journal.note(
                "failed", type(error).__name__, {"message": self._portable(error), "hint": error.hint}
            )
            raise

    def _run(self, journal: Journal) -> None:
        search = self._search(journal)
        opening = TestOpening(
            journal=journal,
            sandbox=self.sandbox,
            settings=self.settings,
            metric=self.task.metric,
            target=search.tuning.runner.target,
            held_out=search.tuning.runner.held_out,
        )
        try:
            ending = search.run()
        except EndpointError as error:
            # what was trained until then was paid for: it is finished before the error is told
            if search.tuning.best() is not None:
                opening.final(search.tuning.trials, f"the model's endpoint failed: {error}")
            raise
        if not search.candidates:
            attempts = len(self.folder.of_kind("attempt"))
            if not attempts:
                raise NoModelError(
                    f"the search ended before anything was written: {ending.reason}",
                    hint="give it more: --time, --trials, --max-tokens or --max-cost",
                )
            raise NoCandidateError(
                f"no candidate met the contract in {attempts} attempts; {ending.reason}",
                hint=f"codegen-hpo show {self.folder.name} --attempts tells what was wrong with each",
            )
        opening.final(search.tuning.trials, ending.reason)
        journal.note("finished", "", ending._asdict())

    def _portable(self, error: Exception) -> str:
        """The message without the path of this run: a run can be moved and mailed."""
        return str(error).replace(str(self.folder.path.absolute()), ".").replace(str(self.folder.path), ".")

    def _search(self, journal: Journal) -> Search:
        default_transform = read_codec(self.folder.path / "bundle").default
        letters = self._letters(journal)
        ask = letters.ask if letters else None
        # of the first session: more budget later changes nothing in how a hybrid shares the work
        trials = self.folder.of_kind("settings")[0].data["budget"]["trials"]
        return Search(
            task=self.task,
            settings=self.settings,
            author=self.author or make_author(self.settings, ask, default_transform),
            sandbox=self.sandbox,
            tuning=Tuning(
                settings=self.settings,
                make_tuner=self.make_tuner or tuner_maker(self.settings, self.task, ask, trials),
                journal=journal,
                letters=letters,
                runner=TrialRunner.of(self.folder, self.settings, self.task.metric),
            ),
            journal=journal,
            letters=letters,
            bundle=self.folder.path / "bundle",
        )

    def _letters(self, journal: Journal) -> Correspondence | None:
        if self.make_ask is None:
            return None

        def wait(event: LLMEvent) -> None:
            journal.note("model_" + event.kind, "", {"text": str(event), "seconds": event.wait_s})

        return Correspondence(
            self.make_ask(wait), journal, price_of(self.settings.price), self.settings.budget
        )
