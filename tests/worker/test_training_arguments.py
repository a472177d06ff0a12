"""Each training argument does what its name says; that none is ignored is in test_training.py."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from bundle import Bundle
from construct import Built
from settings import Settings
from torch import Tensor, nn
from training import Fit, Limits, Trainer

from codegen_hpo.testing.bundles import write_sample_bundle

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    kinds = ("regression", "binary", "multiclass")
    return {kind: Bundle(write_sample_bundle(tmp_path_factory.mktemp(kind), kind)) for kind in kinds}


class Linear(nn.Module):
    def __init__(self, n_outputs: int = 1) -> None:
        super().__init__()
        self.layer = nn.Linear(5, n_outputs)
        self.batches: list[int] = []
        self.dtypes: set[tuple[bool, torch.dtype]] = set()

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        output: Tensor = self.layer(torch.cat([x_num, x_cat.float()], dim=1))
        self.dtypes.add((self.training, output.dtype))
        if self.training:
            self.batches.append(len(x_num))
        return output


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        return self.value.expand(len(x_num), 1)


def fit(
    bundle: Bundle,
    settings: Settings,
    model: nn.Module,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    **options: Any,
) -> tuple[Fit, torch.optim.Optimizer, list[float]]:
    """With the rates of all steps."""
    torch.manual_seed(0)
    made = optimizer(model.parameters(), **options)
    rates: list[float] = []
    made.register_step_pre_hook(lambda *_: rates.append(float(made.param_groups[0]["lr"])))
    result = Trainer(Built(model, made, 0), bundle, settings, CPU, seed=1).fit(Limits(1e9, None))
    return result, made, rates


def test_batch_size_and_max_epochs_make_the_steps(bundles: dict[str, Bundle]) -> None:
    model = Linear()
    fit(bundles["regression"], Settings(batch_size=150, max_epochs=2), model, lr=0.01)
    assert model.batches == [150, 150, 100] * 2


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["number", "tensor"])
def test_a_schedule_sets_the_rate_of_each_step(bundles: dict[str, Bundle], lr: Any) -> None:
    def rates(**settings: Any) -> list[float]:
        given = lr.clone() if isinstance(lr, Tensor) else lr
        usual = {"batch_size": 40, "max_epochs": 5}
        return fit(bundles["regression"], Settings(**usual, **settings), Linear(), lr=given)[2]

    assert rates() == pytest.approx([0.1] * 50)
    cosine = rates(lr_schedule="cosine")
    assert cosine == pytest.approx(
        [0.05 * (1 + math.cos(math.pi * step / 50)) for step in range(50)], rel=1e-4
    )
    cycle = rates(lr_schedule="onecycle")
    assert cycle.index(max(cycle)) == 15
    assert max(cycle) == pytest.approx(0.1)
    warm = rates(warmup_fraction=0.2)
    assert warm[:10] == pytest.approx([0.1 * (step + 1) / 11 for step in range(10)])
    assert warm[10:] == pytest.approx([0.1] * 40)


def test_clipping_bounds_the_norm_of_a_step(bundles: dict[str, Bundle]) -> None:
    def moved(clip: float) -> float:
        model = Linear()
        start = [p.detach().clone() for p in model.parameters()]
        settings = Settings(batch_size=400, max_epochs=1, gradient_clip=clip)
        fit(bundles["regression"], settings, model, torch.optim.SGD, lr=1.0)
        change = [p.detach() - before for p, before in zip(model.parameters(), start, strict=True)]
        return float(torch.cat([part.flatten() for part in change]).norm())

    free = moved(0.0)
    assert moved(0.01) == pytest.approx(0.01, rel=1e-3)
    assert moved(1e6) == pytest.approx(free)
    assert free > 0.1


def test_averaging_evaluates_and_keeps_the_mean_of_the_weights(bundles: dict[str, Bundle]) -> None:
    """One step a pass: the mean after each is known."""
    model = Constant()
    nn.init.constant_(model.value, 5.0)
    settings = Settings(batch_size=400, max_epochs=2, ema_decay=0.99)
    result, _, _ = fit(bundles["regression"], settings, model, torch.optim.SGD, lr=0.25)
    y = bundles["regression"].rows("train", CPU).y.float()
    mean = (y - 1.9).mean()  # the sample's transform
    first = (5 + mean) / 2
    second = (first + mean) / 2
    averaged = 5 + (first - 5) * 9 / 11  # the weight of step n is 9 / (10 + n) at first
    averaged += (second - averaged) * 9 / 12
    assert result.best_epoch == 2
    assert float(model.value.detach()) == pytest.approx(float(averaged), rel=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_label_smoothing_keeps_outputs_from_certainty(bundles: dict[str, Bundle], kind: str) -> None:
    bundle = bundles[kind]

    def largest(smoothing: float) -> float:
        model = Linear(bundle.n_outputs)
        settings = Settings(batch_size=50, max_epochs=40, label_smoothing=smoothing)
        fit(bundle, settings, model, lr=0.1)
        features = bundle.features("train", CPU)
        return float(model(features.num.clone(), features.cat).detach().abs().max())

    assert largest(0.2) < 0.5 * largest(0.0)


@pytest.mark.parametrize(
    ("loss", "best"),
    [("mse", lambda y: y.mean()), ("mae", lambda y: y.median())],
)
def test_a_loss_has_its_own_best_constant(
    bundles: dict[str, Bundle], loss: str, best: Callable[[Tensor], Tensor]
) -> None:
    model = Constant()
    settings = Settings(batch_size=400, max_epochs=300, patience=300, loss=loss, lr_schedule="cosine")
    torch.manual_seed(0)
    built = Built(model, torch.optim.Adam(model.parameters(), lr=0.02), 0)
    trainer = Trainer(built, bundles["regression"], settings, CPU, seed=1)
    for _ in range(300):
        trainer.try_step()
    y = bundles["regression"].rows("train", CPU).y.float() - 1.9
    assert float(model.value.detach()) == pytest.approx(float(best(y)), abs=0.01)
    assert float(y.mean() - y.median()) > 0.1  # the two can be told apart


def test_bfloat16_is_for_the_forward_pass_of_training_alone(bundles: dict[str, Bundle]) -> None:
    model = Linear()
    settings = Settings(batch_size=64, max_epochs=3, precision="bfloat16", target_transform="log")
    result, optimizer, _ = fit(bundles["regression"], settings, model, lr=0.02)
    assert model.dtypes == {(True, torch.bfloat16), (False, torch.float32)}
    kept = [value for state in optimizer.state.values() for value in state.values()]
    assert {tensor.dtype for tensor in [*model.parameters(), *kept]} == {torch.float32}
    exact, _, _ = fit(
        bundles["regression"],
        Settings(batch_size=64, max_epochs=3, target_transform="log"),
        Linear(),
        lr=0.02,
    )
    assert result.best_loss != exact.best_loss
    assert result.best_loss == pytest.approx(exact.best_loss, rel=0.05)
