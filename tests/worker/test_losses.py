import math

import pytest
import torch
from failure import ContractError
from losses import members, stopping_loss, training_loss
from members import average
from settings import Settings
from target import Transform


@pytest.mark.parametrize("shape", [(7,), (6, 1), (7, 2), (7, 3, 2), (7, 0, 1), (7, 2, 2, 1)])
def test_an_output_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ContractError, match=r"expected \(7, 1\) or \(7, k, 1\)"):
        members(torch.zeros(shape), 7, 1)


def test_an_output_that_is_no_tensor_or_not_real_is_refused() -> None:
    with pytest.raises(ContractError, match="tuple"):
        members((torch.zeros(7, 1),), 7, 1)
    with pytest.raises(ContractError, match="int64"):
        members(torch.zeros(7, 1, dtype=torch.int64), 7, 1)


@pytest.mark.parametrize(("loss", "expected"), [("mse", 4.0), ("mae", 2.0), ("huber", 1.5)])
def test_the_regression_loss_is_the_one_that_was_asked_for(loss: str, expected: float) -> None:
    minimise = training_loss("regression", Settings(loss=loss))
    assert float(minimise(torch.full((5, 3, 1), 2.0), torch.zeros(5))) == pytest.approx(expected)


@pytest.mark.parametrize(("kind", "n_outputs"), [("regression", 1), ("binary", 1), ("multiclass", 4)])
def test_members_are_trained_side_by_side_on_the_mean_of_their_losses(kind: str, n_outputs: int) -> None:
    output = torch.randn(6, 3, n_outputs)
    y = torch.randint(4, (6,)) if kind == "multiclass" else torch.randint(2, (6,)).float()
    minimise = training_loss(kind, Settings())
    alone = [minimise(output[:, k : k + 1], y) for k in range(3)]
    torch.testing.assert_close(minimise(output, y), torch.stack(alone).mean())


def test_label_smoothing_penalises_certainty() -> None:
    certain, y = torch.full((4, 1, 1), 20.0), torch.ones(4)
    assert float(training_loss("binary", Settings())(certain, y)) < 1e-6
    assert float(training_loss("binary", Settings(label_smoothing=0.1))(certain, y)) == pytest.approx(1.0)
    classes = torch.tensor([[[20.0, 0.0, 0.0]]])
    assert float(training_loss("multiclass", Settings(label_smoothing=0.3))(classes, torch.tensor([0]))) > 1


def test_members_are_averaged_as_values_or_as_probabilities() -> None:
    output = torch.randn(50, 8, 1, dtype=torch.float64)
    torch.testing.assert_close(average(output, "regression"), output.mean(1))
    torch.testing.assert_close(average(output, "binary").sigmoid(), output.sigmoid().mean(1))
    output = torch.randn(50, 8, 4, dtype=torch.float64)
    torch.testing.assert_close(average(output, "multiclass").softmax(-1), output.softmax(-1).mean(1))


def test_extreme_members_do_not_overflow() -> None:
    extreme = torch.tensor([[[500.0], [-500.0]], [[900.0], [800.0]]])
    assert bool(torch.isfinite(average(extreme, "binary")).all())
    assert bool(torch.isfinite(average(extreme * torch.tensor([1.0, -1.0]), "multiclass")).all())


FACTS = {"scale": 2.0, "mean": 0.3, "std": 1.7, "low": -6.0, "high": 6.0}


@pytest.mark.parametrize("formula", ["identity", "log", "signed_log1p", "signed_sqrt"])
def test_a_transform_is_undone(formula: str) -> None:
    transform = Transform({"formula": formula, **FACTS})
    y = torch.linspace(0.1, 9, 50, dtype=torch.float64)
    y = y if formula == "log" else torch.cat([-y, y])
    torch.testing.assert_close(transform.decode(transform.encode(y)), y)


def test_the_stopping_loss_is_in_the_unit_that_is_named() -> None:
    transform = Transform({"formula": "log", "scale": 1.0, "mean": 0.0, "std": 1.0, "low": -6.0, "high": 6.0})
    output, y = torch.tensor([[1.0], [2.0]]), torch.tensor([3.0, 7.0], dtype=torch.float64)
    predicted = torch.tensor([math.e, math.e**2], dtype=torch.float64)
    assert stopping_loss(output, y, "mae", transform) == pytest.approx(float((predicted - y).abs().mean()))
    assert stopping_loss(output, y, "mse", transform) == pytest.approx(float((predicted - y).square().mean()))
    squared = (torch.log1p(predicted) - torch.log1p(y)).square().mean()
    assert stopping_loss(output, y, "msle", transform) == pytest.approx(float(squared))


def test_the_stopping_loss_of_classes_is_the_log_loss() -> None:
    assert stopping_loss(torch.zeros(4, 1), torch.tensor([0, 1, 1, 0]), "log_loss", None) == pytest.approx(
        math.log(2)
    )
    assert stopping_loss(torch.zeros(4, 5), torch.tensor([0, 1, 4, 0]), "log_loss", None) == pytest.approx(
        math.log(5)
    )


def test_an_output_that_is_not_finite_has_no_stopping_loss() -> None:
    transform = Transform({"formula": "identity", **FACTS})
    y = torch.zeros(2, dtype=torch.float64)
    assert math.isnan(stopping_loss(torch.tensor([[0.0], [math.inf]]), y, "mse", transform))
