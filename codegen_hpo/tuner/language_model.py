"""Tuning by function calls: a language model proposes each call of the function.

The two prompt forms of "Using Large Language Models for Hyperparameter Optimization" (arXiv 2312.04528,
section 2.2): "chat" sends the whole dialogue, "compressed" one message with all trials. Both are built anew
from the trials at each ask, so a resumed run sends what an uninterrupted one would have sent.
"""

import json
from collections.abc import Sequence
from typing import Literal

from codegen_hpo.llm.messages import Ask, Message, Request
from codegen_hpo.llm.prompts import fenced, quoted, render
from codegen_hpo.records import Call, Trial
from codegen_hpo.space import Space, canonical
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.feedback import Feedback, feedback, result_line
from codegen_hpo.tuner.reply import Proposal, read_reply
from codegen_hpo.tuner.subject import Subject
from codegen_hpo.tuner.tool import analysis_name, space_tool

_CURVES = 3  # in the compressed form, the best and the latest trials of this number show their curves
_THOUGHTS = 2000  # characters kept of the model's own words


class LLMTuner:
    """Asks a language model for each call, and tells it what came of the ones before.

    Args:
        space: the hyperparameters.
        ask: reaches the model.
        subject: what is tuned, in words.
        history: the prompt form.
        reasoning: asks for a short analysis with each call; it is kept in `Call.reasoning`.
        model: the model's name, for the record.
        complaints: unusable replies that are answered before the tuner gives up an ask.
    """

    def __init__(
        self,
        space: Space,
        ask: Ask,
        subject: Subject,
        *,
        history: Literal["chat", "compressed"] = "compressed",
        reasoning: bool = False,
        model: str = "",
        complaints: int = 5,
    ) -> None:
        self.name = f"llm:{model}" if model else "llm"
        self._space, self._ask, self._subject = space, ask, subject
        self._history, self._reasoning = history, reasoning
        self._complaints = complaints
        self._trials: list[Trial] = []
        self._tool = space_tool(space, subject.tool, subject.title, analysis=reasoning)

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        """The model's next call.

        Raises NoProposal after too many unusable replies, and what the `ask` given at the start raises.
        """
        refused: list[Proposal] = []
        while len(refused) <= self._complaints:
            messages = self._messages(trials_left, refused)
            reply = self._ask(Request(purpose="tune", messages=messages, tool=self._tool))
            proposal = self._read(
                read_reply(reply, self._space, self._subject.tool, analysis_name(self._space))
            )
            if proposal.arguments is not None:
                thoughts = proposal.thoughts.strip()[:_THOUGHTS] if self._reasoning else ""
                return Call(arguments=proposal.arguments, proposed_by="llm", reasoning=thoughts)
            refused.append(proposal)
        raise NoProposal(
            f"the model gave no usable call in {len(refused)} replies; "
            f"the last complaint: {'; '.join(refused[-1].complaints)}"
        )

    def tell(self, trial: Trial) -> None:
        """Learns from a trial, whoever proposed it."""
        self._trials.append(trial)

    def _read(self, proposal: Proposal) -> Proposal:
        """The proposal, refused if its arguments were tried before."""
        if proposal.arguments is None:
            return proposal
        wanted = canonical(proposal.arguments)
        for trial in self._trials:
            if canonical(trial.call.arguments) == wanted:
                earlier = result_line(trial, self._subject.metric)
                complaint = f"these arguments were tried in trial {trial.number}: {earlier}; propose others"
                return proposal._replace(arguments=None, complaints=(complaint,))
        return proposal

    # -- the prompt -----------------------------------------------------------------------------

    def _messages(self, trials_left: int | None, refused: list[Proposal]) -> tuple[Message, ...]:
        system = Message("system", render("tune_system", reasoning=self._reasoning))
        task = self._subject.text
        question = render(
            "tune_question",
            trials_left=trials_left,
            refused=[{"sent": fenced(p.quoted, 500), "complaints": p.complaints} for p in refused],
            reasoning=self._reasoning,
            tool=self._subject.tool,
        )
        if self._history == "chat":
            return (system, *self._dialogue(task, question))
        table = render("tune_trials", trials=self._feedbacks(), metric=self._subject.metric)
        return (system, Message("user", f"{task}\n\n{table}\n\n{question}"))

    def _dialogue(self, task: str, question: str) -> list[Message]:
        """User and assistant in turn; calls that others proposed are told within the user's turns."""
        turns: list[Message] = []
        told = [task]
        best: Trial | None = None
        for trial in self._trials:
            own = trial.call.proposed_by == "llm"
            if own:
                turns += [
                    Message("user", "\n\n".join(told)),
                    Message("assistant", _own_words(trial, self._subject.tool)),
                ]
                told = []
            if trial.loss is not None and (best is None or best.loss is None or trial.loss < best.loss):
                best = trial
            said = render(
                "tune_feedback",
                trial=feedback(trial, self._subject.metric, best=trial is best, curves=True),
                own=own,
            )
            told.append(said)
        return [*turns, Message("user", "\n\n".join([*told, question]))]

    def _feedbacks(self) -> list[Feedback]:
        ranked = [trial for trial in self._trials if trial.loss is not None]
        ranked.sort(key=lambda trial: (trial.loss, trial.number))
        shown = {trial.number for trial in ranked[:_CURVES] + self._trials[-_CURVES:]}
        best = ranked[0].number if ranked else None
        return [
            feedback(trial, self._subject.metric, best=trial.number == best, curves=trial.number in shown)
            for trial in self._trials
        ]


def _own_words(trial: Trial, tool: str) -> str:
    """The model's earlier call as text: servers differ in how they take tool calls of the past."""
    said = f"I call {tool} with the arguments {json.dumps(dict(trial.call.arguments))}"
    thoughts = trial.call.reasoning
    return f"Analysis: {quoted(thoughts, _THOUGHTS)}\n{said}" if thoughts else said
