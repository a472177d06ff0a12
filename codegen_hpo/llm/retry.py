"""When a request is sent again, and after which wait. Every wait is told before it begins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_exponential_jitter

from codegen_hpo.llm.faults import WireError

Result = TypeVar("Result")
Sleep = Callable[[float], None]
OnWait = Callable[[WireError, int, float], None]  # the fault, the attempt that failed, the seconds to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client tries to get one reply."""

    attempts: int = 5
    deadline_s: float = 300.0  # for one reply, waits and all attempts included
    retry_after_s: float = 60.0  # the longest wait that a server may ask for
    first_wait_s: float = 1.0  # doubles with each attempt, plus up to a second of jitter
    longest_wait_s: float = 30.0  # of the waits that the server did not ask for


class GaveUpError(Exception):
    """No attempt brought a reply."""

    def __init__(self, fault: WireError, attempts: int, note: str) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.attempts = attempts
        self.note = note  # why there was no further attempt; empty when the fault says it all


class Retries:
    """The policy for one reply: tenacity's loop, with our clock and our limits."""

    def __init__(
        self, patience: Patience, clock: Callable[[], float], sleep: Sleep, on_wait: OnWait | None = None
    ) -> None:
        self._patience, self._clock, self._on_wait = patience, clock, on_wait
        self._began = clock()
        self._note = ""
        self._backoff = wait_exponential_jitter(multiplier=patience.first_wait_s, max=patience.longest_wait_s)
        self._retrying = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, WireError) and error.transient),
            wait=self._wait,
            stop=self._stop,
            sleep=sleep,
            before_sleep=self._tell,
            reraise=True,
        )

    @property
    def left_s(self) -> float:
        """Seconds until the deadline of this reply, not negative."""
        return max(0.0, self._began + self._patience.deadline_s - self._clock())

    @property
    def attempts(self) -> int:
        """Attempts begun so far."""
        return int(self._retrying.statistics["attempt_number"])

    @property
    def seconds(self) -> float:
        """Seconds since the first attempt began."""
        return self._clock() - self._began

    def call(self, attempt: Callable[[], Result]) -> Result:
        """The first result of `attempt`. Raises GaveUpError."""
        try:
            return self._retrying(attempt)
        except WireError as fault:
            raise GaveUpError(fault, self.attempts, self._note) from fault

    def _wait(self, state: RetryCallState) -> float:
        asked = _fault(state).retry_after_s
        return self._backoff(state) if asked is None else asked

    def _stop(self, state: RetryCallState) -> bool:
        wait_s = state.upcoming_sleep
        if state.attempt_number >= self._patience.attempts:
            return True
        if (_fault(state).retry_after_s or 0.0) > self._patience.retry_after_s:
            self._note = (
                f"it asks to wait {wait_s:.0f} s, more than the {self._patience.retry_after_s:.0f} s allowed"
            )
        elif wait_s >= self.left_s:
            self._note = (
                f"a wait of {wait_s:.0f} s would pass the deadline of {self._patience.deadline_s:.0f} s"
            )
        return bool(self._note)

    def _tell(self, state: RetryCallState) -> None:
        if self._on_wait:
            self._on_wait(_fault(state), state.attempt_number, state.upcoming_sleep)


def _fault(state: RetryCallState) -> WireError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, WireError)  # the retry predicate lets nothing else through
    return error
