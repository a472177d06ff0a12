"""Turns shared by a language model and a classical tuner: which are the model's, what a failed one means."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from codegen_hpo.records import Call
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.history import MODEL

# in a row: then the model is of no use, and a search that goes on would not be what was asked
FAILED_TURNS = 3


def of_model(call: Call) -> bool:
    """Whether the model was asked for this call: it gave it, or another tuner stood in."""
    return call.proposed_by == MODEL or bool(call.fallback)


def fallbacks_text(calls: Sequence[Call]) -> str:
    """How many of the model's turns another tuner took, and why the last time; empty if it took none."""
    asked = [call for call in calls if of_model(call)]
    taken = [call for call in asked if call.fallback]
    if not taken:
        return ""
    others = " and ".join(sorted({call.proposed_by for call in taken}))
    counted = f"{len(taken)} of {len(asked)} turns of the model were taken by {others}"
    return f"{counted}: {' '.join(taken[-1].fallback.split())}"


def model_or(
    model: Callable[[], Call],
    stand_in: Callable[[], Call],
    before: Sequence[Call],
    patience: int = FAILED_TURNS,
) -> Call:
    """The model's call; without a usable one the stand-in's, whose `fallback` says why.

    Args:
        model: asks the model.
        stand_in: asks the classical tuner.
        before: the calls told and under way, in order.
        patience: turns of the model in a row without a usable call; with the last of them the search ends.

    Raises:
        NoProposal: the space is used up, or the patience is.
    """
    try:
        return model()
    except NoProposal as reason:
        call = stand_in()
        asked = [bool(earlier.fallback) for earlier in before if of_model(earlier)]
        if len(asked) >= patience - 1 and all(asked[len(asked) - (patience - 1) :]):
            turns = "its only turn" if patience == 1 else f"{patience} turns in a row"
            raise NoProposal(f"the model gave no usable call in {turns}; the last time: {reason}") from reason
        return replace(call, fallback=str(reason))
