"""The tuner seam: who proposes the next call. A tuner sees neither code nor data."""

from collections.abc import Sequence
from typing import Protocol

from codegen_hpo.records import Call, Trial


class NoProposal(Exception):  # noqa: N818 - an answer, not a fault
    """The tuner has nothing more to propose; its text says why. Whoever drives it ends the search."""


class Tuner(Protocol):
    """Proposes calls over one space and learns from their trials.

    The driver calls `ask`, runs the call, then `tell`s the trial, failed ones too. Several calls may be under
    way at once; `ask` is given those. `tell` must also accept trials that the tuner did not propose: the call
    at the defaults, and what was recorded before a resume.

    A proposal depends on the tuner's seed, on the trials it was told in their order, and on the calls under
    way, on nothing else: neither on the clock nor on earlier asks. A search that was killed therefore goes on
    as it would have, once the recorded trials are told.
    """

    name: str

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        """The next call; `trials_left` counts it and is None without a limit. Raises NoProposal.

        Args:
            trials_left: how many more calls may be made.
            running: the calls under way, not told yet, the earliest first.
        """

    def tell(self, trial: Trial) -> None:
        """Learns from a trial. `trial.loss` is None when it failed: `trial.outcome.status` says how."""
