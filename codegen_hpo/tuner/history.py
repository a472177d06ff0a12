"""The trials so far, in the forms in which a language model is shown them.

"compressed" lists all trials in one message and "chat" is the whole dialogue ("Using Large Language Models
for Hyperparameter Optimization", arXiv 2312.04528, section 2.2). "digest" shows only the best, the latest and
the failed ones, for a tuner that keeps its state elsewhere (Centaur, arXiv 2603.24647), and in place of any
list of more than sixty trials.
"""

from collections.abc import Sequence
from typing import Any, Literal

from codegen_hpo.llm.messages import Message
from codegen_hpo.llm.prompts import quoted, render
from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import Space
from codegen_hpo.tuner.feedback import arguments_text, feedback
from codegen_hpo.tuner.subject import Subject
from codegen_hpo.tuner.tool import Words

History = Literal["compressed", "chat"]
Form = Literal["compressed", "chat", "digest"]

MODEL = "llm"  # in `Call.proposed_by`
THOUGHTS = 2000  # characters kept of the model's own words
LISTED = 60  # trials that are all shown
BEST, LATEST, FAILURES = 5, 20, 10  # trials that a digest shows; of the failures, those before the latest
DETAILED = 3  # the best and the latest trials of this number show what was said of them and how they went
CURVES = 1  # the best and the latest trials of this number show their losses by epoch
_BLOCK = 50  # a dialogue covers the latest 50 to 99 trials


def compressed(trials: Sequence[Trial], subject: Subject, space: Space) -> str:
    """Every trial, or the digest of many: a prompt has its limits."""
    return (listed if len(trials) <= LISTED else digest)(trials, subject, space)


def listed(trials: Sequence[Trial], subject: Subject, space: Space) -> str:
    """Every trial by its number with its arguments and result, then more of the best and the latest.

    What changes with the next trial comes last, so that the list only grows at its end.
    """
    return render("tune_trials", **_shown(trials, trials, subject, space))


def digest(trials: Sequence[Trial], subject: Subject, space: Space) -> str:
    """As `listed`, with the best five, the latest twenty and ten failures alone: always bounded."""
    earlier_failures = [trial for trial in trials[:-LATEST] if trial.loss is None]
    chosen = [*ranked(trials)[:BEST], *trials[-LATEST:], *earlier_failures[-FAILURES:]]
    shown = sorted({trial.number: trial for trial in chosen}.values(), key=lambda trial: trial.number)
    return render(
        "tune_digest",
        count=len(trials),
        failed=sum(trial.loss is None for trial in trials),
        left_out=len(trials) - len(shown),
        **_shown(shown, trials, subject, space),
    )


def dialogue(
    trials: Sequence[Trial], subject: Subject, space: Space, question: str, words: Words | None
) -> list[Message]:
    """User and assistant in turn; calls that others proposed are told within the user's turns.

    The dialogue grows with the trials. From the hundredth on, the oldest are moved, fifty at a time, into a
    list in the first message: so a prompt stays bounded and yet mostly begins as the one before.

    Args:
        trials: in the order in which they were told.
        subject: what is tuned.
        space: the arguments.
        question: the end of the last message.
        words: where the model answers with JSON objects, the keys of its words; None where it calls.
    """
    folded = max(0, len(trials) // _BLOCK - 1) * _BLOCK
    told = [subject.text]
    if folded:
        told.append(compressed(trials[:folded], subject, space))
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
        shown = feedback(trial, subject.metric, {}, best=trial is leader)
        told.append(render("tune_feedback", trial=shown, own=own))
    return [*turns, Message("user", "\n\n".join([*told, question]))]


def _shown(shown: Sequence[Trial], trials: Sequence[Trial], subject: Subject, space: Space) -> dict[str, Any]:
    """The values of a list's template: those shown, the best of all trials, and of which to tell more."""
    defaults = {name: part.default for name, part in space.items() if part.default is not None}
    best, latest = [trial.number for trial in ranked(trials)[:BEST]], [trial.number for trial in trials]
    return {
        "trials": [feedback(trial, subject.metric, defaults) for trial in shown],
        "best": best,
        "curves": {*best[:1], *latest[-CURVES:]},
        "detailed": {*best[:DETAILED], *latest[-DETAILED:]},
        "omits": bool(defaults),
    }


def _as_call(trial: Trial, tool: str) -> str:
    """The model's earlier call in words: servers differ in how they take tool calls of the past."""
    said = f"I call {tool} with the arguments {arguments_text(trial.call.arguments, tight=True)}"
    thoughts, reasons = trial.call.reasoning, trial.call.reasons
    lines = [f"Analysis: {quoted(thoughts, THOUGHTS)}"] if thoughts else []
    lines += [f"Reasons: {arguments_text(reasons)}"] if reasons else []
    return "\n".join([*lines, said])


def _as_object(trial: Trial, words: Words) -> str:
    pairs = [(words.analysis, quoted(trial.call.reasoning, THOUGHTS))] if trial.call.reasoning else []
    pairs += [(words.reasons, arguments_text(trial.call.reasons))] if trial.call.reasons else []
    said = "".join(f"{quoted(name)}: {text}, " for name, text in pairs)
    return "{" + said + arguments_text(trial.call.arguments, tight=True)[1:]
