"""The points of a curve: a pass, or a part of one on a large table; where training stops by them."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from batches import POINT_ROWS
from bundle import Bundle
from construct import Built
from settings import Settings
from torch import Tensor, nn
from training import Fit, Limits, Trainer

from codegen_hpo.testing.bundles import write_sample_bundle

CPU = torch.device("cpu")
ROWS = 2 * POINT_ROWS + 1000
LARGE: dict[str, Any] = {"batch_size": 1 << 15, "target_transform": "log"}
POINTS = 3  # a pass


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(write_sample_bundle(tmp_path_factory.mktemp("large"), rows=ROWS, n_numeric=1))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle(write_sample_bundle(tmp_path_factory.mktemp("small"), n_numeric=1))


class Seeing(nn.Module):
    """A linear model that keeps the first column of each training batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.batches: list[Tensor] = []

    def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
        if self.training:
            self.batches.append(x_num[:, 0])
        output: Tensor = self.layer(torch.cat([x_num, x_cat.float()], dim=1))
        return output


def trainer(bundle: Bundle, model: nn.Module, lr: float = 0.01, **settings: Any) -> Trainer:
    torch.manual_seed(0)
    for p in model.parameters():
        nn.init.zeros_(p)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    return Trainer(Built(model, optimizer, 0), bundle, Settings(**settings), CPU, seed=1)


def fit(
    bundle: Bundle, stop_after: int | None = None, prune: Mapping[int, float] | None = None, **settings: Any
) -> tuple[Fit, Seeing]:
    model = Seeing()
    return trainer(bundle, model, **settings).fit(Limits(1e9, stop_after, prune or {})), model


def test_a_large_table_has_several_points_a_pass_and_says_so(large: Bundle) -> None:
    training = trainer(large, Seeing(), max_epochs=2, **LARGE)
    assert len(training.fit(Limits(1e9, None)).curve) == 2 * POINTS
    assert training.notes()[0] == f"a point of the curve is {5 << 15} rows, 3 points a pass"


def test_a_small_table_has_one_point_a_pass(small: Bundle) -> None:
    training = trainer(small, Seeing(), max_epochs=2)
    assert len(training.fit(Limits(1e9, None)).curve) == 2
    assert training.notes() == ["fused steps of Adam"]


def test_the_points_of_a_pass_show_each_row_once(large: Bundle) -> None:
    _, model = fit(large, max_epochs=1, **LARGE)
    seen = torch.cat(model.batches).sort().values
    assert torch.equal(seen, large.rows("train", CPU).num[:, 0].sort().values)


def test_a_training_that_ends_inside_a_pass_is_repeated_to_the_bit(large: Bundle) -> None:
    whole, _ = fit(large, max_epochs=2, lr_schedule="cosine", **LARGE)
    part, _ = fit(large, stop_after=4, max_epochs=2, lr_schedule="cosine", **LARGE)
    assert [epoch[:2] for epoch in part.curve] == [epoch[:2] for epoch in whole.curve[:4]]
    assert part.stopped == "epochs"


def test_patience_counts_passes(large: Bundle) -> None:
    training = trainer(large, Seeing(), lr=0.0, max_epochs=5, patience=1, **LARGE)
    result = training.fit(Limits(1e9, None))
    assert (result.stopped, result.best_epoch, len(result.curve)) == ("patience", 1, 1 + POINTS)


def test_patience_by_default_counts_points_and_steps() -> None:
    assert Settings().patient(points=40, steps=1000) == 16
    assert Settings().patient(points=1, steps=2) == 100
    assert Settings(patience=2).patient(points=40, steps=1000) == 80


def test_a_hopeless_training_stops_at_its_point_and_keeps_its_best_weights(small: Bundle) -> None:
    whole, _ = fit(small, max_epochs=6)
    reached = whole.curve[2].inner_loss
    pruned, _ = fit(small, prune={2: 1e9, 3: reached * 0.9, 4: 0.0}, max_epochs=6)
    assert (pruned.stopped, len(pruned.curve), pruned.best_epoch) == ("pruned", 3, 3)
    kept, _ = fit(small, prune={3: reached, 5: whole.curve[4].inner_loss}, max_epochs=6)
    assert (kept.stopped, len(kept.curve)) == ("epochs", 6)


def test_a_pruned_training_is_repeated_by_the_number_of_its_points(small: Bundle) -> None:
    pruned, first = fit(small, prune={3: 0.0}, max_epochs=6)
    again, second = fit(small, stop_after=len(pruned.curve), max_epochs=6)
    assert [epoch[:2] for epoch in again.curve] == [epoch[:2] for epoch in pruned.curve]
    assert torch.equal(first.layer.weight, second.layer.weight)


def test_pruning_looks_at_the_best_loss_so_far(small: Bundle) -> None:
    class Worsening(Seeing):
        def forward(self, x_num: Tensor, x_cat: Tensor) -> Tensor:
            output = super().forward(x_num, x_cat)
            return output if self.training or len(self.batches) < 10 else output + 100

    model = Worsening()
    bound = fit(small, max_epochs=1)[0].best_loss
    result = trainer(small, model, max_epochs=6).fit(Limits(1e9, None, {6: bound}))
    assert (result.stopped, len(result.curve)) == ("epochs", 6)
    assert result.curve[-1].inner_loss > 100 * bound
