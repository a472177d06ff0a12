"""Plain data that travels between the parts: findings, candidates, calls, jobs, outcomes, trials, events."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.space import Arguments, Space

Gate = Literal["reply", "text", "syntax", "rules", "signature", "dry-run", "memory"]
Status = Literal["ok", "contract", "error", "nan", "timeout", "oom", "killed", "bad_result", "refused"]
Stage = Literal["load", "construct", "step", "predict", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One complaint about a candidate's text, written to be acted on by a model or a person."""

    gate: Gate
    rule: str  # kebab-case name of the rule, stable
    message: str  # what is wrong, with the value that was found
    line: int | None = None  # 1-based
    column: int | None = None  # 1-based
    hint: str = ""  # what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A source that passed the static gates: it may be executed, in a sandbox only."""

    name: str  # "c01": unique in its run
    source: str
    space: Space
    title: str  # the first line of the function's docstring
    author: str  # "cookbook:mlp" or "llm:<model>"

    @property
    def code_hash(self) -> str:
        """SHA-256 of the source, hexadecimal."""
        return hashlib.sha256(self.source.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One proposed call of a candidate's function."""

    arguments: Arguments  # complete: defaults filled in
    proposed_by: str  # "default", "llm", "tpe", "random", …
    reasoning: str = ""  # the model's own words, if it gave any
    reasons: Mapping[str, str] = field(default_factory=dict)  # the same for single arguments, by name
    fallback: str = ""  # why another tuner took the turn of the one whose turn it was; empty if none did

    @property
    def target_transform(self) -> str:
        """The target transform that the call chooses; empty is the task's default."""
        return str(self.arguments.get("target_transform", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One trained network of a final model."""

    source: str
    arguments: Arguments
    seed: int
    weights: bytes = field(repr=False)  # the safetensors blob of its training
    share: float  # in the model's weighted mean; the shares sum to 1
    transform: Mapping[str, Any] | None  # of its target, as in a bundle's meta.json; None for classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One unit of work for a sandbox worker.

    `dry_run` builds the function at each of `points` and takes one optimiser step on a few rows; `train` fits
    on the bundle's training rows and predicts its evaluation rows; `predict` loads `weights` and predicts.

    `load` builds all of `networks` in a child that stays, and `rows`, the next jobs, have it predict rows
    that come with the job: the outputs of the networks stand side by side. `onnx` has the same outputs for
    the bundle's evaluation rows, and in place of weights an ONNX graph of the final model.
    """

    kind: Literal["dry_run", "train", "predict", "load", "rows", "onnx"]
    source: str = ""  # dry_run, train, predict
    arguments: Arguments = field(default_factory=dict)  # train, predict
    points: tuple[Arguments, ...] = ()  # dry_run
    weights: bytes | None = None  # predict: the safetensors blob of a train outcome
    networks: tuple[Network, ...] = ()  # load, onnx
    rows: tuple[NDArray[np.float32], NDArray[np.int64]] | None = (
        None  # rows: as in a bundle's evaluation part
    )
    seed: int = 0
    device: str = "cpu"  # or "cuda": a worker sees one GPU at most
    threads: int = 1
    keep_weights: bool = True  # train: whether they are sent back
    batch_rows: int | None = None  # predict: rows at a time; None: the worker's own choice
    train_s: float = 300.0  # training stops by itself after this time and keeps its best weights
    timeout_s: float = 360.0  # wall clock; the child is killed
    stop_after_epoch: int | None = (
        None  # ends training early without changing the schedule: for exact re-runs
    )
    # train: (point of the curve, 1-based; best inner loss so far above which training stops there), rising
    prune: tuple[tuple[int, float], ...] = ()
    # train: told some points of the curve while the training goes on, if it goes on in this machine's sandbox
    passed: "Callable[[Epoch], None] | None" = field(default=None, compare=False, repr=False)


class Epoch(NamedTuple):
    """One point of a training curve, as the sandbox tells it: advisory.

    A point is a pass over the training rows, or a part of one where there are more than 2**18 of them.
    """

    number: int  # 1-based
    train_loss: float
    inner_loss: float  # on the early-stopping rows, in the unit the bundle's `stop_on` names
    seconds: float  # since training began


class Series(NamedTuple):
    """How one number went while a script ran, as the script tells it: advisory."""

    name: str  # "val_loss"
    steps: tuple[float, ...]  # rising: epochs, or whatever the script counts
    values: tuple[float, ...]  # as many; NaN where it was not finite


class Check(NamedTuple):
    """What a dry-run says of one point of the space."""

    arguments: dict[str, Any]
    parameters: int
    error: str  # empty when the point works
    rule: str  # "shape", "loss", "gradient", "optimizer", "exception", …; empty when it works
    line: int | None  # in the candidate's source
    row_s: float = 0.0  # seconds that training took for one row here; 0 where the point failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a sandbox returned for a job; `status` is set by host and worker, never by generated code."""

    status: Status
    stage: Stage = ""  # where it failed: a hint, not evidence
    error: str = ""  # at most 2 kB, control characters removed; empty when ok
    line: int | None = None  # of the candidate's source, where the traceback names one
    outputs: NDArray[np.float32] | None = None  # (rows, n_outputs) float32: standardised targets or logits
    weights: bytes | None = None  # safetensors blob, or an ONNX graph; the host never makes code of it
    curve: tuple[Epoch, ...] = ()
    trajectory: tuple[Series, ...] = ()  # of a script of the user's own, in place of a curve
    checks: tuple[Check, ...] = ()  # dry_run only
    parameters: int = 0
    best_epoch: int = 0
    stopped: str = ""  # "patience", "epochs", "time", "nan" or "pruned"
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    stdout: str = ""  # head and tail of what the code printed
    device: str = "cpu"
    notes: tuple[str, ...] = ()  # training arguments used, what the loop switched on, fall-backs


class FoldResult(NamedTuple):
    """The training of a trial that left one fold out, and its score on that fold."""

    seed: int
    score: float | None  # None where the metric is not defined on so few rows
    seconds: float
    points: int  # of its curve
    best_epoch: int
    stopped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One call, run and scored by the host: of a generated function, or of any other objective."""

    number: int  # 1-based, unique in its run
    candidate: str = ""  # the generated function; empty for another objective
    code_hash: str = ""  # of the source that ran: a candidate is mended when its first trial fails
    call: Call
    # without outputs and weights: those are files of the run; with folds, the curve is that of the first
    outcome: Outcome
    score: float | None  # the metric; None when the trial failed
    loss: float | None  # the score, signed so that lower is better
    seed: int = 0
    analysis: str = ""  # what a model said of the result, if one was asked
    folds: tuple[FoldResult, ...] = ()  # whose models together are the trial's; none where it has one model

    @property
    def name(self) -> str:
        """The trial's name in its run, "t007"."""
        return trial_name(self.number)

    @property
    def training_s(self) -> float:
        """Seconds of the training whose curve the outcome has: with folds, of the first."""
        return self.folds[0].seconds if self.folds else self.outcome.seconds


class Member(NamedTuple):
    """One trained model of the final one, which is an ensemble or has this member alone."""

    trial: Trial
    weight: float  # of its predictions in the mean; the members' weights sum to 1


def trial_name(number: int) -> str:
    """The name of the trial of this number, "t007"."""
    return f"t{number:03d}"


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that have a score, the best first, the earliest of equals before the others."""
    return sorted((t for t in trials if t.loss is not None), key=lambda t: (t.loss, t.number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a run's `events.jsonl`."""

    number: int  # 1-based; 0 for one that tells what goes on, and is recorded nowhere
    time: str  # UTC, ISO 8601
    elapsed_s: float  # of the run's own clock, which stands still between sessions
    kind: str
    key: str  # what the event is about: "c01/2", "t007"; unique for its kind when it can be replayed
    data: Mapping[str, Any]


class Sink(Protocol):
    """Something that follows a run: the terminal, a tracker."""

    def receive(self, event: Event) -> None:
        """Called after the event is on disk, if it has a number; must not raise."""
