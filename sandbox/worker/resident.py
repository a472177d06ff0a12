"""A child that stays: it holds a loaded model and answers one request after the other.

Between two answers it is stopped, so that what the model's code may have left running does not.
"""

import os
import signal
from contextlib import suppress

import frames
from supervise import Child, Limits, Result, Watch


class Resident:
    """The server's side of it.

    Args:
        child: has its `load` job.
        requests: the pipe that the child reads requests from; it is closed with the child.
        control: shows that the host is gone: then frames.ClosedError is raised.
    """

    def __init__(self, child: Child, requests: int, limits: Limits, control: int) -> None:
        self._pid, self._requests = child.pid, requests
        self._watch = Watch(child, control, limits)
        self.alive = True

    def ask(self, job: bytes, rows: bytes, limits: Limits) -> Result:
        """What the child sends for a request. A child that is not done in time, or dies, is gone."""
        self._watch.begin_anew(limits)
        os.kill(self._pid, signal.SIGCONT)
        with suppress(BrokenPipeError):  # it is dead: `answer` finds that out
            frames.write(self._requests, frames.JOB, job)
            frames.write(self._requests, frames.LOADED, rows)
        return self.answer(limits.guard.wall_s)

    def answer(self, wall_s: float) -> Result:
        """What the child sends, up to its report."""
        result, self.alive = self._watch.answer(wall_s)
        if self.alive:
            os.kill(self._pid, signal.SIGSTOP)
        return result

    def end(self) -> None:
        """Ends the child and what it left behind."""
        self.alive = False
        os.close(self._requests)
        self._watch.end(None)
