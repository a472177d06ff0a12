"""The final model as one ONNX graph, from encoded rows to predictions."""

import io
import tempfile
from typing import Any

import torch
from bundle import Bundle, Features
from members import average
from target import Transform
from torch import Tensor, nn

INPUTS, OUTPUT = ["x_num", "x_cat"], "prediction"


class FinalModel(nn.Module):
    """The weighted mean of the networks' predictions, as the host takes it.

    **Shape** (rows, n_numeric) float32, (rows, n_categorical) int64 → (rows,) float64 in the target's unit,
    or (rows, n_classes) float64 probabilities.
    """

    def __init__(self, networks: list[nn.Module], models: list[dict[str, Any]], kind: str) -> None:
        super().__init__()
        self._kind = kind
        self.networks = nn.ModuleList(networks)
        self._weights: list[float] = [model["weight"] for model in models]
        self._transforms = [model["transform"] and Transform(model["transform"]) for model in models]

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        parts = [
            weight * self._prediction(network(x_num, x_cat), transform)
            for network, weight, transform in zip(self.networks, self._weights, self._transforms, strict=True)
        ]
        return torch.stack(parts).sum(dim=0)

    def _prediction(self, output: Tensor, transform: Transform | None) -> Tensor:
        output = output.float()
        outputs = average(output if output.dim() == 3 else output.unsqueeze(1), self._kind).double()
        if transform:
            return transform.decode(outputs[:, 0])
        if self._kind == "binary":
            outputs = torch.cat([torch.zeros_like(outputs), outputs], dim=1)
        return torch.softmax(outputs, dim=1)


def traced(networks: list[nn.Module], models: list[dict[str, Any]], bundle: Bundle, rows: Features) -> bytes:
    """The graph as ONNX's bytes, weights included. Raises whatever the exporter raises.

    Args:
        networks: loaded.
        models: the weight and the target transform of each.
        bundle: the facts of the data.
        rows: examples to trace with; the graph takes any number of rows.
    """
    tempfile.tempdir = "/"  # torch.export asks for its name, behind a wall where no folder can be written
    model = FinalModel(networks, models, bundle.kind).eval()
    any_number = torch.export.Dim.DYNAMIC  # type: ignore[attr-defined]
    program = torch.onnx.export(
        model,
        tuple(part.clone() for part in rows),
        input_names=INPUTS,
        output_names=[OUTPUT],
        dynamic_shapes=({0: any_number}, {0: any_number}),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    buffer = io.BytesIO()
    program.save(buffer)
    return buffer.getvalue()
