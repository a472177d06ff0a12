"""Runs in processes of their own, watched from outside while they work."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from codegen_hpo.run import Run

PATIENCE_S = 120.0  # for a moment to come; two busy cores are slow

Moment = Callable[[Path], bool]  # the folder of all runs → whether it is now
Process = subprocess.Popen[str]


@contextmanager
def started(*arguments: object, env: Mapping[str, str] | None = None) -> Iterator[Process]:
    """A `codegen-hpo` process, which is dead afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "codegen_hpo.cli", *map(str, arguments)],
        # one thread: those of the boosting baseline wait by spinning
        env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def wait_for(moment: Moment, runs: Path, process: Process) -> None:
    """Returns when the moment has come. Raises AssertionError when the process ends before."""
    deadline = time.monotonic() + PATIENCE_S
    while not moment(runs):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, f"the moment did not come; the run has {kinds(runs)}"
        time.sleep(0.005)


def ended(process: Process, code: int) -> str:
    """What the process wrote on stderr. Raises AssertionError unless it ends with that exit code."""
    _, complaints = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, f"exit {process.returncode}\n{complaints}"
    assert "Traceback" not in complaints, complaints
    return complaints


def finish(*arguments: object, env: Mapping[str, str] | None = None) -> str:
    """What the command wrote on stderr, when it went well."""
    with started(*arguments, env=env) as process:
        return ended(process, 0)


def kinds(runs: Path) -> list[str]:
    """The kinds of a run's events so far; a torn last line is left out."""
    files = list(runs.glob("*/events.jsonl"))
    lines = files[0].read_bytes().split(b"\n")[:-1] if files else []
    return [json.loads(line)["kind"] for line in lines]


def after(kind: str, count: int = 1, wait_s: float = 0.0) -> Moment:
    """The moment some seconds after the event of that kind and count."""

    def come(runs: Path) -> bool:
        if kinds(runs).count(kind) < count:
            return False
        time.sleep(wait_s)
        return True

    return come


def the_run(runs: Path) -> Run:
    """The only run of the folder."""
    (path,) = (path.parent for path in runs.glob("*/events.jsonl"))
    return Run.open(path)


def told(run: Run) -> list[tuple[object, ...]]:
    """What was proposed and what came of it: everything that must not depend on what happened around it."""
    return [
        (
            t.name,
            t.candidate,
            t.code_hash,
            t.call,
            t.score,
            t.outcome.status,
            t.outcome.stopped,
            t.outcome.best_epoch,
            [(e.train_loss, e.inner_loss) for e in t.outcome.curve],
        )
        for t in run.history.trials
    ]


def assert_as_if_nothing_had_happened(run: Run, whole: Run) -> None:
    """Compares a run that was disturbed with one of the same settings that was not."""
    assert told(run) == told(whole)
    assert run.history.final == whole.history.final
    assert run.history.state == "done"
    for kind in ("prepared", "dry_run", "call", "trial", "final", "finished"):
        # trials that ran side by side are recorded as they end
        keys = sorted(event.key for event in run.folder.of_kind(kind))
        assert keys == sorted(e.key for e in whole.folder.of_kind(kind)), f"{kind}: missing or doubled"
    winner = whole.history.final
    assert winner is not None
    weights = f"candidates/{winner.candidate}/trials/{winner.trial}/weights.safetensors"
    assert (run.path / weights).read_bytes() == (whole.path / weights).read_bytes()
