"""Evaluates a problem's points, in a child process where there is a time limit.

A child is the only way to end a fit that is inside compiled code. The limit is on its processor time: on a
busy machine the same configurations fail as on an idle one.
"""

import math
import multiprocessing
import resource
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from codegen_hpo.bench.folder import Cache
from codegen_hpo.bench.problem import Problem, Suite, Value
from codegen_hpo.bench.processes import begin
from codegen_hpo.errors import CodegenHpoError
from codegen_hpo.space import Arguments

_START_S = 300.0  # to import, and to read a table from the network
_STALLED = 20  # times the limit, by the wall clock: whoever takes so long does not compute


class Evaluator:
    """The values of a suite's problems, each computed once where there is a cache."""

    def __init__(self, suite: Suite, cache: Cache | None) -> None:
        self._suite, self._cache = suite, cache
        self._child: _Child | None = None

    def evaluate(self, problem: Problem, arguments: Arguments) -> Value:
        """The value at a point, a failure where the limit was hit."""
        known = self._cache.get(problem.fingerprint, arguments) if self._cache else None
        if known is not None:
            return known
        value = self._compute(problem, arguments)
        if self._cache:
            self._cache.put(problem.fingerprint, arguments, value)
        return value

    def close(self) -> None:
        """Ends the child."""
        if self._child:
            self._child.close()
            self._child = None

    def _compute(self, problem: Problem, arguments: Arguments) -> Value:
        limit_s = self._suite.limit_s
        if limit_s is None:
            return problem.evaluate(arguments)
        if self._child is None:
            self._child = _Child(self._suite)
        value = self._child.evaluate(problem.name, arguments, limit_s)
        if value is None:
            self.close()
            return Value(None, status="timeout", error=f"above {limit_s:g} s", seconds=limit_s)
        return value


class _Child:
    """A process that evaluates: it is sent a problem's name, then points of it."""

    def __init__(self, suite: Suite) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(suite, far), daemon=True)
        self._process.start()
        far.close()
        self._problem = ""

    def evaluate(self, problem: str, arguments: Arguments, limit_s: float) -> Value | None:
        """The value; None when it took too long. Raises CodegenHpoError if the process ended otherwise."""
        if problem != self._problem:
            if self._answer(problem, _START_S) is None:
                raise CodegenHpoError(f"{problem} could not be opened in the process that evaluates")
            self._problem = problem
        return self._answer((dict(arguments), limit_s), limit_s * _STALLED)

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _answer(self, request: object, wall_s: float) -> Value | None:
        """None when the process was too slow, or was ended for its processor time."""
        try:
            self._pipe.send(request)
            answer: Value | None = self._pipe.recv() if self._pipe.poll(wall_s) else None
        except (EOFError, OSError):
            self._process.join()
            if self._process.exitcode == -signal.SIGXCPU:
                return None
            raise CodegenHpoError(
                f"the process that evaluates ended by itself, with code {self._process.exitcode}"
            ) from None
        return answer


def _serve(suite: Suite, pipe: Connection) -> None:
    """What the child does until its parent is gone."""
    begin()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # SIGXCPU would write a core file
    problem: Problem | None = None
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            request = pipe.recv()
            if isinstance(request, str):
                problem = suite.open(request)
                pipe.send(Value(None))
            elif problem is not None:
                arguments, limit_s = request
                _limit(limit_s)
                pipe.send(problem.evaluate(arguments))
                _limit(None)


def _limit(seconds: float | None) -> None:
    """Lets this process compute for so much longer; it is then ended by SIGXCPU."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = hard if seconds is None else math.ceil(time.process_time() + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
