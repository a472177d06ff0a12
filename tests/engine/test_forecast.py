"""What a call is expected to take."""

import math
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen_hpo.engine import course
from codegen_hpo.engine.course import EPOCHS, PATIENCE_POINTS, PATIENCE_STEPS, POINT_ROWS, STEPS
from codegen_hpo.engine.forecast import Forecast, make_forecast
from codegen_hpo.records import Call, Check, Epoch, FoldResult, Outcome, Trial
from codegen_hpo.resources import resource
from codegen_hpo.space import Arguments, Choice, Float, Int, Space

SPACE = Space(
    {
        "width": Int(32, 1024, log=True, default=128),
        "act": Choice(("relu", "slow"), default="relu"),
        "rate": Float(1e-4, 1e-1, log=True, default=1e-3),
        "batch_size": Int(64, 2048, log=True, default=256),
    }
)
ROWS = 10_000


def row_s(arguments: Arguments) -> float:
    """What a row really takes: more for wide layers and small batches, twice as much for one activation."""
    width, batch = float(arguments["width"]), float(arguments["batch_size"])
    return 1e-6 * (width / 32) * (2 if arguments["act"] == "slow" else 1) * (64 / batch) ** 0.5


def check(arguments: Arguments, seconds: float | None = None) -> Check:
    return Check(dict(arguments), 10, "", "", None, row_s(arguments) if seconds is None else seconds)


CHECKS = [check(point) for point in SPACE.corners()]


def trial(number: int, arguments: Arguments, passes: int = 20, slower: float = 1.0, **rest: object) -> Trial:
    seconds = row_s(arguments) * ROWS * slower
    curve = tuple(Epoch(at, 1.0, 1.0, seconds * at) for at in range(1, passes + 1))
    fields = {"stopped": "patience", "seconds": seconds * passes + 1.0, **rest}
    return Trial(
        number=number,
        call=Call(arguments=arguments, proposed_by="tpe"),
        outcome=Outcome(status="ok", curve=curve, **fields),  # type: ignore[arg-type]
        score=1.0,
        loss=1.0,
    )


def made(checks: list[Check], trials: list[Trial], rows: int = ROWS) -> Forecast:
    forecast = make_forecast(SPACE, checks, trials, rows)
    assert forecast is not None
    return forecast


def test_folds_one_after_the_other_take_so_many_times_as_long() -> None:
    one = trial(1, SPACE.defaults())
    fold = FoldResult(
        seed=0, score=1.0, seconds=one.outcome.seconds, points=20, best_epoch=1, stopped="patience"
    )
    outcome = replace(one.outcome, seconds=3 * one.outcome.seconds)
    trials = [replace(one, outcome=outcome, folds=(fold,) * 5)]
    folds = make_forecast(SPACE, [], trials, ROWS, turns=3)
    assert folds is not None
    once, thrice = made([], [one]).cost(SPACE.defaults()), folds.cost(SPACE.defaults())
    assert thrice.first_s == pytest.approx(3 * once.first_s)
    assert thrice.whole_s == pytest.approx(3 * once.whole_s)
    assert folds.usual_s == outcome.seconds


def test_nothing_measured_is_no_forecast() -> None:
    assert make_forecast(SPACE, [], [], ROWS) is None
    assert make_forecast(SPACE, [check(SPACE.defaults(), 0.0)], [], ROWS) is None


def test_a_dry_run_alone_tells_the_cost_at_its_points() -> None:
    forecast = made(CHECKS, [])
    for point in SPACE.corners():
        expected = row_s(point) * ROWS
        assert forecast.cost(point).first_s == pytest.approx(expected, rel=0.35)


def test_before_a_training_has_ended_the_longest_is_expected() -> None:
    cost = made(CHECKS, []).cost(SPACE.defaults())
    assert cost.is_bound
    assert cost.whole_s == pytest.approx(cost.first_s * EPOCHS)
    few = made(CHECKS, [], rows=256).cost(SPACE.defaults())
    assert few.whole_s == pytest.approx(few.first_s * STEPS)


def test_afterwards_as_many_passes_as_the_others_took() -> None:
    forecast = made(CHECKS, [trial(n, SPACE.defaults(), passes) for n, passes in enumerate((10, 20, 60))])
    cost = forecast.cost(SPACE.defaults())
    assert not cost.is_bound
    assert cost.whole_s == pytest.approx(1.0 + 20 * row_s(SPACE.defaults()) * ROWS, rel=0.1)


def test_a_large_batch_takes_more_passes() -> None:
    """Patience is counted in steps where a pass has few of them."""
    rows = 2_048
    forecast = made(CHECKS, [trial(1, SPACE.defaults(), passes=50)], rows)
    large = SPACE.defaults() | {"batch_size": 2048}
    costs = [forecast.cost(arguments) for arguments in (SPACE.defaults(), large)]
    points = [(cost.whole_s - forecast.start_s) / (cost.first_s - forecast.start_s) for cost in costs]
    assert points == pytest.approx([50, 400])


def test_a_call_with_fewer_epochs_takes_no_more_than_these() -> None:
    space = Space({**SPACE, "max_epochs": Int(1, 100, default=50)})
    known = trial(1, space.defaults(), 50)
    forecast = make_forecast(space, [], [known], ROWS)
    assert forecast is not None
    short = forecast.cost(space.defaults() | {"max_epochs": 5})
    assert (short.whole_s - forecast.start_s) / (short.first_s - forecast.start_s) == pytest.approx(5)


