"""The loop on a bundle with a known answer."""

import math
from collections.abc import Callable

import pytest
import torch
from bundle import Bundle
from construct import Built
from failure import NoFiniteEpochError
from settings import Settings
from torch import Tensor, nn
from training import Fit, Limits, Trainer

from codegen_hpo.testing.bundles import write_sample_bundle

CPU = torch.device("cpu")
NO_LIMIT = Limits(train_s=1e9, stop_after_epoch=None)


class Linear(nn.Module):
    """k linear predictors of the numeric columns and the category."""

    def __init__(self, n_outputs: int = 1, k: int = 1) -> None:
        super().__init__()
        self.members = nn.ModuleList(nn.Linear(5, n_outputs) for _ in range(k))
        self.calls = 0

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        self.calls += 1
        x = torch.cat([x_num, x_cat.float()], dim=1)
        outputs = [member(x) for member in self.members]
        return outputs[0] if len(outputs) == 1 else torch.stack(outputs, dim=1)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    kinds = ("regression", "binary", "multiclass")
    return {kind: Bundle(write_sample_bundle(tmp_path_factory.mktemp(kind), kind)) for kind in kinds}


def fit(
    bundle: Bundle,
    settings: Settings,
    limits: Limits = NO_LIMIT,
    *,
    model: nn.Module | None = None,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    lr: float = 0.02,
) -> tuple[Fit, nn.Module]:
    torch.manual_seed(0)
    model = model or Linear(bundle.n_outputs)
    built = Built(model, optimizer(model.parameters(), lr=lr), 0)
    return Trainer(built, bundle, settings, CPU, seed=1).fit(limits), model


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("k", [1, 3])
def test_the_signal_is_learnt(bundles: dict[str, Bundle], kind: str, k: int) -> None:
    bundle = bundles[kind]
    settings = Settings(batch_size=64, max_epochs=30, target_transform="log")
    result, _ = fit(bundle, settings, model=Linear(bundle.n_outputs, k))
    assert result.best_loss < 0.6 * result.curve[0].inner_loss
    assert result.best_loss == min(epoch.inner_loss for epoch in result.curve)
    assert len(result.curve) == 30 or result.stopped == "patience"


def test_a_fitting_transform_beats_none(bundles: dict[str, Bundle]) -> None:
    losses = [
        fit(bundles["regression"], Settings(batch_size=64, max_epochs=40, target_transform=name))[0].best_loss
        for name in ("none", "log")
    ]
    assert losses[1] < 0.2 * losses[0]  # both in the unit of the target


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 32},
        {"lr_schedule": "cosine"},
        {"lr_schedule": "onecycle"},
        {"warmup_fraction": 0.5},
        {"gradient_clip": 0.01},
        {"ema_decay": 0.9},
        {"loss": "mae"},
        {"loss": "huber"},
        {"target_transform": "sqrt"},
    ],
    ids=str,
)
def test_each_training_argument_changes_the_curve(
    bundles: dict[str, Bundle], change: dict[str, object]
) -> None:
    usual = {"batch_size": 64, "max_epochs": 3}
    curves = [
        [
            epoch.inner_loss
            for epoch in fit(bundles["regression"], Settings(**given), optimizer=torch.optim.SGD)[0].curve
        ]
        for given in (usual, usual | change)
    ]
    assert curves[0] != curves[1]
    assert all(map(math.isfinite, curves[1]))


def test_label_smoothing_changes_the_curve(bundles: dict[str, Bundle]) -> None:
    for kind in ("binary", "multiclass"):
        curves = [
            fit(bundles[kind], Settings(max_epochs=2, label_smoothing=smoothing))[0].curve[-1].train_loss
            for smoothing in (0.0, 0.2)
        ]
        assert curves[0] != curves[1]


def test_training_stops_when_patience_ends_and_keeps_the_best_weights(bundles: dict[str, Bundle]) -> None:
    bundle = bundles["regression"]
    result, _ = fit(bundle, Settings(patience=3, max_epochs=200, batch_size=16), lr=2.0)
    assert result.stopped == "patience"
    assert len(result.curve) == result.best_epoch + 3
    again, _ = fit(
        bundle, Settings(patience=3, max_epochs=200, batch_size=16), Limits(1e9, result.best_epoch), lr=2.0
    )
    assert again.curve[-1].inner_loss == result.best_loss


