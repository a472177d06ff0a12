import pytest
import torch
from schedule import Schedule, factor
from settings import Settings

STEPS = 1000


def factors(schedule: str, warmup: float = 0.0) -> list[float]:
    return [factor(step, STEPS, schedule, warmup) for step in range(STEPS)]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "onecycle"])
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_a_factor_is_positive_and_never_above_the_given_rate(schedule: str, warmup: float) -> None:
    values = factors(schedule, warmup)
    assert all(0 < value <= 1 for value in values)
    assert max(values) == pytest.approx(1, abs=0.01)


def test_a_constant_rate_stays_as_it_is() -> None:
    assert set(factors("constant")) == {1.0}


def test_a_cosine_falls_to_nearly_nothing() -> None:
    values = factors("cosine")
    assert values == sorted(values, reverse=True)
    assert values[STEPS // 2] == pytest.approx(0.5)
    assert values[-1] < 1e-4


def test_warm_up_rises_over_its_share_of_the_steps() -> None:
    values = factors("constant", 0.2)
    assert values[:200] == sorted(values[:200])
    assert values[0] < 0.01
    assert set(values[200:]) == {1.0}


def test_one_cycle_peaks_at_the_warm_up_fraction() -> None:
    values = factors("onecycle", 0.25)
    assert values.index(max(values)) == 250
    assert values[0] == pytest.approx(0.04)


def test_each_group_keeps_its_own_peak() -> None:
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [weights[0]], "lr": 0.1}, {"params": [weights[1]], "lr": torch.tensor(0.4)}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    schedule = Schedule(optimizer, Settings(lr_schedule="cosine"), steps=2)
    schedule.advance()
    schedule.advance()
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.05, 0.2])
