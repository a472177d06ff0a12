"""A function that keeps the contract and trains in a moment, for tests of what stands on a whole run."""

from typing import Any

from codegen_hpo.author.fixed import FixedAuthor
from codegen_hpo.testing.forked import ForkedSandbox

SMALL_NETWORK = '''\
from typing import Annotated

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """A line, and a small hidden layer beside it."""

    def __init__(self, n_numeric: int, cardinalities: list[int], n_outputs: int, width: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(c, 4) for c in cardinalities)
        inputs = n_numeric + 4 * len(cardinalities)
        self.line = nn.Linear(inputs, n_outputs)
        self.hidden = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, n_outputs))

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        parts = [embedding(x_cat[:, column]) for column, embedding in enumerate(self.embeddings)]
        x = torch.cat([x_num, *parts], dim=1)
        return self.line(x) + self.hidden(x)


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 8, 64] = 16,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 2e-2,
    max_epochs: Annotated[int, 1, 100] = 60,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A small network.

    Args:
        width: Units of the hidden layer.
        learning_rate: Step size.
        max_epochs: Passes over the rows.
    """
    model = Net(n_numeric, cardinalities, n_outputs, width)
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
'''

# what `fit` and the estimators need to be told for a run with it
QUICKLY: dict[str, Any] = {
    "author": FixedAuthor(SMALL_NETWORK, "fixed", trusted=True),
    "sandbox": ForkedSandbox(),
    "tuner": "random",
    "folds": 1,
    "reseed": 0,
    "parallel": 1,
    "threads": 1,
    "device": "cpu",
}
