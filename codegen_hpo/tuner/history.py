"""The trials so far, in the forms in which a language model is shown them.

"compressed" lists all trials in one message and "chat" is the whole dialogue ("Using Large Language Models
for Hyperparameter Optimization", arXiv 2312.04528, section 2.2). "digest" shows only the best, the latest and
the failed ones, for a tuner that keeps its state elsewhere (Centaur, arXiv 2603.24647), and in place of any
list of more than sixty trials.
"""

from collections.abc import Sequence
from typing import Literal

from codegen_hpo.llm.messages import Message
from codegen_hpo.llm.prompts import quoted, render
from codegen_hpo.records import Trial, ranked
from codegen_hpo.tuner.feedback import Feedback, arguments_text, feedback
from codegen_hpo.tuner.subject import Subject
from codegen_hpo.tuner.tool import Words

History = Literal["compressed", "chat"]
Form = Literal["compressed", "chat", "digest"]

MODEL = "llm"  # in `Call.proposed_by`
THOUGHTS = 2000  # characters kept of the model's own words
LISTED = 60  # trials that are all shown
BEST, LATEST, FAILURES = 5, 20, 10  # trials that a digest shows; of the failures, those before the latest
_DETAILED = 3  # the best and the latest trials of this number show their curves and whole errors
_BLOCK = 50  # a dialogue covers the latest 50 to 99 trials


def compressed(trials: Sequence[Trial], subject: Subject) -> str:
    """Every trial, or the digest of many: a prompt has its limits."""
    return (listed if len(trials) <= LISTED else digest)(trials, subject)


def listed(trials: Sequence[Trial], subject: Subject) -> str:
    """Every trial, numbered, with its arguments and what came of it."""
    return render("tune_trials", trials=_feedbacks(trials, trials, subject))


def digest(trials: Sequence[Trial], subject: Subject) -> str:
    """The best five, the latest twenty and the failures before these: bounded, whatever the history."""
    earlier_failures = [trial for trial in trials[:-LATEST] if trial.loss is None]
    best, latest, failures = ranked(trials)[:BEST], trials[-LATEST:], earlier_failures[-FAILURES:]
    return render(
        "tune_digest",
        count=len(trials),
        failed=sum(trial.loss is None for trial in trials),
        left_out=len(trials) - len({trial.number for trial in [*best, *latest, *failures]}),
        best=_feedbacks(best, trials, subject),
        latest=_feedbacks(latest, trials, subject),
        failures=_feedbacks(failures, trials, subject),
        failures_left_out=max(0, len(earlier_failures) - FAILURES),
    )


def dialogue(trials: Sequence[Trial], subject: Subject, question: str, words: Words | None) -> list[Message]:
    """User and assistant in turn; calls that others proposed are told within the user's turns.

    The dialogue grows with the trials. From the hundredth on, the oldest are moved, fifty at a time, into a
    list in the first message: so a prompt stays bounded and yet mostly begins as the one before.

    Args:
        trials: in the order in which they were told.
        subject: what is tuned.
        question: the end of the last message.
        words: where the model answers with JSON objects, the keys of its words; None where it calls.
    """
    folded = max(0, len(trials) // _BLOCK - 1) * _BLOCK
    told = [subject.text]
    if folded:
        told.append(compressed(trials[:folded], subject))
    turns: list[Message] = []
    leader = next(iter(ranked(trials[:folded])), None)
    for trial in trials[folded:]:
        own = trial.call.proposed_by == MODEL
        if own:
            said = _as_object(trial, words) if words else _as_call(trial, subject.tool)
            turns += [Message("user", "\n\n".join(told)), Message("assistant", said)]
            told = []
        if trial.loss is not None:
            leader = ranked([trial] if leader is None else [leader, trial])[0]
        shown = feedback(trial, subject.metric, best=trial is leader, detailed=True)
        told.append(render("tune_feedback", trial=shown, own=own))
    return [*turns, Message("user", "\n\n".join([*told, question]))]


def _feedbacks(shown: Sequence[Trial], trials: Sequence[Trial], subject: Subject) -> list[Feedback]:
    """What came of those shown, among all trials."""
    leaders = ranked(trials)[:_DETAILED]
    detailed = {trial.number for trial in [*leaders, *trials[-_DETAILED:]]}
    best = leaders[0].number if leaders else None
    return [
        feedback(trial, subject.metric, best=trial.number == best, detailed=trial.number in detailed)
        for trial in shown
    ]


def _as_call(trial: Trial, tool: str) -> str:
    """The model's earlier call in words: servers differ in how they take tool calls of the past."""
    said = f"I call {tool} with the arguments {arguments_text(trial.call.arguments)}"
    thoughts, reasons = trial.call.reasoning, trial.call.reasons
    lines = [f"Analysis: {quoted(thoughts, THOUGHTS)}"] if thoughts else []
    lines += [f"Reasons: {arguments_text(reasons)}"] if reasons else []
    return "\n".join([*lines, said])


def _as_object(trial: Trial, words: Words) -> str:
    pairs = [(words.analysis, quoted(trial.call.reasoning, THOUGHTS))] if trial.call.reasoning else []
    pairs += [(words.reasons, arguments_text(trial.call.reasons))] if trial.call.reasons else []
    said = "".join(f"{quoted(name)}: {text}, " for name, text in pairs)
    return "{" + said + arguments_text(trial.call.arguments)[1:]
