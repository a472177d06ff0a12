"""All trained networks of a final model in one child: what `load`, `rows` and `onnx` jobs work with."""

from typing import Any

import torch
from bundle import Bundle, Features
from construct import construct, load
from predict import predict
from safetensors import torch as safetensors
from torch import Tensor, nn

# Each batch has so many rows, the last one filled up: the sums of a matrix product come in an order that
# depends on its shape, and so a row would get another prediction, by 1e-7, with each company it comes in.
_BATCH_ROWS = 64
_CPU = torch.device("cpu")


class Together:
    """The networks of a job, loaded. Raises whatever their sources raise, or ContractError.

    Args:
        models: the source, arguments and seed of each, and the length of its weights.
        weights: their safetensors blobs, one after the other.
    """

    def __init__(self, models: list[dict[str, Any]], weights: bytes, bundle: Bundle) -> None:
        self._bundle = bundle
        self.networks: list[nn.Module] = []
        self.parameters, begin = 0, 0
        for model in models:
            end = begin + model["weights_bytes"]
            built = construct(load(model["source"]), bundle, model["arguments"], _CPU, model["seed"])
            built.model.load_state_dict(safetensors.load(weights[begin:end]), strict=True)
            self.networks.append(built.model.eval())
            self.parameters, begin = self.parameters + built.parameters, end

    def outputs(self, features: Features) -> Tensor:
        """(rows, networks * n_outputs) float32: what each network gives, side by side."""
        rows = len(features.num)
        if not rows:
            return torch.empty(0, len(self.networks) * self._bundle.n_outputs)
        filled = torch.arange(-(-rows // _BATCH_ROWS) * _BATCH_ROWS).clamp_(max=rows - 1)
        whole = Features(features.num[filled], features.cat[filled])
        kind, n_outputs = self._bundle.kind, self._bundle.n_outputs
        found = [predict(network, whole, kind, n_outputs, _BATCH_ROWS) for network in self.networks]
        return torch.cat(found, dim=1)[:rows]


def sent_rows(payload: bytes, rows: int, bundle: Bundle) -> Features:
    """The rows of a request: (rows, n_numeric) float32, then (rows, n_categorical) int64, as bytes."""
    data = bytearray(payload)
    split = 4 * rows * bundle.n_numeric
    return Features(
        _tensor(data[:split], torch.float32).reshape(rows, bundle.n_numeric),
        _tensor(data[split:], torch.int64).reshape(rows, len(bundle.cardinalities)),
    )


def _tensor(data: bytearray, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
