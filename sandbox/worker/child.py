"""The untrusted half: everything in here shares its interpreter with generated code.

It speaks to the server through one pipe only, and leaves by os._exit.
"""

import json
import math
import mmap
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import frames
import settings as training_arguments
import torch
from bundle import Bundle
from construct import Built, check_optimizer, construct, load
from dry_run import Check, DryRun
from failure import describe
from onnx_graph import traced
from predict import predict
from safetensors import torch as safetensors
from together import Together, sent_rows
from training import Epoch, Fit, Limits, Trainer

_POINT = struct.Struct("<Iddd")  # of a curve: its number, then an Epoch
_TELL_S = 0.5  # at least between two points that are told while a training goes on
_MOST_POINTS = frames.CAPS[frames.CURVE] // _POINT.size


class Reporter:
    """Sends what a job has to say to the server."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._told = -math.inf  # when a point was

    def stage(self, name: str, point: int = 0) -> None:
        """Says what is about to be tried: a hint for the reader of an error."""
        frames.write(self._fd, frames.STAGE, f"{name} {point}".encode())

    def check(self, check: Check) -> None:
        frames.write(self._fd, frames.CHECK, json.dumps(check._asdict()).encode())

    def report(self, status: str, **facts: Any) -> None:
        frames.write(self._fd, frames.REPORT, json.dumps({"status": status, **facts}).encode())

    def passed(self, number: int, epoch: Epoch) -> None:
        """Says where the training is, now and then."""
        if (now := time.monotonic()) >= self._told + _TELL_S:
            self._told = now
            frames.write(self._fd, frames.POINT, _POINT.pack(number, *epoch))

    def fit(self, fit: Fit) -> None:
        numbers = _told(len(fit.curve), fit.best_epoch)
        curve = b"".join(_POINT.pack(number, *fit.curve[number - 1]) for number in numbers)
        frames.write(self._fd, frames.CURVE, curve)

    def outputs(self, outputs: torch.Tensor) -> None:
        frames.write(self._fd, frames.OUTPUTS, outputs.cpu().numpy().astype("<f4").tobytes())

    def weights(self, weights: bytes) -> None:
        frames.write(self._fd, frames.WEIGHTS, weights)


def _told(points: int, best: int) -> list[int]:
    """The numbers of the points that are sent: all, or as many as may be, evenly, with the best."""
    if points <= _MOST_POINTS:
        return list(range(1, points + 1))
    gaps = _MOST_POINTS - 2  # between those that are even
    return sorted({1 + round(place * (points - 1) / gaps) for place in range(gaps + 1)} | {best})


def run(job: dict[str, Any], weights: bytes, bundle: Bundle, fd: int) -> None:
    """Runs a job and reports; any exception of it is a report as well."""
    work = {"train": _train, "predict": _predict, "dry_run": _dry_run, "onnx": _onnx}[job["kind"]]
    with _reported(Reporter(fd), job["threads"]) as reporter:
        work(job, weights, bundle, reporter)


def reside(job: dict[str, Any], weights: bytes, bundle: Bundle, requests: int, fd: int) -> None:
    """Loads all networks of a job and reports, then answers each request that comes; leaves at the last."""
    together = None
    with _reported(Reporter(fd), job["threads"]) as reporter:
        reporter.stage("load")
        together = Together(job["models"], weights, bundle)
        reporter.report("ok", parameters=together.parameters)
    while together:
        try:
            request, payload = json.loads(frames.read(requests).payload), frames.read(requests).payload
        except frames.ClosedError:
            return
        with _reported(Reporter(fd), job["threads"]) as reporter:
            reporter.stage("predict")
            reporter.outputs(together.outputs(sent_rows(payload, request["rows"], bundle)))
            reporter.report("ok", parameters=together.parameters)


@contextmanager
def _reported(reporter: Reporter, threads: int) -> Iterator[Reporter]:
    """The reporter; whatever is raised meanwhile is its report."""
    # given back before a MemoryError is described, which needs some memory itself
    reserve = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANON)  # counted, never touched
    try:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        yield reporter
    except BaseException as error:  # the candidate may raise anything, SystemExit too
        reserve.close()
        failure = describe(error)
        reporter.report(failure.status, error=failure.error, line=failure.line)


def _train(job: dict[str, Any], weights: bytes, bundle: Bundle, reporter: Reporter) -> None:
    device = torch.device(job["device"])
    settings = training_arguments.read(job["arguments"], bundle.default_transform)
    built = _construct(job, bundle, device, reporter)
    check_optimizer(built)
    # each empty tensor of the loop would be filled with NaN; the dry-run has shown that none is read
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    reporter.stage("step")
    trainer = Trainer(built, bundle, settings, device, job["seed"])
    fit = trainer.fit(Limits(job["train_s"], job["stop_after_epoch"], dict(job["prune"])), reporter.passed)
    reporter.stage("predict")
    outputs = predict(built.model, bundle.features("eval", device), bundle.kind, bundle.n_outputs)
    reporter.fit(fit)
    reporter.outputs(outputs)
    if job["keep_weights"]:
        reporter.weights(_weights(built))
    reporter.report(
        "ok",
        parameters=built.parameters,
        best_epoch=fit.best_epoch,
        stopped=fit.stopped,
        notes=[*training_arguments.used(settings, job["arguments"]), *trainer.notes()],
    )


def _predict(job: dict[str, Any], weights: bytes, bundle: Bundle, reporter: Reporter) -> None:
    device = torch.device(job["device"])
    built = _construct(job, bundle, device, reporter)
    built.model.load_state_dict(safetensors.load(weights), strict=True)
    reporter.stage("predict")
    features = bundle.features("eval", device)
    reporter.outputs(predict(built.model, features, bundle.kind, bundle.n_outputs, job["batch_rows"]))
    reporter.report("ok", parameters=built.parameters)


def _onnx(job: dict[str, Any], weights: bytes, bundle: Bundle, reporter: Reporter) -> None:
    reporter.stage("load")
    together = Together(job["models"], weights, bundle)
    reporter.stage("predict")
    features = bundle.features("eval", torch.device("cpu"))
    reporter.outputs(together.outputs(features))
    reporter.weights(traced(together.networks, job["models"], bundle, features))
    reporter.report("ok", parameters=together.parameters)


def _dry_run(job: dict[str, Any], weights: bytes, bundle: Bundle, reporter: Reporter) -> None:
    reporter.stage("load")
    function = load(job["source"])
    dry_run = DryRun(function, bundle, torch.device(job["device"]), job["seed"], reporter.stage)
    for point, arguments in enumerate(job["points"]):
        reporter.check(dry_run.check(point, arguments))
    for check in dry_run.probe_memory(job["points"]):
        reporter.check(check)
    reporter.report("ok")


def _construct(job: dict[str, Any], bundle: Bundle, device: torch.device, reporter: Reporter) -> Built:
    reporter.stage("load")
    function = load(job["source"])
    reporter.stage("construct")
    return construct(function, bundle, job["arguments"], device, job["seed"])


def _weights(built: Built) -> bytes:
    state = built.model.state_dict()
    # clones: tensors that share memory cannot be stored twice
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    return safetensors.save(tensors)
