"""The process that checks: imports the gates once, then forks one limited child a text.

`apart.py` starts it and says why. A request is a frame of JSON, {"source", "name", "author"}; the answer is a
frame as well: `ANSWER` with the child's JSON, `DIED` with the reason why the child left without one, or
`STARVED` if the machine gave it too little processor time for either. The child that meets the text has no
descriptor of this process, and does nothing but read and write memory.
"""

import gc
import json
import os
import resource
import select
import signal
import struct
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from codegen_hpo.contract.read import read_candidate

HEADER = struct.Struct("<cI")
READY, REQUEST, ANSWER, DIED, STARVED = b"!", b"Q", b"A", b"D", b"S"
ANSWER_BYTES = 1 << 20  # 40 hyperparameters with their descriptions and 42 findings have some 50 kB

CPU_S = 10  # the slowest text that the syntax gate lets through takes 2 s
WALL_S = 300.0  # who has not got that much of a processor by then is on a machine that has none to give
MEMORY_BYTES = 1 << 30  # above what the process has at its start; 64 kB of text take less than 100 MB
_NO_MEMORY, _FAILED = 3, 4  # exit statuses of a child
_ERROR = 300  # characters of an error that are told

Check = Callable[[bytes], bytes]


def main() -> None:
    """Serves texts until the host closes the input."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    import_module("codegen_hpo.contract.rules")  # each child would pay
    gc.freeze()
    serve(requests, answers, check)


def serve(requests: int, answers: int, check: Check) -> None:
    """Answers each request by `check`, run in a child, until `requests` is closed."""
    _write(answers, READY, b"")
    while (request := _read_request(requests)) is not None:
        kind, payload = _in_a_child(request, requests, answers, check)
        _write(answers, kind, payload)


def check(request: bytes) -> bytes:
    """What the gates say, as JSON; the source stays where it came from."""
    verdict = read_candidate(**json.loads(request))
    candidate = verdict.candidate
    answer = {
        "findings": [asdict(finding) for finding in verdict.findings],
        "title": candidate.title if candidate else "",
        "space": candidate.space.to_json() if candidate else None,
    }
    return json.dumps(answer).encode()


def _in_a_child(request: bytes, requests: int, answers: int, check: Check) -> tuple[bytes, bytes]:
    """A frame for the host. Leaves the process when the host goes away meanwhile."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        for descriptor in (read_end, requests, answers):
            os.close(descriptor)
        _child(request, write_end, check)
    os.close(write_end)
    deadline = time.monotonic() + WALL_S
    answer, late = b"", False
    while len(answer) <= ANSWER_BYTES and not late:
        ready, _, _ = select.select([read_end, requests], [], [], max(0.0, deadline - time.monotonic()))
        if requests in ready:  # the host sends one text at a time: it has closed the pipe
            os.kill(pid, signal.SIGKILL)
            os._exit(0)
        part = os.read(read_end, 1 << 16) if ready else b""
        if ready and not part:
            break
        answer += part
        late = not ready
    os.close(read_end)
    if late or len(answer) > ANSWER_BYTES:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if late:
        return STARVED, b""
    if len(answer) > ANSWER_BYTES:
        return DIED, b"too long an answer"
    return (ANSWER, answer) if status == 0 else (DIED, _reason(status, answer))


def _child(request: bytes, out: int, check: Check) -> None:
    """Checks the text under limits and leaves; never returns."""
    status = _FAILED
    try:
        os.dup2(0, 2)  # what a native parser prints when it panics is no news
        _limit_self()
        answer, status = check(request), 0
    except MemoryError:
        answer, status = b"", _NO_MEMORY
    except BaseException as error:  # a panic of the native parser is one that is no Exception
        answer = f"{type(error).__name__}: {error}"[:_ERROR].encode("ascii", "backslashreplace")
    try:
        while answer:
            answer = answer[os.write(out, answer) :]
    finally:
        os._exit(status)


def _limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 1))
    size = Path("/proc/self/statm")
    if size.exists():  # Linux; elsewhere the limit on the address space is not kept
        used = int(size.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))


def _reason(status: int, error: bytes) -> bytes:
    """Why the child left: "time", "memory", the name of the signal, or its error."""
    if os.WIFEXITED(status):
        return b"memory" if os.WEXITSTATUS(status) == _NO_MEMORY else error
    number = os.WTERMSIG(status)
    if number == signal.SIGKILL:  # by the kernel, when the machine is out of memory
        return b"memory"
    return b"time" if number == signal.SIGXCPU else signal.Signals(number).name.encode()


def _read_request(requests: int) -> bytes | None:
    """The next request; None when the host has closed the pipe."""
    header = _read(requests, HEADER.size)
    return None if header is None else _read(requests, HEADER.unpack(header)[1])


def _read(descriptor: int, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(descriptor, count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _write(descriptor: int, kind: bytes, payload: bytes) -> None:
    rest = memoryview(HEADER.pack(kind, len(payload)) + payload)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


if __name__ == "__main__":
    main()
