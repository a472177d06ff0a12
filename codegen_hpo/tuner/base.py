"""The tuner seam: who proposes the next call. A tuner sees neither code nor data."""

from typing import Protocol

from codegen_hpo.records import Call, Trial


class NoProposal(Exception):  # noqa: N818 - an answer, not a fault
    """The tuner has nothing more to propose; its text says why. The engine ends this candidate's tuning."""


class Tuner(Protocol):
    """Proposes calls over one space and learns from their trials.

    The engine calls `ask`, runs the call, then `tell`s the trial, failed ones too. `tell` must also accept
    trials that the tuner did not propose: the call at the defaults, and what was recorded before a resume.
    A tuner is deterministic for its seed and what it was told: a run is resumed by asking it again.
    """

    name: str

    def ask(self, trials_left: int | None) -> Call:
        """The next call; `trials_left` counts it and is None without a limit. Raises NoProposal."""

    def tell(self, trial: Trial) -> None:
        """Learns from a trial. `trial.loss` is None when it failed: `trial.outcome.status` says how."""
