"""Turns shared by a language model and a classical tuner: which are the model's, what a failed one means."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from codegen_hpo.records import Call
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.history import MODEL

FAILED_TURNS = (
    3  # in a row: then the model is of no use, and a search that goes on would not be what was asked
)


def of_model(call: Call) -> bool:
    """Whether the model was asked for this call: it gave it, or another tuner stood in."""
    return call.proposed_by == MODEL or bool(call.fallback)


def model_or(model: Callable[[], Call], stand_in: Callable[[], Call], before: Sequence[Call]) -> Call:
    """The model's call; without a usable one the stand-in's, whose `fallback` says why.

    Args:
        model: asks the model.
        stand_in: asks the classical tuner.
        before: the calls told and under way, in order.

    Raises:
        NoProposal: the space is used up, or this was the model's third turn in a row without a usable call.
    """
    try:
        return model()
    except NoProposal as reason:
        call = stand_in()
        asked = [earlier for earlier in before if of_model(earlier)][1 - FAILED_TURNS :]
        if len(asked) == FAILED_TURNS - 1 and all(earlier.fallback for earlier in asked):
            raise NoProposal(
                f"the model gave no usable call in {FAILED_TURNS} turns in a row; the last time: {reason}"
            ) from reason
        return replace(call, fallback=str(reason))
