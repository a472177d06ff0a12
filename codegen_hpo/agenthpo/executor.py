"""The Executor: a model carries a proposal out by functions, and analyses what came of it.

"Large Language Model Agent for Hyper-Parameter Optimization" (arXiv 2402.01881, section 3.2, appendix C.2).
There, the model also reports the result; here, the host reads it, and does whatever the model leaves undone.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from codegen_hpo.agenthpo.experiment import CarriedOut
from codegen_hpo.engine.correspondence import Correspondence
from codegen_hpo.engine.journal import Journal
from codegen_hpo.engine.limits import Spent
from codegen_hpo.llm.dialogue import converse
from codegen_hpo.llm.messages import Message, Reply, Request
from codegen_hpo.llm.prompts import render
from codegen_hpo.objective.base import Abandoned, Measured
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.search import execution
from codegen_hpo.space import Scalar, Space
from codegen_hpo.task import Metric
from codegen_hpo.tuner.feedback import arguments_text


class _Said(NamedTuple):
    """What the model handed in."""

    analysis: str
    missing: str  # why there is no analysis; empty if there is one


class ExecutedObjective:
    """The script as an objective whose calls are carried out by a model.

    Each call is a dialogue of its own, so several may be under way at once. The value of a call is what the
    host reads, whatever the model says of it.

    Args:
        script: what is run.
        space: the hyperparameters.
        about: the task in the user's words.
        metric: what is read, and its direction.
        journal: records the script's result, so that it is not run again after a resume.
        letters: through which the model is asked.
        steps: replies a call.
    """

    def __init__(
        self,
        script: ScriptObjective,
        space: Space,
        about: str,
        metric: Metric,
        journal: Journal,
        letters: Correspondence,
        steps: int = 8,
    ) -> None:
        self._script, self._space, self._about, self._metric = script, space, about, metric
        self._journal, self._letters, self._steps = journal, letters, steps
        self._abandoned = False

    def measure(self, arguments: dict[str, Scalar], number: int) -> Measured:
        """The script's value, with the model's analysis.

        Raises EndpointError, and what the script's objective raises.
        """
        work = CarriedOut(self._script, self._space, arguments, number, self._metric, self._journal)
        said = self._asked(work, arguments, number)
        notes = []
        if not work.ran_by_model:
            notes.append(f"the host ran the script: {said.missing}")
        elif said.missing:
            notes.append(f"the run was not analysed: {said.missing}")
        measured = work.result()
        outcome = replace(measured.outcome, notes=(*measured.outcome.notes, *work.notes, *notes))
        return measured._replace(outcome=outcome, analysis=said.analysis)

    def abandon(self) -> None:
        """Ends the calls under way: scripts at once, dialogues before their next request."""
        self._abandoned = True
        self._script.abandon()

    def _asked(self, work: CarriedOut, arguments: Mapping[str, Scalar], number: int) -> _Said:
        ask = self._letters.within(execution(number))

        def unless_abandoned(request: Request) -> Reply:
            if self._abandoned:
                raise Abandoned
            return ask(request)

        messages = self._messages(arguments, number)
        try:
            ended = converse(unless_abandoned, "execute", messages, work.actions(), steps=self._steps)
        except Spent as spent:
            return _Said("", str(spent))
        return _Said(ended.value or "", ended.reason)

    def _messages(self, arguments: Mapping[str, Scalar], number: int) -> list[Message]:
        task = render(
            "execute",
            about=self._about.strip(),
            number=number,
            arguments=arguments_text(arguments),
            metric=self._metric,
            steps=self._steps,
        )
        return [Message("system", render("execute_system")), Message("user", task)]
