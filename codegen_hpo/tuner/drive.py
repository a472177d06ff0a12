"""Drives a tuner: asks, runs, tells, with several calls under way."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from codegen_hpo.records import Trial

Turn = TypeVar("Turn")  # a Call, or whatever holds one


class NotBegun(Exception):  # noqa: N818 - an answer, not a fault
    """A call that came too late to be run: it is not told, as if it had never been asked for."""


def drive(
    propose: Callable[[Sequence[Turn]], Turn | None],
    evaluate: Callable[[Turn], Trial],
    tell: Callable[[Trial], None],
    *,
    parallel: int = 1,
    ahead: int = 0,
    abandon: Callable[[], None] = lambda: None,
) -> None:
    """Runs calls until no more are proposed, at most `parallel` at once.

    Trials are told in the order in which their calls were asked for, whichever ends first, and the call k is
    asked for when k - parallel - ahead trials were told. What is proposed therefore does not depend on how
    long a call takes, and a search that is taken up again proposes the same.

    Without calls that wait, one that outlasts those after it keeps the others' places empty: with durations
    that vary as those of trainings with early stopping do (log-normal, σ 0.6), 20 calls two at once took 0.61
    of the sum of their durations, and 0.54 with one call ahead (mean of 400 simulated searches).

    Args:
        propose: the next call, given those under way, the earliest first; None ends the search. What it
            raises ends it, too, once the calls under way are told.
        evaluate: runs a call; on a thread of its own if `parallel` is above 1. May raise NotBegun.
        tell: takes note of a trial.
        ahead: calls that wait for a place beside those that run, if `parallel` is above 1. There is none
            before the first trial is told: it says whether there is any sense in going on.
        abandon: makes the calls under way end at once, after Ctrl-C.

    Raises:
        what `propose` and `evaluate` raise.
    """
    if parallel == 1:
        _one_by_one(propose, evaluate, tell)
        return
    running: deque[tuple[Turn, Future[Trial]]] = deque()
    told = 0

    def settle(below: int) -> None:
        nonlocal told
        while len(running) >= below:
            future = running.popleft()[1]
            try:
                trial = future.result()
            except (NotBegun, CancelledError):
                continue
            except Exception:
                for _, waiting in running:
                    waiting.cancel()  # those that run are finished
                raise
            told += 1
            tell(trial)

    pool = ThreadPoolExecutor(parallel, thread_name_prefix="trial")
    try:
        try:
            while (turn := propose([turn for turn, _ in running])) is not None:
                running.append((turn, pool.submit(evaluate, turn)))
                settle(parallel + ahead if told else parallel)
        except Exception:
            settle(1)  # whatever ended the search: what was begun is finished and told
            raise
        settle(1)
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        if not isinstance(error, Exception):
            abandon()
        raise
    finally:
        pool.shutdown()


def _one_by_one(
    propose: Callable[[Sequence[Turn]], Turn | None],
    evaluate: Callable[[Turn], Trial],
    tell: Callable[[Trial], None],
) -> None:
    while (turn := propose(())) is not None:
        with suppress(NotBegun):
            tell(evaluate(turn))
