"""Programs that never end, or try to end on their own terms."""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.records import Status
from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of
from codegen_hpo.testing.sandbox_cases import sample_source

_make = attacks_of("time")
_ENDED: tuple[Status, ...] = ("timeout", "killed", "error")
_S = 1.5  # of these, all is waiting


def _hangs(name: str, source: str, *, statuses: tuple[Status, ...] = _ENDED, timeout_s: float = _S) -> Attack:
    return _make(name, source, statuses=statuses, timeout_s=timeout_s)


CLOCK: tuple[Attack, ...] = (
    _hangs("loops", sample_source(construct="while True: pass")),
    _hangs("loops-at-import", "while True: pass"),
    _hangs("sleeps", sample_source(construct="import time; time.sleep(1000)")),
    _hangs("loops-in-forward", sample_source(forward="while True: pass")),
    _hangs(
        "loops-in-prediction-only",
        sample_source(forward="while not self.training: pass\nreturn self.layer(x_num)"),
    ),
    _hangs(
        "ignores-signals",
        sample_source(
            construct="""
import signal
for number in signal.valid_signals():
    try:
        signal.signal(number, lambda *_: None)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
while True: pass"""
        ),
    ),
    _hangs(
        "catches-the-limit-s-signals",
        sample_source(
            construct="""
import signal
def handler(number, frame):
    raise KeyboardInterrupt
for name in ("SIGXCPU", "SIGALRM", "SIGTERM", "SIGVTALRM", "SIGPROF"):
    signal.signal(getattr(signal, name), handler)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.01, 0.01)
while True:
    try:
        while True: pass
    except KeyboardInterrupt:
        pass"""
        ),
    ),
    _hangs(
        "stops-itself", sample_source(construct="import os, signal; os.kill(os.getpid(), signal.SIGSTOP)")
    ),
    _hangs(
        "stops-itself-again-and-again",
        sample_source(
            construct="import os, signal\nwhile True:\n    os.kill(os.getpid(), signal.SIGTSTP)\n"
            "    signal.raise_signal(signal.SIGSTOP)"
        ),
    ),
    _hangs(
        "holds-the-interpreter-lock", sample_source(construct="import re; re.match('(a+)+$', 'a' * 60 + 'b')")
    ),
    _hangs("computes-a-huge-number", sample_source(construct="x = 7 ** (7 ** 11)")),
    _hangs(
        "hangs-in-a-finaliser",
        sample_source(
            construct="class Late:\n    def __del__(self):\n        while True: pass\nlate = Late(); del late"
        ),
    ),
    _hangs(
        "hangs-at-exit",
        sample_source(
            construct="import atexit, time, threading\natexit.register(time.sleep, 1000)\n"
            "threading._register_atexit(time.sleep, 1000)\n"
            "class Late:\n    def __del__(self):\n        time.sleep(1000)\nNet.late = Late()"
        ),
        statuses=ANY,
        timeout_s=5.0,
    ),
    _hangs(
        "hangs-in-state-dict",
        sample_source().replace(
            "    def forward",
            "    def state_dict(self, *a, **k):\n        while True: pass\n\n    def forward",
        ),
    ),
    _hangs(
        "has-parameters-without-end",
        sample_source().replace(
            "    def forward",
            "    def named_parameters(self, *a, **k):\n        while True: yield 'p', self.layer.weight\n\n    def forward",
        ),
        timeout_s=3.0,
        statuses=(*_ENDED, "oom", "contract"),
    ),
    _hangs(
        "stops-the-clock",  # train_s is the worker's own clock in the child; the server's is another
        sample_source(
            construct="import time\ntime.monotonic = time.perf_counter = time.time = lambda: 0.0"
        ).replace("max_epochs=3", "max_epochs=10**6"),
        timeout_s=3.0,
        statuses=(*_ENDED, "ok", "contract"),
    ),
    _hangs(
        "waits-for-a-lock",
        sample_source(construct="import threading\nlock = threading.Lock()\nlock.acquire(); lock.acquire()"),
    ),
    _hangs(
        "reads-what-never-comes",
        sample_source(construct="import sys, os\nr, w = os.pipe()\nos.read(r, 1)"),
    ),
    _hangs(
        "closes-its-pipes-and-sleeps",
        sample_source(construct="import os, time\nos.closerange(0, 100)\ntime.sleep(1000)"),
    ),
)
