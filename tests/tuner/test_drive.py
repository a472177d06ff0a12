"""Who is asked and told when, with calls that take their own time."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest

from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.tuner.drive import NotBegun, drive


def trial(number: int) -> Trial:
    call = Call(arguments={}, proposed_by="test")
    return Trial(number=number, call=call, outcome=Outcome(status="ok"), score=None, loss=None)


class Course:
    """A search over numbers: keeps with how many told and under way each was proposed, and what was told."""

    def __init__(self, calls: int, seconds: Callable[[int], float] = lambda number: 0.0) -> None:
        self._calls, self._seconds = calls, seconds
        self.proposed: list[tuple[int, int]] = []  # told, under way
        self.told: list[int] = []
        self._lock = threading.Lock()
        self._at_work = self.most_at_work = 0

    def propose(self, running: Sequence[int]) -> int | None:
        number = len(self.proposed) + 1
        if number > self._calls:
            return None
        self.proposed.append((len(self.told), len(running)))
        return number

    def evaluate(self, number: int) -> Trial:
        with self._lock:
            self._at_work += 1
            self.most_at_work = max(self.most_at_work, self._at_work)
        time.sleep(self._seconds(number))
        with self._lock:
            self._at_work -= 1
        return trial(number)

    def tell(self, told: Trial) -> None:
        self.told.append(told.number)


def test_one_at_a_time_knows_all_that_went_before() -> None:
    course = Course(4)
    drive(course.propose, course.evaluate, course.tell, ahead=3)
    assert course.proposed == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert course.told == [1, 2, 3, 4]


@pytest.mark.parametrize("seconds", [lambda number: 0.0, lambda number: 0.05 * (number % 3 == 1)])
def test_what_is_known_at_each_proposal_does_not_depend_on_how_long_calls_take(
    seconds: Callable[[int], float],
) -> None:
    course = Course(8, seconds)
    drive(course.propose, course.evaluate, course.tell, parallel=2, ahead=1)
    # none waits before the first is told
    assert course.proposed == [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2)]
    assert course.told == list(range(1, 9))


def test_a_call_that_waits_takes_the_place_of_one_that_ends_early() -> None:
    ended: list[int] = []

    def evaluate(number: int) -> Trial:
        if number == 3:  # outlasts two others: without one ahead, the second of them would not begin
            deadline = time.monotonic() + 30
            while not {4, 5} <= set(ended) and time.monotonic() < deadline:
                time.sleep(0.001)
        ended.append(number)
        return trial(number)

    course = Course(6)
    drive(course.propose, evaluate, course.tell, parallel=2, ahead=1)
    assert ended.index(3) > ended.index(5)
    assert course.told == list(range(1, 7))


def test_no_more_are_at_work_than_asked_for() -> None:
    course = Course(9, lambda number: 0.01)
    drive(course.propose, course.evaluate, course.tell, parallel=3, ahead=2)
    assert course.most_at_work == 3


@pytest.mark.parametrize("parallel", [1, 2])
def test_a_call_that_comes_too_late_is_not_told_and_ends_nothing(parallel: int) -> None:
    course = Course(5)

    def evaluate(number: int) -> Trial:
        if number == 3:
            raise NotBegun
        return course.evaluate(number)

    drive(course.propose, evaluate, course.tell, parallel=parallel, ahead=1)
    assert course.told == [1, 2, 4, 5]


def test_what_waits_is_not_begun_after_a_fault() -> None:
    begun: list[int] = []
    broken = threading.Event()

    def evaluate(number: int) -> Trial:
        begun.append(number)
        if number == 2:
            broken.set()
            raise RuntimeError("the machine is gone")
        if number == 3:
            broken.wait(30)
            time.sleep(0.1)
        return trial(number)

    course = Course(9)
    with pytest.raises(RuntimeError, match="gone"):
        drive(course.propose, evaluate, course.tell, parallel=2, ahead=2)
    assert course.told[0] == 1
    assert 2 not in course.told
    assert max(begun) <= 5, "calls went on after the fault"
