"""What is minimised, what training stops on, and how parallel members become one output."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from failure import ContractError
from settings import Settings
from target import Transform
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]
_POINTWISE: dict[str, Callable[..., Tensor]] = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
}


def checked(output: object, rows: int, n_outputs: int) -> Tensor:
    """The output of a forward call, (rows, n_outputs) or (rows, k, n_outputs), as float32.

    Raises ContractError for another shape.
    """
    if not isinstance(output, Tensor):
        raise ContractError("shape", f"forward returned a {type(output).__name__}, expected a tensor")
    shape = tuple(output.shape)
    fits = len(shape) in (2, 3) and shape[0] == rows and shape[-1] == n_outputs and 0 not in shape
    if not fits:
        raise ContractError(
            "shape",
            f"forward returned shape {shape} for a batch of {rows}, "
            f"expected ({rows}, {n_outputs}) or ({rows}, k, {n_outputs})",
        )
    if not output.is_floating_point():
        raise ContractError("shape", f"forward returned {output.dtype}, expected float32")
    return output.float()


def members(output: object, rows: int, n_outputs: int) -> Tensor:
    """The same as (rows, k, n_outputs)."""
    found = checked(output, rows, n_outputs)
    return found if found.dim() == 3 else found.unsqueeze(1)


def training_loss(kind: str, settings: Settings) -> Loss:
    """The mean loss over rows and members of checked outputs and (rows,) targets.

    The targets take on the outputs' shape, not the other way round: what is done to them needs no gradient.
    """
    smoothing = settings.label_smoothing
    if kind == "regression":
        pointwise = _POINTWISE[settings.loss]
        return lambda output, y: pointwise(output, _like(y, output))
    if kind == "binary":
        return lambda output, y: F.binary_cross_entropy_with_logits(
            output, _like(y * (1 - smoothing) + smoothing / 2 if smoothing else y, output)
        )

    def cross_entropy(output: Tensor, y: Tensor) -> Tensor:
        if output.dim() == 3:
            output, y = output.flatten(0, 1), y.repeat_interleave(output.shape[1])
        return F.cross_entropy(output, y, label_smoothing=smoothing)

    return cross_entropy


def _like(y: Tensor, output: Tensor) -> Tensor:
    """(rows,) as (rows, 1) or (rows, k, 1)."""
    return y.unsqueeze(1) if output.dim() == 2 else y.view(-1, 1, 1).expand_as(output)


def stopping_loss(output: Tensor, y: Tensor, stop_on: str, transform: Transform | None) -> float:
    """The loss that early stopping watches, in the unit of `stop_on`; NaN if an output is not finite.

    output: (rows, n_outputs) float32, averaged; y: (rows,) in the target's unit, or class codes.
    """
    if not bool(torch.isfinite(output).all()):
        return math.nan
    if transform is None:
        binary = output.shape[1] == 1
        logits = output.double()
        if binary:
            return float(F.binary_cross_entropy_with_logits(logits[:, 0], y.double()))
        return float(F.cross_entropy(logits, y))
    predicted = transform.decode(output[:, 0].double())
    if stop_on == "mae":
        return float(F.l1_loss(predicted, y))
    if stop_on == "msle":
        predicted, y = torch.log1p(predicted.clamp_min(0)), torch.log1p(y.clamp_min(0))
    return float(F.mse_loss(predicted, y))
