"""AgentHPO beside a search: the Executor carries out calls, a log is kept, the Creator has the last word."""

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_hpo.agenthpo.course import Course
from codegen_hpo.agenthpo.executor import ExecutedObjective
from codegen_hpo.agenthpo.experiment_log import experiment_log
from codegen_hpo.agenthpo.final_analysis import FinalAnalysis, analyse, wordless
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Ending
from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.ledger import price_of
from codegen_hpo.objective.base import Objective
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.settings import Aim, SearchSettings
from codegen_hpo.objective.trial_folder import read_log
from codegen_hpo.records import Trial
from codegen_hpo.store.history import read_ledger

LOG = "experiments.md"  # in the run's folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """The companion of a search over a script; without a model it keeps the log alone."""

    aim: Aim
    settings: SearchSettings

    def executor(self, objective: Objective, journal: Journal, letters: Correspondence | None) -> Objective:
        """The Executor, if the settings give it steps and there is a model."""
        steps = self.settings.steps
        if letters is None or steps is None:
            return objective
        assert isinstance(objective, ScriptObjective)
        return ExecutedObjective(
            objective, self.aim.space, self.aim.about, self.aim.direction, journal, letters, steps
        )

    def record(self, trials: Sequence[Trial], journal: Journal, letters: Correspondence | None) -> None:
        """Writes the experiment log anew, unless the trial is an old one that a resume read."""
        if not journal.is_replaying:
            self._write(trials, None, journal, letters)

    def stop(
        self, trials: Sequence[Trial], why: str, journal: Journal, letters: Correspondence | None
    ) -> None:
        """Writes the experiment log, with what stopped the search."""
        if not journal.is_replaying:
            self._write(trials, None, journal, letters, why)

    def conclude(
        self, trials: Sequence[Trial], ending: Ending, journal: Journal, letters: Correspondence | None
    ) -> None:
        """Has the Creator analyse the search, records that, and writes the experiment log to its end.

        Raises EndpointError, when what the host computed is recorded and in the log.
        """

        def keep(analysis: FinalAnalysis) -> None:
            journal.note("analysis", "", analysis.to_json())
            self._write(trials, analysis, journal, letters, ending.reason)

        ask = letters.within(_scope(trials, journal)) if letters else None
        try:
            analysis = analyse(ask, self.aim, trials, ending)
        except EndpointError as error:
            keep(wordless(self.aim, trials, f"the model could not be had: {error}"))
            raise
        keep(analysis)

    def _write(
        self,
        trials: Sequence[Trial],
        analysis: FinalAnalysis | None,
        journal: Journal,
        letters: Correspondence | None,
        ended: str = "",
    ) -> None:
        price = price_of(self.settings.price)
        ledger = letters.ledger if letters else read_ledger(journal.folder, price)

        def folder(trial: Trial) -> str:
            event = journal.folder.find("trial", trial.name)
            return str(event.data["files"]) if event else ""

        def printed(trial: Trial) -> str:
            return read_log(journal.folder, folder(trial))

        course = Course(settings=self.settings, ended=ended)
        log = experiment_log(self.aim, trials, analysis, ledger, printed, folder, course)
        journal.folder.write(LOG, log)


def _scope(trials: Sequence[Trial], journal: Journal) -> str:
    """In which the last word is asked for: a new one after each analysis that ended without words."""
    wordless_ones = sum(bool(event.data["missing"]) for event in journal.folder.of_kind("analysis"))
    return f"analyse/{len(trials)}" + (f"~{wordless_ones}" if wordless_ones else "")
