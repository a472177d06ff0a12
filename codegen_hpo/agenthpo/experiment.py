"""One proposal as it is carried out: the functions that the Executor calls, and what the host does then."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from codegen_hpo.engine.journal import Journal
from codegen_hpo.llm.dialogue import OBSERVATION, Action, Done, Refused
from codegen_hpo.llm.messages import Tool
from codegen_hpo.llm.schema import strict_object
from codegen_hpo.objective.base import Measured
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.trial_folder import read_log
from codegen_hpo.records import trial_name
from codegen_hpo.sandbox.plain_text import plain, short
from codegen_hpo.space import Arguments, Space
from codegen_hpo.store import codec
from codegen_hpo.task import Metric
from codegen_hpo.tuner.feedback import arguments_text, trajectory_lines
from codegen_hpo.tuner.tool import dimension_schema

EVENT = "experiment"  # the script has run: its result, by the trial's name
_ANALYSIS = 3000  # characters that are kept of one
_TAIL = 2000  # characters of the output that are shown at once
_TROUBLE = re.compile(
    r"error|exception|traceback|warning|\bnan\b|\binf(?:inity)?\b|out of memory|killed|diverg", re.IGNORECASE
)
_AROUND = 1  # lines beside one about trouble
_PARTS = ("start", "end", "errors", "trajectory")


class CarriedOut:
    """What was done for one proposal so far.

    The script runs once, with the proposed values and no others. Its result is recorded at once: after a
    resume the record stands for the run.
    """

    def __init__(
        self,
        script: ScriptObjective,
        space: Space,
        arguments: Arguments,
        number: int,
        metric: Metric,
        journal: Journal,
    ) -> None:
        self.notes: list[str] = []
        self.ran_by_model = False
        self._script, self._space, self._arguments, self._number = script, space, dict(arguments), number
        self._metric, self._journal = metric, journal
        self._written = False  # whether the model did; the workspace gets it when the script runs

    def actions(self) -> list[Action]:
        """The functions, in the order in which they are mostly called."""
        values = strict_object({name: dimension_schema(each) for name, each in self._space.items()})
        part = {"type": "string", "enum": list(_PARTS), "description": "What to show."}
        analysis = {"type": "string", "description": "At most 150 words of plain text."}
        return [
            _action("load_config", "Shows the configuration that the script reads.", {}, self._load_config),
            _action(
                "write_config",
                "Puts the values of this experiment into the configuration. Everything else in it stays.",
                {"values": values | {"description": "The hyperparameters with the values to be tried."}},
                self._write_config,
            ),
            _action("run_script", "Runs the training script to its end; once.", {}, self._run_script),
            _action("load_logs", "Shows what the script logged.", {"part": part}, self._load_logs),
            _action("finish", "Ends the experiment.", {"analysis": analysis}, self._finish),
        ]

    def result(self) -> Measured:
        """What came of the script, which is run now if it was not yet. Raises what its run raises."""
        name = trial_name(self._number)
        event = self._journal.recall(EVENT, name)
        if event:
            return measured_from_json(event.data)
        measured = self._script.measure(dict(self._arguments), self._number)
        self._journal.note(EVENT, name, measured_to_json(measured))
        return measured

    # -- the functions --------------------------------------------------------------------------

    def _load_config(self, _: dict[str, Any]) -> str:
        configuration = self._script.configuration
        return plain(configuration.shown(self._arguments) if self._written else configuration.text)

    def _write_config(self, sent: dict[str, Any]) -> str:
        if self.ran_by_model:
            raise Refused("the script has run, its configuration stays: read its logs, or finish")
        checked = self._space.check(sent["values"])
        complaints = checked.complaints
        if checked.arguments is not None:
            others = [name for name in sent["values"] if checked.arguments[name] != self._arguments[name]]
            complaints = tuple(
                f"{name} is to be {self._arguments[name]!r} in this experiment" for name in others
            )
        if complaints:
            raise Refused(f"nothing was written: {'; '.join(complaints)}")
        self._written = True
        return f"The configuration now holds {arguments_text(self._arguments)}"

    def _run_script(self, _: dict[str, Any]) -> str:
        if self.ran_by_model:
            raise Refused("the script has run; it is run once: read its logs with load_logs, or finish")
        if not self._written:
            self.notes.append("the host wrote the configuration: the model had the script run without")
            self._written = True
        measured = self.result()
        self.ran_by_model = True
        log = self._log(measured)
        return f"{self._told(measured)}\nThe end of what it printed:\n{short(log, _TAIL) or '(nothing)'}"

    def _load_logs(self, sent: dict[str, Any]) -> str:
        if not self.ran_by_model:
            raise Refused("the script has not run yet, there are no logs: call run_script first")
        measured = self.result()
        if sent["part"] == "trajectory":
            lines = trajectory_lines(measured.outcome.trajectory, self._metric)
            return "\n".join(f"{name} by step: {course}" for name, course in lines) or "(none was found)"
        log = self._log(measured)
        if sent["part"] == "errors":
            return short(f"{measured.outcome.error}\n{_trouble(log)}", OBSERVATION) or "(none were found)"
        return log[:OBSERVATION] if sent["part"] == "start" else short(log, OBSERVATION)

    def _finish(self, sent: dict[str, Any]) -> str:
        if not self.ran_by_model:
            raise Refused("the script has not run yet: call run_script first")
        analysis = plain(sent["analysis"]).strip()[:_ANALYSIS]
        if not analysis:
            raise Refused("the analysis is empty: say how training went and what the result suggests")
        raise Done(analysis)

    def _log(self, measured: Measured) -> str:
        return read_log(self._journal.folder, measured.files)

    def _told(self, measured: Measured) -> str:
        outcome = measured.outcome
        lines = [f"Status: {outcome.status}, after {outcome.seconds:.1f} s"]
        if measured.value is not None:
            lines.append(f"{self._metric.name}, as it was read for the record: {measured.value:.6g}")
        else:
            lines.append(f"There is no {self._metric.name}: {outcome.error}")
        return "\n".join([*lines, *outcome.notes])


def measured_to_json(measured: Measured) -> dict[str, Any]:
    return measured._asdict() | {"outcome": codec.outcome_to_json(measured.outcome)}


def measured_from_json(data: Mapping[str, Any]) -> Measured:
    return Measured(**dict(data) | {"outcome": codec.outcome_from_json(data["outcome"])})


def _action(
    name: str, description: str, arguments: dict[str, Any], act: Callable[[dict[str, Any]], str]
) -> Action:
    return Action(Tool(name=name, description=description, parameters=strict_object(arguments)), act)


def _trouble(log: str) -> str:
    """The lines about errors, with those beside them."""
    lines = log.splitlines()
    kept = {
        near
        for place, line in enumerate(lines)
        if _TROUBLE.search(line)
        for near in range(place - _AROUND, place + _AROUND + 1)
    }
    return "\n".join(lines[place] for place in sorted(kept) if 0 <= place < len(lines))
