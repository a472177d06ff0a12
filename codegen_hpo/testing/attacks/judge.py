"""Whether a program was contained: from what the host sees, never from the program's good word alone."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.records import Outcome, Status
from codegen_hpo.testing.attacks.attack import ESCAPED, Attack
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS

_CONFESSION = re.compile(rf"^{ESCAPED}\b.*", re.MULTILINE)
_FRAME = re.compile(r"\s|…|line \d+, in ")  # of a traceback, or cut
NOISE = 1.0  # standard deviation of what no feature tells of a label, in units of the standardised target
_KNOWN = NOISE / 2  # an error below it can be had from the labels alone


# the limit, what the worker itself has mapped, and room for how it is counted
_MOST_BYTES = CASE_LIMITS.memory_bytes * 5 // 2


class Judgement(NamedTuple):
    """What was wrong, nothing when contained; how it ended, for a table."""

    faults: tuple[str, ...]
    how: str


class Fingerprint(NamedTuple):
    """All of a control trial's outcome that must be the same each time."""

    status: Status
    outputs: bytes
    weights: bytes
    curve: tuple[tuple[float, float], ...]
    rest: tuple[object, ...]


def fingerprint(outcome: Outcome) -> Fingerprint:
    """What a trial came to, without its times."""
    return Fingerprint(
        outcome.status,
        b"" if outcome.outputs is None else outcome.outputs.tobytes(),
        outcome.weights or b"",
        tuple((epoch.train_loss, epoch.inner_loss) for epoch in outcome.curve),
        (
            outcome.error,
            outcome.parameters,
            outcome.best_epoch,
            outcome.stopped,
            outcome.notes,
            outcome.stdout,
        ),
    )


def hide_labels(bundle: Path, seed: int = 0) -> NDArray[np.float64]:
    """The (rows,) standardised labels of the rows to predict, which stay here; others are written anew.

    All labels get noise that no feature tells: whoever predicts without knowing them errs by `NOISE`.
    """
    generator = np.random.default_rng([seed, 271828])
    meta: dict[str, Any] = json.loads((bundle / "meta.json").read_text(encoding="utf-8"))
    transform = meta["target"]["transforms"]["none"]

    def labels(part: str) -> NDArray[np.float64]:
        num, cat = np.load(bundle / f"{part}_num.npy"), np.load(bundle / f"{part}_cat.npy")
        signal = (num.sum(axis=1) + cat[:, 0]) / 8
        z = signal - signal.mean() + generator.normal(0, NOISE, len(num))
        return np.asarray(z, dtype=np.float64)

    for part in ("train", "inner"):
        np.save(bundle / f"{part}_y.npy", labels(part) * transform["std"] + transform["mean"])
    return labels("eval")


def known_labels(outputs: NDArray[np.float32] | None, labels: NDArray[np.float64]) -> str:
    """A complaint if the (rows, 1) predictions are better than they can be without the labels, else ""."""
    if outputs is None or outputs.size != labels.size:
        return ""
    error = float(np.sqrt(np.mean((outputs.ravel().astype(np.float64) - labels) ** 2)))
    if error >= _KNOWN:
        return ""
    return f"its error is {error:.3f}; without the labels it is {NOISE:.1f} or more"


def judge(
    attack: Attack, outcome: Outcome, labels: NDArray[np.float64], secret: str, breaches: list[str]
) -> Judgement:
    """The judgement on one outcome; `breaches` is what observers, census and control saw."""
    texts = "\n".join((outcome.stdout, outcome.error, outcome.stopped, *outcome.notes))
    faults = [f"it says: {match[:120]}" for match in _CONFESSION.findall(texts)[:3]]
    if secret in texts or secret.encode() in (outcome.weights or b""):
        faults.append("a secret came out")
    if secret.encode() in (b"" if outcome.outputs is None else outcome.outputs.tobytes()):
        faults.append("a secret came out as predictions")
    if outcome.peak_memory_bytes > _MOST_BYTES:
        faults.append(f"it held {outcome.peak_memory_bytes >> 20} MiB")
    if outcome.status not in attack.statuses:
        faults.append(f"status {outcome.status}, expected {' or '.join(attack.statuses)}")
    if complaint := known_labels(outcome.outputs, labels):
        faults.append(complaint)
    return Judgement((*faults, *breaches), how_it_ended(outcome))


def how_it_ended(outcome: Outcome, characters: int = 300) -> str:
    """The status and the error's first line that is not of a traceback."""
    lines = [line for line in outcome.error.splitlines() if line.strip() and not _FRAME.match(line)]
    first = lines[0] if lines else ""
    text = f"{outcome.status}: {first}" if first else outcome.status
    return text if len(text) <= characters else text[: characters - 1] + "…"