def test_trials_correct_what_the_dry_run_told() -> None:
    """A step among others is slower than the one that the dry-run timed."""
    defaults = SPACE.defaults()
    forecast = made(CHECKS, [trial(n, defaults, slower=4.0) for n in (1, 2)])
    known = forecast.cost(defaults).first_s - forecast.start_s
    assert known == pytest.approx(4 * row_s(defaults) * ROWS, rel=0.2)
    slow = forecast.cost(defaults | {"act": "slow"}).first_s - forecast.start_s
    assert slow / known == pytest.approx(2, rel=0.15)


def test_more_trials_make_a_better_forecast() -> None:
    generator = random.Random(3)

    def point() -> Arguments:
        return {
            "width": round(32 * 32 ** generator.random()),
            "act": generator.choice(("relu", "slow")),
            "rate": 10 ** generator.uniform(-4, -1),
            "batch_size": round(64 * 32 ** generator.random()),
        }

    trials = [trial(n, point()) for n in range(30)]
    asked = [point() for _ in range(40)]

    def error(forecast: Forecast) -> float:
        ratios = [forecast.cost(p).first_s - forecast.start_s for p in asked]
        return sorted(abs(math.log(r / (row_s(p) * ROWS))) for r, p in zip(ratios, asked, strict=True))[20]

    assert error(made(CHECKS, trials)) < min(math.log(1.15), error(made(CHECKS, [])))


def test_a_dry_run_on_a_busy_machine_is_hardly_believed() -> None:
    """Each measurement up to twenty times too long, as was seen where sixteen processes shared two cores."""
    generator = random.Random(1)
    noisy = [c._replace(row_s=c.row_s * 20 ** generator.random()) for c in CHECKS]
    forecast = made(noisy, [trial(1, SPACE.defaults())])
    known = forecast.cost(SPACE.defaults()).first_s
    assert known == pytest.approx(1.0 + row_s(SPACE.defaults()) * ROWS, rel=0.4)
    assert all(driver.factor < 10 for driver in forecast.drivers())


def test_the_drivers_are_those_that_cost() -> None:
    drivers = made(CHECKS, []).drivers()
    factors = {driver.name: driver.factor for driver in drivers}
    assert (drivers[0].name, drivers[0].cheapest, drivers[0].dearest) == ("width", 32, 1024)
    assert factors["act"] == pytest.approx(2, rel=0.3)
    assert factors["rate"] < 1.2
    batch = next(driver for driver in drivers if driver.name == "batch_size")
    assert (batch.cheapest, batch.dearest) == (2048, 64)


def test_a_pruned_training_says_nothing_of_how_long_a_whole_one_is() -> None:
    forecast = made([], [trial(1, SPACE.defaults(), 30), trial(2, SPACE.defaults(), 4, stopped="pruned")])
    assert forecast.usual_patience == 30 / course.patience(SPACE.defaults(), ROWS)


def test_a_point_of_the_curve_is_a_part_of_a_pass_over_many_rows() -> None:
    few, many = made(CHECKS, [], POINT_ROWS), made(CHECKS, [], 4 * POINT_ROWS)
    defaults = SPACE.defaults()
    assert many.cost(defaults).first_s == pytest.approx(few.cost(defaults).first_s)
    assert many.cost(defaults).whole_s == pytest.approx(4 * few.cost(defaults).whole_s)


@pytest.mark.parametrize("seconds", [1e308, 1e-308, math.inf, math.nan, -1.0])
def test_wild_seconds_of_a_sandbox_end_nothing(seconds: float) -> None:
    checks = [check(point, seconds * (1 + n)) for n, point in enumerate(SPACE.corners())]
    forecast = make_forecast(SPACE, [*checks, check(SPACE.defaults())], [], ROWS)
    assert forecast is not None
    assert math.isfinite(forecast.cost(SPACE.defaults()).whole_s)


@pytest.fixture(scope="module")
def batches() -> Iterator[ModuleType]:
    """The worker's module; its settings can then be imported as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(resource("sandbox") / "worker"), *sys.path])
        import batches

        yield batches


def test_the_numbers_are_the_workers(batches: ModuleType) -> None:
    import settings

    assert batches.POINT_ROWS == POINT_ROWS
    assert settings.Settings().epochs(1) == STEPS
    assert settings.Settings().epochs(STEPS) == EPOCHS
    assert settings.Settings().patient(1, 1) == PATIENCE_STEPS
    assert settings.Settings().patient(1, PATIENCE_STEPS) == PATIENCE_POINTS


@given(rows=st.integers(1, 3_000_000), batch_size=st.integers(200, 500_000))
def test_the_points_of_a_pass_are_the_workers(batches: ModuleType, rows: int, batch_size: int) -> None:
    import settings

    spans = batches.spans(rows, batch_size)
    call = {"batch_size": batch_size}
    assert course.points_a_pass(call, rows) == len(spans)
    expected = settings.Settings().patient(len(spans), len(spans[0].sizes))
    assert course.patience(call, rows) == expected
    assert course.patience({**call, "patience": 3}, rows) == 3 * len(spans)
    passes = settings.Settings().epochs(sum(len(span.sizes) for span in spans))
    assert course.longest(call, rows) == passes * len(spans)
