"""The frames between host and worker, the host's half; `sandbox/worker/frames.py` is the other.

A frame is a type byte, the length as u32 little-endian, then the payload. The length is checked against the
type's cap before the payload is read. JSON is refused when it holds NaN, or a field of a wrong type.
"""

import json
import math
import struct
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codegen_hpo.records import Job
from codegen_hpo.sandbox.inbox import Inbox
from codegen_hpo.sandbox.limits import Limits

PROTOCOL = 4
_HEADER = struct.Struct("<cI")
_POINT = struct.Struct("<Iddd")
_SMALL, _TEXT = 64 << 10, 32 << 10  # bytes

JOB, LOADED = b"J", b"L"
HELLO, PRINTED, VERDICT = b"H", b"T", b"V"
CHECK, REPORT, CURVE, OUTPUTS, WEIGHTS = b"K", b"R", b"C", b"O", b"W"
POINT = b"P"  # of the curve, while a training goes on
_CAPS = {
    HELLO: _SMALL,
    PRINTED: _TEXT,
    VERDICT: _SMALL,
    CHECK: 16 << 10,
    REPORT: _SMALL,
    CURVE: 1 << 20,
    POINT: _POINT.size,
}


class BadFrameError(Exception):
    """A frame that no honest worker sends."""


class Frame(NamedTuple):
    kind: bytes
    payload: bytes


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


_Data = TypeVar("_Data", bound=_Strict)
_Count = Annotated[int, Field(ge=0, lt=2**63)]  # of thousands of digits no screen and no record would be glad
_Line = Annotated[int, Field(ge=-1, le=10**6)]


class HelloData(_Strict):
    protocol: int
    python: str
    torch: str
    cuda: str = ""
    cuda_memory_bytes: _Count = 0
    memory_limit_bytes: _Count | None = None
    refused: Annotated[list[str], Field(max_length=20)] = []
    bundle: str  # its fingerprint, empty when the worker cannot see it


class VerdictData(_Strict):
    """How the child ended, as the server saw it."""

    fate: Literal["exited", "signal", "timeout", "oom", "flood", "threads", "bad_frames"]
    detail: int  # exit status, signal number, or how many threads are allowed
    stage: str  # "step 3": what the child said it was about to do, and at which point
    seconds: float
    peak_memory_bytes: _Count


class ReportData(_Strict):
    """What the child says of its job. Of "ok" the host believes nothing that it can check itself."""

    status: Literal["ok", "contract", "error", "nan"]
    error: str = ""
    line: _Line | None = None
    parameters: _Count = 0
    best_epoch: _Count = 0
    # shown in prompts without a fence
    stopped: Literal["", "patience", "epochs", "time", "nan", "pruned"] = ""
    notes: Annotated[list[str], Field(max_length=50)] = []


class CheckData(_Strict):
    """What the child says of one point of a dry-run."""

    point: _Count
    parameters: _Count
    error: str
    rule: str
    line: _Line | None
    row_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0


class CurvePoint(NamedTuple):
    number: int
    train_loss: float
    inner_loss: float
    seconds: float


def encode_job(job: Job, limits: Limits, *, limit_memory: bool, output_bytes: int) -> bytes:
    """The two frames of a job.

    Args:
        limit_memory: the child is to limit itself, where no container does.
        output_bytes: of the predictions that it owes.
    """
    fields = {
        "kind": job.kind,
        "source": job.source,
        "arguments": dict(job.arguments),
        "points": [dict(point) for point in job.points],
        "seed": job.seed,
        "device": job.device,
        "threads": job.threads,
        "train_s": job.train_s,
        "timeout_s": job.timeout_s,
        "stop_after_epoch": job.stop_after_epoch,
        "prune": job.prune,
        "result_bytes": limits.sent_bytes,
        "output_bytes": output_bytes,
        "processes": limits.processes,
        "memory_bytes": limits.memory_bytes if limit_memory else None,
        "keep_weights": job.keep_weights,
        "batch_rows": job.batch_rows,
        "models": [
            {
                "source": network.source,
                "arguments": dict(network.arguments),
                "seed": network.seed,
                "weights_bytes": len(network.weights),
                "weight": network.share,
                "transform": network.transform,
            }
            for network in job.networks
        ],
        "rows": len(job.rows[0]) if job.rows else 0,
    }
    return _encode(JOB, json.dumps(fields).encode()) + _encode(LOADED, _loaded(job))


def _loaded(job: Job) -> bytes:
    if job.rows:
        x_num, x_cat = job.rows
        return x_num.astype("<f4").tobytes() + x_cat.astype("<i8").tobytes()
    return b"".join(network.weights for network in job.networks) or job.weights or b""


def _encode(kind: bytes, payload: bytes) -> bytes:
    return _HEADER.pack(kind, len(payload)) + payload


def read_frame(inbox: Inbox, deadline: float, large_bytes: int) -> Frame:
    """The next frame; outputs and weights may have `large_bytes`.

    Raises GoneError, LateError or BadFrameError.
    """
    kind, length = _HEADER.unpack(inbox.take(_HEADER.size, deadline))
    cap = large_bytes if kind in (OUTPUTS, WEIGHTS) else _CAPS.get(kind)
    if cap is None:
        raise BadFrameError(f"unknown frame {kind!r}")
    if length > cap:
        raise BadFrameError(f"frame {kind!r} of {length} bytes, at most {cap} are allowed")
    return Frame(kind, inbox.take(length, deadline))


def read_json(payload: bytes, model: type[_Data]) -> _Data:
    """The payload as `model`. Raises BadFrameError."""
    try:
        return model.model_validate(json.loads(payload, parse_constant=_refuse_constant))
    except (ValueError, RecursionError, ValidationError) as error:
        raise BadFrameError(f"{model.__name__}: {error}"[:500]) from None


def read_curve(payload: bytes) -> list[CurvePoint]:
    """The finite points of a training curve, by rising number. Raises BadFrameError."""
    if len(payload) % _POINT.size:
        raise BadFrameError(f"a curve of {len(payload)} bytes")
    points = [CurvePoint(*fields) for fields in _POINT.iter_unpack(payload)]
    if any(later.number <= point.number for point, later in pairwise([CurvePoint(0, 0, 0, 0), *points])):
        raise BadFrameError("the points of a curve are out of order")
    return [point for point in points if all(map(math.isfinite, point))]


def read_point(payload: bytes) -> CurvePoint | None:
    """A point of a training that goes on; None for what no honest child sends: it is not worth a training."""
    if len(payload) != _POINT.size:
        return None
    point = CurvePoint(*_POINT.unpack(payload))
    return point if point.number and all(map(math.isfinite, point)) else None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
