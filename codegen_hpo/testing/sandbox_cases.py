"""What every sandbox must do with good, wrong and hostile code: a conformance suite for back ends.

    @pytest.mark.parametrize("case", SANDBOX_CASES, ids=lambda case: case.name)
    def test_my_sandbox(case, worker):
        check_case(worker, case)

`worker` is one warm worker, opened on `write_sample_bundle(folder)` with `CASE_LIMITS`: all cases may
share it, and each ends by showing that it still trains.
"""

from dataclasses import dataclass, replace

from codegen_hpo.records import Job, Outcome, Stage, Status
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.sandbox.limits import GIB, Limits

CASE_LIMITS = Limits(memory_bytes=GIB, result_bytes=32 << 20)

_HEAD = """
import math
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, n_numeric, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_numeric, n_outputs)

    def forward(self, x_num, x_cat):
        {forward}


def make_model_and_optimizer(n_numeric, cardinalities, n_outputs, *, batch_size=64, max_epochs=3):
    {construct}
    model = Net(n_numeric, n_outputs)
    return {returned}
"""


def sample_source(
    *,
    construct: str = "pass",
    forward: str = "return self.layer(x_num)",
    returned: str = "model, torch.optim.SGD(model.parameters(), lr=1e-2)",
) -> str:
    """The source of a linear model, with statements put into its function and its `forward`."""
    construct, forward = construct.replace("\n", "\n    "), forward.replace("\n", "\n        ")
    return _HEAD.format(construct=construct, forward=forward, returned=returned)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxCase:
    """A source and what must become of it."""

    name: str
    source: str
    statuses: tuple[Status, ...]  # any of them will do
    says: str = ""  # a part of the error
    stage: Stage | None = None
    timeout_s: float = 30.0
    wall: bool = False  # only a real sandbox refuses it: not for the back end `none`


def check_case(worker: Worker, case: SandboxCase) -> Outcome:
    """Runs a case and asserts what it must lead to, then that the worker is as good as before."""
    outcome = worker.run(Job(kind="train", source=case.source, timeout_s=case.timeout_s))
    told = f"{case.name}: {outcome.status} {outcome.error!r} {outcome.stdout[-300:]!r}"
    assert outcome.status in case.statuses, told
    assert case.says in outcome.error, told
    assert case.stage is None or outcome.stage == case.stage, told
    assert len(outcome.error.encode()) <= 2000
    assert (outcome.status == "ok") == (outcome.outputs is not None)
    assert (outcome.status == "ok") == (not outcome.error)
    control = worker.run(Job(kind="train", source=sample_source()))
    assert control.status == "ok", f"after {case.name}: {control.status} {control.error}"
    return outcome


def _case(name: str, status: Status | tuple[Status, ...], source: str, **rest: object) -> SandboxCase:
    statuses = (status,) if isinstance(status, str) else status
    return replace(
        SandboxCase(name=name, source=source, statuses=statuses),
        **rest,  # type: ignore[arg-type]
    )


_LOOP = "while True: pass"
_HOG = "kept = []\nwhile True: kept.append(torch.ones(1 << 22))"
_FLOOD = "while True: print('x' * 100000)"

