"""Predictions of a model over many rows, in batches of bounded size."""

import torch
from bundle import Features
from losses import members
from members import average
from torch import Tensor, nn

_BATCH_ROWS = {"cpu": 2048, "cuda": 16384}


def predict(
    model: nn.Module, features: Features, kind: str, n_outputs: int, batch_rows: int | None = None
) -> Tensor:
    """(rows, n_outputs) float32 on the features' device; the model is left in eval mode.

    Args:
        batch_rows: rows at a time; None takes what suits the device.
    """
    model.eval()
    rows = len(features.num)
    size = batch_rows or _BATCH_ROWS[features.num.device.type]
    outputs = torch.empty(rows, n_outputs, device=features.num.device)
    # not inference_mode: a module that caches a tensor in here could not train with it afterwards
    with torch.no_grad():
        for start in range(0, rows, size):
            stop = min(start + size, rows)
            # clones: a forward may work in place, and on CPU these rows are a read-only map
            output = model(features.num[start:stop].clone(), features.cat[start:stop].clone())
            outputs[start:stop] = average(members(output, stop - start, n_outputs), kind)
    return outputs
