"""A language model proposes each call: by calling the function, or as a JSON object.

The method is that of "Using Large Language Models for Hyperparameter Optimization" (arXiv 2312.04528,
sections 2.2 and 4.1). Every prompt is built anew from the trials, so a resumed run sends what an
uninterrupted one would have sent.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from codegen_hpo.llm.messages import Ask, Message, Request, Tool
from codegen_hpo.llm.prompts import fenced, render
from codegen_hpo.records import Call, Trial
from codegen_hpo.space import Arguments, Space
from codegen_hpo.tuner import points
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.feedback import arguments_text, result_line, usable
from codegen_hpo.tuner.history import MODEL, THOUGHTS, Form, compressed, dialogue, digest
from codegen_hpo.tuner.outlook import Outlook
from codegen_hpo.tuner.reply import Proposal, read_reply
from codegen_hpo.tuner.subject import Subject
from codegen_hpo.tuner.tool import REASONED, Words, form, schema_text, space_tool

_TOO_SLOW = 3  # calls refused for want of time before the turn is given up: each was paid for

Role = Literal["expert", "plain"]
Replies = Literal["call", "json"]


class LLMTuner:
    """Asks a language model for each call, and tells it what came of the ones before.

    Args:
        space: the hyperparameters.
        ask: reaches the model.
        subject: what is tuned, in words.
        history: the form in which the trials are shown.
        reasoning: asks for a short analysis with each call; it is kept in `Call.reasoning`.
        reasons: asks for a reason for each value (AgentHPO, arXiv 2402.01881, section 3.1); they are kept in
            `Call.reasons`, as far as they are given. In a space of more than thirty hyperparameters none are
            asked for.
        role: whether the system message makes an expert of the model (arXiv 2312.04528, appendix B.4).
        replies: by a function call, or as one JSON object in the text.
        model: the model's name, for the record.
        outlook: what is told of time, and which calls are refused for want of it.
        complaints: unusable replies that are answered before the tuner gives up an ask.
    """

    def __init__(
        self,
        space: Space,
        ask: Ask,
        subject: Subject,
        *,
        history: Form = "compressed",
        reasoning: bool = False,
        reasons: bool = False,
        role: Role = "expert",
        replies: Replies = "call",
        model: str = "",
        outlook: Outlook | None = None,
        complaints: int = 5,
    ) -> None:
        self.name = f"{MODEL}:{model}" if model else MODEL
        self._space, self._ask = space, ask
        self._history, self._role, self._replies = history, role, replies
        self._reasoning, self._reasons = reasoning, reasons and len(space) <= REASONED
        self._outlook, self._complaints = outlook, complaints
        self._told: list[Trial] = []
        self._tool = space_tool(space, subject.tool, subject.title, analysis=reasoning, reasons=self._reasons)
        self._subject = subject if replies == "call" else _answered_by_json(subject, self._tool)

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        """The model's next call.

        Raises NoProposal after too many unusable replies or when every point of the space was tried, and what
        the `ask` given at the start raises.
        """
        return self.propose(trials_left, running)

    def propose(self, trials_left: int | None, running: Sequence[Call] = (), aside: str = "") -> Call:
        """As `ask`; `aside` is put before the question."""
        tried = self._tried(running)
        if len(tried) >= points.count(self._space):
            raise NoProposal(f"all {len(tried)} combinations of the arguments have been tried")
        refused: list[Proposal] = []
        too_slow = 0
        while len(refused) <= self._complaints:
            messages = self._messages(self._question(trials_left, running, aside, refused))
            tools = (self._tool,) if self._replies == "call" else ()
            proposal = self._read(Request(purpose="tune", messages=messages, tools=tools), tried)
            if reason := self._too_slow(proposal):
                too_slow += 1
                if too_slow >= _TOO_SLOW:
                    raise NoProposal(f"{too_slow} calls of the model for one turn do not fit: {reason}")
                proposal = proposal._replace(
                    arguments=None, complaints=(f"{reason}: propose a quicker call",)
                )
            if proposal.arguments is not None:
                thoughts = proposal.thoughts.strip()[:THOUGHTS] if self._reasoning else ""
                return Call(
                    arguments=proposal.arguments,
                    proposed_by=MODEL,
                    reasoning=thoughts,
                    reasons=dict(proposal.reasons) if self._reasons else {},
                )
            refused.append(proposal)
        raise NoProposal(
            f"the model gave no usable call in {len(refused)} replies; "
            f"the last complaint: {'; '.join(refused[-1].complaints)}"
        )

    def tell(self, trial: Trial) -> None:
        """Learns from a trial, whoever proposed it. One of another space is left out."""
        learnt = usable(trial, self._space)
        if learnt is not None:
            self._told.append(learnt)

    def _tried(self, running: Sequence[Call]) -> dict[str, str]:
        """What was tried and is under way, as the model is shown it, with what is to be said of it."""
        tried = {}
        for trial in self._told:
            earlier = result_line(trial, self._subject.metric)
            tried[_as_shown(trial.call.arguments)] = f"were tried in trial {trial.number}: {earlier}"
        for call in running:
            arguments = self._space.check(call.arguments).arguments
            if arguments is not None:
                tried[_as_shown(arguments)] = "are under way already"
        return tried

    def _read(self, request: Request, tried: dict[str, str]) -> Proposal:
        """The model's proposal, refused if its arguments were tried before."""
        tool = self._subject.tool if request.tools else ""
        proposal = read_reply(self._ask(request), self._space, tool)
        if proposal.arguments is None:
            return proposal
        known = tried.get(_as_shown(proposal.arguments))
        if known is not None:
            return proposal._replace(arguments=None, complaints=(f"these arguments {known}; propose others",))
        return proposal

    def _too_slow(self, proposal: Proposal) -> str:
        """Why the proposal does not fit the time that is left; empty if it does, or is none."""
        if proposal.arguments is None or self._outlook is None:
            return ""
        return self._outlook.refusal(proposal.arguments)

    # -- the prompt -----------------------------------------------------------------------------

    def _messages(self, question: str) -> tuple[Message, ...]:
        called = self._replies == "call"
        expert = self._subject.expert if self._role == "expert" else ""
        system = render(
            "tune_system", expert=expert, called=called, reasoning=self._reasoning, reasons=self._reasons
        )
        if self._history == "chat":
            words = None if called else Words.beside(self._space)
            turns = dialogue(self._told, self._subject, self._space, question, words)
        else:
            show = digest if self._history == "digest" else compressed
            trials = show(self._told, self._subject, self._space)
            turns = [Message("user", f"{self._subject.text}\n\n{trials}\n\n{question}")]
        return (Message("system", system), *turns)

    def _question(
        self, trials_left: int | None, running: Sequence[Call], aside: str, refused: Sequence[Proposal]
    ) -> str:
        return render(
            "tune_question",
            aside=aside,
            running=[(call.proposed_by, arguments_text(call.arguments, tight=True)) for call in running],
            trials_left=trials_left,
            pace=self._outlook.pace() if self._outlook else None,
            refused=[{"sent": fenced(p.quoted, 500), "complaints": p.complaints} for p in refused],
            reasoning=self._reasoning,
            reasons=self._reasons,
            tool=self._subject.tool,
            called=self._replies == "call",
        )


def _as_shown(arguments: Arguments) -> str:
    return arguments_text(arguments, tight=True)


def _answered_by_json(subject: Subject, tool: Tool) -> Subject:
    """The subject with the form of the answers, which stands before all that changes."""
    asked = render("tune_form", form=form(tool), schema=schema_text(tool))
    return replace(subject, text=f"{subject.text}\n\n{asked}")
