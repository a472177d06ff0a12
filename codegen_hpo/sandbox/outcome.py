"""The outcome of a job, from what its worker sent. Statuses come from here and the server, not the child."""

import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.records import Check, Epoch, Job, Outcome, Stage, Status
from codegen_hpo.sandbox.plain_text import plain, short
from codegen_hpo.sandbox.protocol import (
    CHECK,
    CURVE,
    OUTPUTS,
    PRINTED,
    REPORT,
    WEIGHTS,
    BadFrameError,
    CheckData,
    Frame,
    ReportData,
    VerdictData,
    read_curve,
    read_json,
)

# what allocators say; the order of size is the reader's concern, so a substring is enough
_OUT_OF_MEMORY = ("MemoryError", "DefaultCPUAllocator", "bad_alloc", "CUDA out of memory", "OutOfMemoryError")
_STAGES: tuple[Stage, ...] = ("load", "construct", "step", "predict")


class Shape(NamedTuple):
    """Of the outputs that a job owes, as the host knows it from the bundle."""

    rows: int
    n_outputs: int


@dataclass(slots=True)
class Received:
    """The frames of one job, by type."""

    verdict: VerdictData
    frames: list[Frame] = field(default_factory=list)

    def one(self, kind: bytes) -> bytes | None:
        """The payload of that type, None if there was none."""
        return next((frame.payload for frame in self.frames if frame.kind == kind), None)

    def checks(self) -> list[CheckData]:
        return [read_json(frame.payload, CheckData) for frame in self.frames if frame.kind == CHECK]


def read_outcome(job: Job, received: Received, shape: Shape) -> Outcome:
    """The outcome of a job whose worker stayed sound."""
    verdict = received.verdict
    stage, point = _stage(verdict.stage)
    facts: dict[str, Any] = {
        "stage": stage,
        "seconds": verdict.seconds,
        "peak_memory_bytes": verdict.peak_memory_bytes,
        "stdout": plain((received.one(PRINTED) or b"").decode(errors="replace")),
        "device": job.device,
    }
    try:
        _refuse_repeated(received.frames)
        facts["curve"] = _curve(received.one(CURVE))
        facts["checks"] = _checks(job, received)
        if (fate := _fate(verdict, stage, facts["stdout"])) is not None:
            status, error = fate
            checks = facts.pop("checks") + _unfinished(job, status, error, point)
            return Outcome(status=status, error=error, checks=checks, **facts)
        return _reported(job, received, shape, facts)
    except BadFrameError as error:
        facts = {name: value for name, value in facts.items() if name not in ("curve", "checks")}
        return Outcome(status="bad_result", error=short(f"the result cannot be read: {error}"), **facts)


def _reported(job: Job, received: Received, shape: Shape, facts: dict[str, Any]) -> Outcome:
    """The outcome of a child that ended by itself."""
    payload = received.one(REPORT)
    if payload is None:
        status = received.verdict.detail
        text = f"the process ended with exit status {status} before it sent a result"
        return Outcome(status="bad_result", error=short(f"{text}\n{facts['stdout'][-500:]}"), **facts)
    report = read_json(payload, ReportData)
    if report.status != "ok":
        error = short(report.error)
        status_: Status = "oom" if _out_of_memory(error) else report.status
        return Outcome(status=status_, error=error, line=report.line, **facts)
    facts |= {
        "stage": "",
        "parameters": report.parameters,
        "best_epoch": report.best_epoch,
        "stopped": report.stopped,
        "notes": tuple(short(note, 200) for note in report.notes),
    }
    if job.kind in ("dry_run", "load"):
        return Outcome(status="ok", **facts)
    outputs = _outputs(received.one(OUTPUTS), shape)
    if not np.isfinite(outputs).all():
        return Outcome(
            status="nan", error="a prediction is not a finite number", **facts | {"stage": "predict"}
        )
    weights = received.one(WEIGHTS)
    if job.kind in ("train", "onnx") and job.keep_weights and weights is None:
        raise BadFrameError("the weights are missing")
    return Outcome(status="ok", outputs=outputs, weights=weights if job.keep_weights else None, **facts)


def _fate(verdict: VerdictData, stage: Stage, stdout: str) -> tuple[Status, str] | None:
    """The status of a child that was ended; None for one that ended by itself."""
    if verdict.fate == "timeout":
        return "timeout", f"stopped after {verdict.seconds:.1f} s, in the stage {stage}"
    if verdict.fate == "oom":
        return "oom", "the memory limit was reached"
    if verdict.fate == "flood":
        return "killed", "stopped because it printed more than 16 MiB"
    if verdict.fate == "threads":
        return "killed", f"stopped because it started more than {verdict.detail} threads"
    if verdict.fate == "bad_frames":
        return "bad_result", "the result was too large or malformed"
    if verdict.fate == "signal":
        # an uncaught std::bad_alloc ends in abort(), with its name printed
        if _out_of_memory(stdout[-2000:]):
            return "oom", short(f"memory ran out\n{stdout[-500:]}")
        return "killed", short(f"the process died of {_signal_name(verdict.detail)}\n{stdout[-500:]}")
    return None


def _outputs(payload: bytes | None, shape: Shape) -> NDArray[np.float32]:
    """(rows, n_outputs) float32, from exactly that many bytes."""
    expected = shape.rows * shape.n_outputs * 4
    if payload is None or len(payload) != expected:
        got = "no bytes" if payload is None else f"{len(payload)} bytes"
        raise BadFrameError(f"{got} of predictions, expected {expected}")
    return np.frombuffer(payload, dtype="<f4").reshape(shape).astype(np.float32)


def _curve(payload: bytes | None) -> tuple[Epoch, ...]:
    return tuple(Epoch(*point) for point in read_curve(payload)) if payload else ()


def _checks(job: Job, received: Received) -> tuple[Check, ...]:
    """One check a point, in their order; the last word on a point counts."""
    checks: dict[int, Check] = {}
    for data in received.checks():
        if data.point >= len(job.points):
            raise BadFrameError(f"a check of point {data.point}, there are {len(job.points)}")
        error = short(data.error)
        rule = "memory" if _out_of_memory(data.error) else short(data.rule, 40)
        row_s = 0.0 if error else data.row_s
        checks[data.point] = Check(
            dict(job.points[data.point]), data.parameters, error, rule, data.line, row_s
        )
    return tuple(checks[point] for point in sorted(checks))


def _unfinished(job: Job, status: Status, error: str, point: int) -> tuple[Check, ...]:
    """The point at which a dry-run was ended."""
    if job.kind != "dry_run" or point >= len(job.points):
        return ()
    rule = {"oom": "memory", "timeout": "time"}.get(status, "exception")
    return (Check(dict(job.points[point]), 0, error, rule, None),)


def _stage(text: str) -> tuple[Stage, int]:
    name, _, point = text.partition(" ")
    known: Stage = next((stage for stage in _STAGES if stage == name), "load")
    return known, int(point) if point.isascii() and point.isdigit() and len(point) < 6 else 0


def _refuse_repeated(frames: Sequence[Frame]) -> None:
    counts = Counter(frame.kind for frame in frames if frame.kind != CHECK)
    if repeated := [kind for kind, count in counts.items() if count > 1]:
        raise BadFrameError(f"frame {repeated[0]!r} came {counts[repeated[0]]} times")


def _out_of_memory(text: str) -> bool:
    return any(sign in text for sign in _OUT_OF_MEMORY)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
