"""A source that meets the contract, and ways to change it."""

import pytest

from codegen_hpo.contract import Verdict, read_candidate

GOOD = '''\
"""One hidden layer."""

import math
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}


class Network(nn.Module):
    def __init__(self, n_in: int, n_out: int, width: int, activation: str) -> None:
        super().__init__()
        hidden, last = nn.Linear(n_in, width), nn.Linear(width, n_out)
        self.layers = nn.Sequential(hidden, ACTIVATIONS[activation](), last)

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        return self.layers(torch.cat([x_num, x_cat.float()], dim=1)) / math.sqrt(2)


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 32, 1024, "log"] = 256,
    dropout: Annotated[float, 0, 0.6] = 0.1,
    activation: Literal["relu", "silu"] = "silu",
    residual: bool = True,
    learning_rate: Annotated[float, 1e-5, 1e-1, "log"] = 1e-3,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A network with one hidden layer.

    Args:
        width: units of the hidden layer;
            more can fit more.
        dropout: share of units left out
        activation: the layer's nonlinearity
        residual: adds the input
        learning_rate: step size of AdamW
    """
    model = Network(n_numeric + len(cardinalities), n_outputs, width, activation)
    return model, torch.optim.AdamW(model.parameters(), lr=learning_rate)
'''


@pytest.fixture(scope="session")
def good() -> str:
    return GOOD


@pytest.fixture(scope="session")
def read():
    """Reads a source, or the good source with one passage replaced."""

    def read_changed(old: str = "", new: str = "") -> Verdict:
        assert old in GOOD
        return read_candidate(GOOD.replace(old, new, 1) if old else GOOD, name="c01", author="test")

    return read_changed


@pytest.fixture(scope="session")
def rules(read):
    """The rules that a source breaks, in the order of its lines."""

    def broken(old: str, new: str) -> list[str]:
        return [finding.rule for finding in read(old, new).findings]

    return broken
