"""A sink that ends a run as SIGKILL would, at any event: for tests that resume it."""

from codegen_hpo.records import Event


class Killed(BaseException):
    """Stands for SIGKILL: nothing between the engine and the test may catch it."""


class KillAfter:
    """A sink that ends the process's life after some events."""

    def __init__(self, events: int) -> None:
        self._left = events

    def receive(self, event: Event) -> None:
        """Raises Killed in place of the event that is one too many."""
        self._left -= 1
        if self._left < 0:
            raise Killed
