"""The gates, run in a process of their own: no text crashes or stalls the host.

A parser in native code can be killed by a text (libcst 1.9 by 6 kB of brackets), and what the syntax gate
refuses is only what was found so far. So a text from outside is read by a limited child, and a child that
dies of it is one more finding.

These are the only processes that `sandbox/` does not start: they run our own code on a text, never the
text's, and need neither a bundle nor torch. Importing the gates takes 0.3 s; one process does that once and
forks a child for each text, which takes 20 ms more than the gates themselves. It ends with the host.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, ValidationError

from codegen_hpo.contract import checker
from codegen_hpo.contract.read import Verdict, read_candidate
from codegen_hpo.contract.text import MAX_BYTES
from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Candidate, Finding
from codegen_hpo.space import Choice, Float, Int, Space

START_S = 60.0  # to start Python and import the gates: 0.3 s, on a cold disk much more
# not -m: isolated mode knows neither the packages that a user installed for himself nor PYTHONPATH
_START = "import sys; sys.path[:] = sys.argv[1:]; from codegen_hpo.contract.checker import main; main()"
_PASSED = ("LD_LIBRARY_PATH", "SYSTEMROOT")  # without which some interpreters do not start
_HINT = "write plain, short statements: few brackets within brackets, no long chains of operators or calls"


def start_checker() -> None:
    """Begins to start the checker, for whoever will soon have a text. What goes wrong is told to that one."""
    threading.Thread(target=_start_quietly, daemon=True).start()


def read_candidate_apart(source: str, *, name: str, author: str) -> Verdict:
    """What `read_candidate` says of `source`, or one finding if the checker died of it.

    Raises SandboxError when the checker cannot be started, or gets too little of the processor, whatever the
    text is.
    """
    if len(source) > MAX_BYTES:  # refused by its size, before any parser: no need to send it anywhere
        return read_candidate(source, name=name, author=author)
    request = json.dumps({"source": source, "name": name, "author": author}).encode()
    kind, payload = _ask(request)
    if kind == checker.STARVED:
        raise SandboxError(
            f"the checker of generated code had no answer in {checker.WALL_S:g} s: too little processor time",
            hint="end what else keeps the processors busy, or do less at once, and go on",
        )
    if kind == checker.DIED:
        return Verdict(None, (_died(payload.decode("ascii", "replace")),))
    try:
        answer = _Answer.model_validate_json(payload)
    except ValidationError:  # no child that is sound sends it
        return Verdict(None, (_died("an answer that cannot be read"),))
    if answer.space is None:
        return Verdict(None, answer.findings)
    candidate = Candidate(
        name=name, source=source, space=Space(answer.space), title=answer.title, author=author
    )
    return Verdict(candidate, answer.findings)


def _kind(dimension: object) -> Any:
    return dimension.get("kind") if isinstance(dimension, dict) else None


_Dimension = Annotated[
    Annotated[Float, Tag("float")] | Annotated[Int, Tag("int")] | Annotated[Choice, Tag("choice")],
    Discriminator(_kind),
]


class _Answer(BaseModel):
    """What a checker's child sends: the findings, and the candidate without its source."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    findings: tuple[Finding, ...]
    title: str
    space: dict[str, _Dimension] | None


def _died(reason: str) -> Finding:
    what = {
        "time": f"it was stopped after {checker.CPU_S} s of processor time",
        "memory": "its memory ran out",
    }
    message = (
        f"the checker cannot read this text, {what.get(reason, f'it ended with {reason}')}: "
        "it is too deeply nested or too large"
    )
    rule = "validator-timeout" if reason == "time" else "validator-died"
    return Finding(gate="syntax", rule=rule, message=message, hint=_HINT)


class _Checker:
    """The process that forks a child for each text."""

    def __init__(self) -> None:
        paths = [os.path.abspath(path) for path in sys.path]
        if (package := str(Path(__file__).parents[2])) not in paths:  # found by an import hook
            paths.append(package)
        self.host = os.getpid()
        try:
            self._process = subprocess.Popen(
                # without `site`: the path is complete, and nothing else of it is needed
                [sys.executable, "-I", "-S", "-c", _START, *paths],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                cwd="/",
                start_new_session=True,  # Ctrl-C is the host's
            )
        except OSError as error:
            raise SandboxError(f"the checker of generated code cannot be started: {error}") from error
        try:
            with _ended_after(self._process, START_S):
                self._read(checker.READY)
        except OSError as error:
            said = self.end()
            raise SandboxError(
                f"the checker of generated code did not start: {said.strip()[-500:] or error}",
                hint=f"try it by hand: {sys.executable} -m codegen_hpo.contract.checker < /dev/null",
            ) from None

    def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """The kind and the payload of the answer. Raises OSError when the process is gone."""
        assert self._process.stdin is not None
        with _ended_after(self._process, checker.WALL_S + START_S):
            self._process.stdin.write(checker.HEADER.pack(checker.REQUEST, len(request)) + request)
            self._process.stdin.flush()
            return self._read(checker.ANSWER, checker.DIED, checker.STARVED)

    def end(self) -> str:
        """Ends it and its child, if it has one. What it printed on stderr."""
        process = self._process
        process.kill()
        with suppress(OSError):  # what could not be sent is dropped
            _, complaints = process.communicate()
            return str(complaints, errors="replace")
        return ""

    def _read(self, *kinds: bytes) -> tuple[bytes, bytes]:
        stdout = self._process.stdout
        assert stdout is not None
        header = stdout.read(checker.HEADER.size)
        if len(header) < checker.HEADER.size:
            raise OSError("the checker is gone")
        kind, length = checker.HEADER.unpack(header)
        if kind not in kinds or length > checker.ANSWER_BYTES:
            raise OSError(f"the checker sent a frame {kind!r} of {length} bytes")
        payload = stdout.read(length)
        if len(payload) < length:
            raise OSError("the checker is gone")
        return kind, payload


@contextmanager
def _ended_after(process: "subprocess.Popen[bytes]", seconds: float) -> Iterator[None]:
    """Kills the process at the end of that time, which ends every wait for it."""
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    # one thread where numpy comes along: the process forks
    return {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", **passed}


_lock = threading.Lock()  # several threads may fit at once; a checker reads one text at a time
_running: _Checker | None = None


def _start_quietly() -> None:
    global _running
    with _lock, suppress(SandboxError):
        if _running is None or _running.host != os.getpid():
            _running = _Checker()


def _ask(request: bytes) -> tuple[bytes, bytes]:
    """The running checker's answer; a checker that is gone is replaced, once."""
    global _running
    with _lock:
        for again in (True, False):
            if _running is None or _running.host != os.getpid():  # a fork of the host has none of its own
                _running = _Checker()
            try:
                return _running.ask(request)
            except OSError as error:
                _end()
                if not again:
                    raise SandboxError(f"the checker of generated code broke twice: {error}") from error
            except BaseException:  # Ctrl-C: its answer would be taken for the next text's
                _end()
                raise
        raise AssertionError("unreachable")


def _end() -> None:
    global _running
    if _running and _running.host == os.getpid():
        _running.end()
    _running = None


atexit.register(_end)
