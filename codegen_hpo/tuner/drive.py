"""Drives a tuner: asks, runs, tells, with several calls under way."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from codegen_hpo.records import Trial

Turn = TypeVar("Turn")  # a Call, or whatever holds one


def drive(
    propose: Callable[[Sequence[Turn]], Turn | None],
    evaluate: Callable[[Turn], Trial],
    tell: Callable[[Trial], None],
    *,
    parallel: int = 1,
    abandon: Callable[[], None] = lambda: None,
) -> None:
    """Runs calls until no more are proposed, at most `parallel` at once.

    Trials are told in the order in which their calls were asked for, whichever ends first, and the call k is
    asked for when k - parallel trials were told. What is proposed therefore does not depend on how long a
    call takes, and a search that is taken up again proposes the same.

    Args:
        propose: the next call, given those under way, the earliest first; None ends the search. What it
            raises ends it, too, once the calls under way are told.
        evaluate: runs a call; on a thread of its own if `parallel` is above 1.
        tell: takes note of a trial.
        abandon: makes the calls under way end at once, after Ctrl-C.

    Raises:
        what `propose` and `evaluate` raise.
    """
    if parallel == 1:
        while (turn := propose(())) is not None:
            tell(evaluate(turn))
        return
    running: deque[tuple[Turn, Future[Trial]]] = deque()

    def settle(below: int) -> None:
        while len(running) >= below:
            tell(running.popleft()[1].result())

    pool = ThreadPoolExecutor(parallel, thread_name_prefix="trial")
    try:
        try:
            while (turn := propose([turn for turn, _ in running])) is not None:
                running.append((turn, pool.submit(evaluate, turn)))
                settle(parallel)
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
