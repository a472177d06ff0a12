"""What a tuner that can read is told of time, and which calls are refused for want of it."""

from collections.abc import Callable
from typing import NamedTuple

from codegen_hpo.space import Arguments, Scalar


class Driver(NamedTuple):
    """An argument on which the cost depends, and what its dearest value costs, times its cheapest."""

    name: str
    cheapest: Scalar
    dearest: Scalar
    factor: float  # at least 1


class Pace(NamedTuple):
    """How fast a search goes."""

    left_s: float | None  # for all trials; None without a limit
    trial_s: float  # the longest training
    usual_s: float  # a trial so far
    drivers: tuple[Driver, ...]  # the largest first; those of little effect are left out


class Outlook(NamedTuple):
    """What is expected of calls before they are run."""

    pace: Callable[[], Pace | None]  # None where time is short nowhere, or nothing is known
    refusal: Callable[[Arguments], str]  # why a call is not worth its start; empty if it is
