"""AgentHPO beside a search: the Executor carries out calls, a log is kept, the Creator has the last word."""

from collections.abc import Sequence
from dataclasses import dataclass

from codegen_hpo.agenthpo.executor import ExecutedObjective
from codegen_hpo.agenthpo.experiment_log import experiment_log
from codegen_hpo.agenthpo.final_analysis import FinalAnalysis, analyse
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Ending
from codegen_hpo.llm.ledger import price_of
from codegen_hpo.objective.base import Objective
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.settings import Aim, SearchSettings
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

    def record(self, trials: Sequence[Trial], journal: Journal) -> None:
        """Writes the experiment log anew."""
        self._write(trials, None, journal)

    def conclude(
        self, trials: Sequence[Trial], ending: Ending, journal: Journal, letters: Correspondence | None
    ) -> None:
        """Has the Creator analyse the search, records that, and writes the experiment log to its end."""
        ask = letters.within(f"analyse/{len(trials)}") if letters else None
        analysis = analyse(ask, self.aim, trials, ending)
        journal.note("analysis", "", analysis.to_json())
        self._write(trials, analysis, journal)

    def _write(self, trials: Sequence[Trial], analysis: FinalAnalysis | None, journal: Journal) -> None:
        ledger = read_ledger(journal.folder, price_of(self.settings.price))
        journal.folder.write(LOG, experiment_log(self.aim, trials, analysis, ledger))
