"""A fixed network: as deep and wide as its arguments say, with nothing else to choose."""

from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn


class Network(nn.Module):
    def __init__(self, cardinalities: list[int], n_inputs: int, hidden: list[int], n_outputs: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList([nn.Embedding(levels, 8) for levels in cardinalities])
        sizes = [n_inputs + 8 * len(cardinalities), *hidden]
        layers: list[nn.Module] = []
        for size, units in pairwise(sizes):
            layers += [nn.Linear(size, units), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], n_outputs))

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        columns = [embed(x_cat[:, i]) for i, embed in enumerate(self.levels)]  # (batch, 8) each
        outputs: Tensor = self.layers(torch.cat([x_num, *columns], dim=1))
        return outputs  # (batch, n_outputs)


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    depth: Annotated[int, 1, 5] = 2,
    width: Annotated[int, 16, 1024, "log"] = 128,
    batch_size: Annotated[int, 16, 1024, "log"] = 128,
    learning_rate: Annotated[float, 1e-5, 1e-1, "log"] = 1e-3,
    weight_decay: Annotated[float, 1e-6, 1.0, "log"] = 1e-4,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Multilayer perceptron of fixed form, trained by AdamW.

    Args:
        depth: Hidden layers.
        width: Units of each hidden layer.
        batch_size: Rows a step.
        learning_rate: Step size.
        weight_decay: Decoupled weight decay.
    """
    model = Network(cardinalities, n_numeric, [width] * depth, n_outputs)
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
