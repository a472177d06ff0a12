"""A fused optimiser is the same optimiser, faster."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from bundle import Bundle
from construct import Built
from fused import fuse
from settings import Settings
from torch import Tensor, nn
from training import Limits, Trainer

from codegen_hpo.testing.bundles import write_sample_bundle

Make = Callable[[nn.Module], torch.optim.Optimizer]
CPU = torch.device("cpu")


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 16), nn.Linear(16, 1)

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        output: Tensor = self.last(torch.relu(self.first(x_num)))
        return output


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(write_sample_bundle(tmp_path_factory.mktemp("bundle")))


def train(
    bundle: Bundle, make: Make, settings: Settings, **options: Any
) -> tuple[Trainer, list[float], nn.Module]:
    torch.manual_seed(0)
    model = Network()
    optimizer = make(model)
    for group in optimizer.param_groups:
        group.update(options)
    trainer = Trainer(Built(model, optimizer, 0), bundle, settings, CPU, seed=1)
    fit = trainer.fit(Limits(1e9, None))
    return trainer, [loss for epoch in fit.curve for loss in epoch[:2]], model


def groups(model: nn.Module) -> list[dict[str, Any]]:
    first, last = model.children()
    return [{"params": first.parameters(), "lr": 3e-3}, {"params": last.parameters(), "weight_decay": 0.1}]


OPTIMIZERS: dict[str, Make] = {
    "adam": lambda model: torch.optim.Adam(model.parameters(), lr=1e-2),
    "amsgrad": lambda model: torch.optim.Adam(model.parameters(), lr=1e-2, amsgrad=True),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1),
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=1e-2),
    "nesterov": lambda model: torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, nesterov=True),
    "adagrad": lambda model: torch.optim.Adagrad(model.parameters(), lr=1e-2, lr_decay=1e-3),
    "tensor rate": lambda model: torch.optim.AdamW(model.parameters(), lr=torch.tensor(1e-2)),
    "tensor rate of sgd": lambda model: torch.optim.SGD(model.parameters(), lr=torch.tensor(1e-2)),
    "groups": lambda model: torch.optim.AdamW(groups(model), lr=1e-2),
    "groups of sgd": lambda model: torch.optim.SGD(groups(model), lr=1e-2, momentum=0.9),
}
SETTINGS = {
    "plain": Settings(batch_size=64, max_epochs=6),
    "with all": Settings(
        batch_size=64, max_epochs=6, lr_schedule="onecycle", ema_decay=0.9, gradient_clip=0.5, loss="huber"
    ),
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_steps_lead_where_single_ones_do(bundle: Bundle, name: str, settings: str) -> None:
    # a group that was told to go about it in one way is left so
    plain, expected, _ = train(bundle, OPTIMIZERS[name], SETTINGS[settings], differentiable=True)
    fused, losses, model = train(bundle, OPTIMIZERS[name], SETTINGS[settings])
    assert plain.notes() == []
    assert fused.notes() == [f"fused steps of {type(OPTIMIZERS[name](model)).__name__}"]
    assert losses == pytest.approx(expected, rel=1e-4)


class OwnStep(torch.optim.SGD):
    def step(self, closure: Any = None) -> Any:
        return super().step(closure)


def _hooked(model: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    optimizer.step = lambda closure=None: None  # type: ignore[method-assign]
    return optimizer


LEFT_ALONE: dict[str, Make] = {
    "no such step": lambda model: torch.optim.RMSprop(model.parameters()),
    "a step of its own": lambda model: OwnStep(model.parameters()),
    "a step of the object": _hooked,
    "foreach": lambda model: torch.optim.Adam(model.parameters(), foreach=True),
    "one group is foreach": lambda model: torch.optim.Adam(
        [{"params": model.first.parameters(), "foreach": True}, {"params": model.last.parameters()}]
    ),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_another_optimiser_is_left_as_it_is(bundle: Bundle, name: str) -> None:
    optimizer = LEFT_ALONE[name](model := Network())
    model(torch.ones(2, 4), torch.empty(2, 0)).sum().backward()
    before = copy.deepcopy([{**group, "params": None} for group in optimizer.param_groups])
    assert not fuse(optimizer)
    assert [{**group, "params": None} for group in optimizer.param_groups] == before


def test_a_subclass_without_a_step_of_its_own_keeps_its_class_and_its_hooks(bundle: Bundle) -> None:
    class Mine(torch.optim.AdamW):
        pass

    steps: list[bool] = []

    def make(model: nn.Module) -> torch.optim.Optimizer:
        optimizer = Mine(model.parameters())
        optimizer.register_step_post_hook(lambda *_: steps.append(True))
        return optimizer

    trainer, _, _ = train(bundle, make, SETTINGS["plain"])
    assert trainer.notes() == ["fused steps of Mine"]
    assert len(steps) == 6 * 7  # 400 rows in batches of 64


class Sparse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.level = nn.Embedding(5, 1, sparse=True)

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        output: Tensor = self.level(x_cat[:, 0])
        return output


class Strided(nn.Module):
    """Its weight is a column of a matrix, and so not dense."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 3)[:, :1])

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        return x_num @ self.weight


@pytest.mark.parametrize("model", [Sparse, Strided])
def test_parameters_that_do_not_fit_train_without(bundle: Bundle, model: Callable[[], nn.Module]) -> None:
    network = model()
    built = Built(network, torch.optim.SGD(network.parameters(), lr=1e-2, momentum=0.0), 0)
    trainer = Trainer(built, bundle, SETTINGS["plain"], CPU, seed=1)
    assert len(trainer.fit(Limits(1e9, None)).curve) == 6
    assert trainer.notes() == []