def test_stopping_after_an_epoch_leaves_the_schedule_as_it_was(bundles: dict[str, Bundle]) -> None:
    settings = Settings(max_epochs=20, lr_schedule="cosine", warmup_fraction=0.2, patience=100)
    whole, _ = fit(bundles["regression"], settings)
    part, _ = fit(bundles["regression"], settings, Limits(1e9, 6))
    assert [epoch[:2] for epoch in part.curve] == [epoch[:2] for epoch in whole.curve[:6]]


def test_two_trainings_are_identical_to_the_bit(bundles: dict[str, Bundle]) -> None:
    settings = Settings(max_epochs=4, ema_decay=0.9, lr_schedule="onecycle", gradient_clip=1.0)
    weights = [fit(bundles["multiclass"], settings)[1].state_dict() for _ in range(2)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


class Spoilt(Linear):
    """Gives NaN from a call on."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        output = super().forward(x_num, x_cat)
        return output * math.nan if self.calls > self.after else output


def test_a_nan_keeps_the_best_weights_so_far(bundles: dict[str, Bundle]) -> None:
    # 2 training batches and 1 inner batch an epoch
    result, model = fit(bundles["regression"], Settings(), model=Spoilt(after=10))
    assert result.stopped == "nan"
    assert len(result.curve) == 3
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())


def test_a_nan_from_the_start_is_a_failure(bundles: dict[str, Bundle]) -> None:
    with pytest.raises(NoFiniteEpochError):
        fit(bundles["regression"], Settings(), model=Spoilt(after=0))


def test_the_clock_stops_training_inside_an_epoch(bundles: dict[str, Bundle]) -> None:
    result, model = fit(bundles["regression"], Settings(batch_size=1), Limits(0.0, None))
    assert result.stopped == "time"
    assert len(result.curve) == 1
    assert model.calls == 2  # one step, then the inner rows


def test_a_part_of_an_epoch_does_not_count_once_there_is_a_whole_one(bundles: dict[str, Bundle]) -> None:
    settings = Settings(batch_size=4, max_epochs=10**6, patience=10**6)
    result, _ = fit(bundles["regression"], settings, Limits(0.3, None))
    assert result.stopped == "time"
    exact, _ = fit(bundles["regression"], settings, Limits(1e9, len(result.curve)))
    assert [epoch[:2] for epoch in exact.curve] == [epoch[:2] for epoch in result.curve]


def test_an_optimizer_that_wants_a_closure_works(bundles: dict[str, Bundle]) -> None:
    settings = Settings(batch_size=400, max_epochs=5, target_transform="log")
    result, _ = fit(bundles["regression"], settings, optimizer=torch.optim.LBFGS, lr=0.5)
    assert result.best_loss < 0.1


def test_gradients_are_cleared_before_each_step_by_the_optimizers_own_way(bundles: dict[str, Bundle]) -> None:
    cleared: list[bool] = []

    class Clearing(torch.optim.SGD):
        def zero_grad(self, set_to_none: bool = True) -> None:
            cleared.append(set_to_none)
            super().zero_grad(set_to_none)

    settings = Settings(batch_size=100, max_epochs=3)
    plain, _ = fit(bundles["regression"], settings, optimizer=torch.optim.SGD)
    own, _ = fit(bundles["regression"], settings, optimizer=Clearing)
    assert len(cleared) == 12
    assert [epoch[:2] for epoch in own.curve] == [epoch[:2] for epoch in plain.curve]


class InPlace(Linear):
    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        x_cat.clamp_(max=1)
        return super().forward(x_num.mul_(0.5), x_cat)


def test_a_forward_that_works_in_place_does_not_change_the_data(bundles: dict[str, Bundle]) -> None:
    before = bundles["regression"].features("inner", CPU).num.clone()
    result, _ = fit(bundles["regression"], Settings(max_epochs=3), model=InPlace())
    assert torch.equal(before, bundles["regression"].features("inner", CPU).num)
    assert len(result.curve) == 3


class Normalised(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        return super().forward(self.norm(x_num), x_cat)


def test_a_row_left_over_is_no_batch_of_its_own(bundles: dict[str, Bundle]) -> None:
    # 400 rows: 3 batches of 133 leave one row
    result, _ = fit(bundles["regression"], Settings(batch_size=133, max_epochs=2), model=Normalised())
    assert len(result.curve) == 2
