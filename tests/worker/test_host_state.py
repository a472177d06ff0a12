import random

import numpy as np
import pytest
import torch
from host_state import changed, host_state
from snapshot import Snapshot
from torch import Tensor, nn


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        return x / self.steps


class Replacing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return x - self.mean


class Keeping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x)
        return x


class Drawing(nn.Module):
    def __init__(self, draw: str) -> None:
        super().__init__()
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        draws = {"random": random.random, "numpy": np.random.random, "torch": lambda: float(torch.rand(()))}
        return x * draws[self.draw]()


def told(module: nn.Module) -> str:
    model = nn.Sequential(nn.Linear(3, 3), module)
    before = host_state(model)
    model(torch.ones(4, 3))
    return changed(before, host_state(model))


@pytest.mark.parametrize(
    ("module", "name"), [(Counting(), "1.steps"), (Replacing(), "1._buffers"), (Keeping(), "1.seen")]
)
def test_what_a_forward_keeps_on_the_host_is_named(module: nn.Module, name: str) -> None:
    assert told(module) == f"forward changes {name} from step to step"


@pytest.mark.parametrize("draw", ["random", "numpy", "torch"])
def test_numbers_that_a_forward_draws_on_the_host_are_noticed(draw: str) -> None:
    assert told(Drawing(draw)) == "forward draws random numbers on the host"


@pytest.mark.parametrize("module", [nn.BatchNorm1d(3), nn.ReLU(), nn.LayerNorm(3)])
def test_what_changes_in_place_does_not_count(module: nn.Module) -> None:
    assert told(module) == ""


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.Adagrad, torch.optim.RMSprop])
def test_a_snapshot_gives_back_weights_buffers_state_and_generator(
    optimizer: type[torch.optim.Optimizer],
) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    made = optimizer(model.parameters())

    def step() -> None:
        made.zero_grad()
        model(torch.rand(5, 3)).square().sum().backward()
        made.step()

    def state() -> list[Tensor]:
        kept = [value for entry in made.state.values() for value in entry.values()]
        return [tensor.clone() for tensor in (*model.state_dict().values(), *kept)]

    step()
    before, snapshot = state(), Snapshot(model, made)
    step()
    after = state()
    assert not all(map(torch.equal, before, after))
    snapshot.restore()
    assert all(map(torch.equal, before, state()))
    assert all(p.grad is None for p in model.parameters())
    step()  # the same numbers are drawn
    assert all(map(torch.equal, after, state()))
