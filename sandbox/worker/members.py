"""How the outputs of parallel members become one. `export` copies this very file: it needs torch alone."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor


def average(output: Tensor, kind: str) -> Tensor:
    """(rows, k, n_outputs) → (rows, n_outputs): means of values, or of probabilities written as logits."""
    k = output.shape[1]
    if k == 1:
        return output[:, 0]
    if kind == "regression":
        return output.mean(dim=1)
    if kind == "binary":
        positive, negative = _logsigmoid(output), _logsigmoid(-output)
        return torch.logsumexp(positive, dim=1) - torch.logsumexp(negative, dim=1)
    return torch.logsumexp(F.log_softmax(output, dim=-1), dim=1) - math.log(k)


def _logsigmoid(x: Tensor) -> Tensor:
    """Finite in an ONNX graph, too: onnxscript 0.7.2 makes log(sigmoid(x)) of torch's own, -inf at -80."""
    return x.clamp(max=0) - torch.log1p(torch.exp(-x.abs()))