SANDBOX_CASES: tuple[SandboxCase, ...] = (
    _case("trains", "ok", sample_source()),
    _case("prints a little", "ok", sample_source(construct="print('hello')")),
    # wrong code
    _case("does not parse", "error", "def (", says="SyntaxError"),
    _case("raises at import", "error", "1 / 0", says="ZeroDivisionError", stage="load"),
    _case("defines no function", "contract", "x = 1", says="make_model_and_optimizer"),
    _case(
        "raises in the function",
        "error",
        sample_source(construct="[][1]"),
        says="IndexError",
        stage="construct",
    ),
    _case(
        "raises in forward", "error", sample_source(forward="raise ValueError('no')"), says="no", stage="step"
    ),
    _case("returns one value", "contract", sample_source(returned="model"), says="returned a Net"),
    _case("returns a class", "contract", sample_source(returned="Net, None"), says="torch.nn.Module"),
    _case("returns no optimizer", "contract", sample_source(returned="model, None"), says="Optimizer"),
    _case(
        "returns a wrong shape",
        "contract",
        sample_source(forward="return self.layer(x_num)[:, 0]"),
        says="expected (256, 1)",
        stage="step",
    ),
    _case("has a NaN loss", "nan", sample_source(forward="return self.layer(x_num) * math.nan")),
    _case(
        "is finite in training only",
        "nan",
        sample_source(forward="y = self.layer(x_num)\nreturn y if len(y) != 100 or self.training else y / 0"),
    ),
    _case("recurses", "error", sample_source(construct="f = lambda g: g(g)\nf(f)"), says="RecursionError"),
    # code that ends the process or never ends
    _case("leaves", "error", sample_source(construct="import sys; sys.exit(0)"), says="exit status 0"),
    _case(
        "leaves at once",
        "bad_result",
        sample_source(construct="import os; os._exit(0)"),
        says="exit status 0",
    ),
    _case(
        "kills itself",
        "killed",
        sample_source(construct="import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
        says="SIGKILL",
    ),
    _case("crashes", "killed", sample_source(construct="import ctypes; ctypes.string_at(0)"), says="SIGSEGV"),
    _case("loops", "timeout", sample_source(construct=_LOOP), stage="construct", timeout_s=1.5),
    _case("loops in forward", "timeout", sample_source(forward=_LOOP), stage="step", timeout_s=1.5),
    _case(
        "stops itself",
        "timeout",
        sample_source(construct="import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"),
        timeout_s=1.5,
    ),
    # code that wants too much
    _case("asks for much memory", "oom", sample_source(construct="torch.empty(1 << 40)")),
    _case("fills memory", "oom", sample_source(construct=_HOG)),
    _case("prints without end", "killed", sample_source(construct=_FLOOD), says="printed more"),
    _case(
        "has weights beyond the cap",
        "bad_result",
        sample_source(construct="Net.more = property(lambda self: 1)").replace(
            "super().__init__()", "super().__init__(); self.register_buffer('big', torch.zeros(1 << 24))"
        ),
        says="too large",
    ),
    _case(
        "leaves a process behind",
        ("ok", "error"),
        sample_source(construct="import os, time\nif os.fork() == 0:\n    os.setsid(); time.sleep(1000)"),
    ),
    # code that lies
    _case(
        "writes a false frame", "bad_result", sample_source(construct="import os; os.write(3, b'V' * 100)")
    ),
    _case(
        "sends a false result",
        "bad_result",
        sample_source(
            construct="import os, struct\n"
            "def send(kind, data): os.write(3, struct.pack('<cI', kind, len(data)) + data)\n"
            "send(b'O', bytes(12)); send(b'W', b''); send(b'R', b'{\"status\": \"ok\"}'); os._exit(0)"
        ),
        says="bytes of predictions",
    ),
    _case(
        "colours its error",
        "error",
        sample_source(construct="raise ValueError('\\x1b[31mred\\x1b[0m\\x00 ' + 'x' * 9000)"),
        says="red",
    ),
    # what only a wall refuses
    _case(
        "forks behind a wall",
        "error",
        sample_source(construct="import os\nif os.fork() == 0: os._exit(0)"),
        says="PermissionError",
        wall=True,
    ),
    _case(
        "starts a program",
        "error",
        sample_source(construct="import subprocess; subprocess.run(['/bin/true'])"),
        wall=True,
    ),
    _case(
        "becomes a program",
        "error",
        sample_source(construct="import os; os.execv('/bin/true', ['true'])"),
        wall=True,
    ),
    _case(
        "signals its worker",
        "error",
        sample_source(construct="import os; os.kill(os.getppid(), 0)"),
        says="PermissionError",
        wall=True,
    ),
    _case(
        "opens a local socket",
        "error",
        sample_source(construct="import socket; socket.socket(socket.AF_UNIX)"),
        says="PermissionError",
        wall=True,
    ),
    _case(
        "reads its worker's memory",
        "error",
        sample_source(construct="import os; open(f'/proc/{os.getppid()}/mem', 'rb')"),
        wall=True,
    ),
    _case(
        "changes a setting of the kernel",
        "error",
        # behind namespaces that root made, the file of root's own is writable without a capability
        sample_source(construct="open('/proc/sys/vm/drop_caches', 'w')"),
        wall=True,
    ),
    _case("writes a file", "error", sample_source(construct="open('/tmp/left', 'w').write('x')"), wall=True),
    _case(
        "connects",
        "error",
        sample_source(construct="import socket; socket.create_connection(('1.1.1.1', 53), timeout=2)"),
        wall=True,
    ),
    _case(
        "reads the host's files",
        "error",
        sample_source(construct="import os; open('/data/../etc/shadow').read()"),
        wall=True,
    ),
)
