"""CMA-ES: its state made from trials, its distribution, and how it does on a mixed space."""

import math
from statistics import mean, median

import optuna
import pytest

from codegen_hpo.records import Trial
from codegen_hpo.space import Arguments, Choice, Float, Int, Space
from codegen_hpo.testing.tuner_cases import MIXED, bowl, play, told
from codegen_hpo.tuner.make import make_tuner
from codegen_hpo.tuner.optuna import distribution, value

pytest.importorskip("cmaes")
from codegen_hpo.tuner.cmaes import CmaesSampler

SQUARE = Space({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
GENERATION = 6  # trials, of a space of two numbers


def at(*places: tuple[float, float, float | None]) -> list[Trial]:
    return [told(n, {"x": x, "y": y}, loss) for n, (x, y, loss) in enumerate(places, 1)]


def around(worst: float | None) -> list[Trial]:
    """A generation with one bad trial."""
    good = [(0.5 + 0.01 * n, 0.5 - 0.02 * n, n / 10) for n in range(GENERATION - 1)]
    return at(*good, (0.9, 0.9, worst))


@pytest.mark.parametrize("worst", [100.0, math.inf, math.nan, None])
def test_only_the_rank_of_a_loss_counts_and_a_failure_ranks_last(worst):
    sampler = CmaesSampler(SQUARE)
    assert sampler.distribution(around(worst)) == sampler.distribution(around(5.0))
    assert sampler.distribution(around(worst)).generation == 1


def test_failures_alone_leave_the_distribution_as_it_was():
    sampler = CmaesSampler(SQUARE)
    failures = at(*((0.1 * n, 0.9, None) for n in range(3 * GENERATION)))
    assert sampler.distribution(failures) == sampler.distribution([])
    assert sampler.distribution(failures).mean == {"x": 0.5, "y": 0.5}


def test_a_search_that_begins_with_failures_starts_where_it_first_succeeds():
    sampler = CmaesSampler(SQUARE)
    assert sampler.distribution(at((0.5, 0.5, None), (0.1, 0.8, 3.0))).mean == pytest.approx(
        {"x": 0.1, "y": 0.8}
    )
    assert sampler.distribution(at((0.4, 0.4, 3.0), (0.1, 0.8, None))).mean == {"x": 0.5, "y": 0.5}


def test_a_generation_counts_from_its_population_size():
    sampler = CmaesSampler(SQUARE)
    trials = around(5.0)
    assert sampler.distribution(trials[:-1]) == sampler.distribution([])
    assert sampler.distribution([*trials, *trials]).generation == 2


def test_a_point_far_from_the_mean_is_clipped_to_the_usual_length_of_a_step():
    """In two dimensions the square root of 2, and 1: Hansen 2011; a step is 0.2 of a range long at first."""
    sampler = CmaesSampler(SQUARE)
    clipped = 0.5 + 0.2 * (math.sqrt(2) + 1) / math.sqrt(2)
    far = sampler.distribution([*around(5.0)[:-1], *at((1.0, 1.0, -1.0))])
    near = sampler.distribution([*around(5.0)[:-1], *at((clipped, clipped, -1.0))])
    assert far.mean == pytest.approx(near.mean)
    assert far.sigma == pytest.approx(near.sigma)
    assert far.mean["x"] > 0.5


def test_the_distribution_speaks_in_the_values_of_the_space():
    sampler = CmaesSampler(MIXED)
    start = sampler.distribution([])
    assert start.mean == MIXED.defaults() | {"mixed": 0.5, "residual": False}  # options are alike so far
    assert start.spread["rate"] == pytest.approx((10**-3.8, 10**-2.2))
    after = sampler.distribution(play(make_tuner("cmaes", MIXED, seed=0), 30))
    assert MIXED.check(after.mean).arguments == after.mean
    numbers = ["rate", "dropout", "width", "depth"]
    assert sorted(after.spread) == sorted(numbers)
    assert all(after.spread[name][0] <= after.mean[name] <= after.spread[name][1] for name in numbers)
    assert [abs(r) for *_, r in after.correlations] == sorted(
        (abs(r) for *_, r in after.correlations), reverse=True
    )
    assert len(after.correlations) == 6
    assert dict(after.probabilities["mixed"]).keys() == {0.5, "auto", 1}  # True is equal to 1
    for options in after.probabilities.values():
        assert sum(probability for _, probability in options) == pytest.approx(1)


def test_a_space_of_constants_has_a_distribution_of_one_point():
    space = Space({"n": Int(3, 3), "kind": Choice(("only",))})
    found = CmaesSampler(space).distribution([])
    assert (found.mean, found.sigma, found.spread) == ({"n": 3, "kind": "only"}, 0.0, {})
    assert make_tuner("cmaes", space, seed=0).ask(None).arguments == {"n": 3, "kind": "only"}


def test_a_choice_that_wins_becomes_probable():
    space = Space({"x": Float(0.0, 1.0), "kind": Choice(("a", "b", "c"))})
    run = play(make_tuner("cmaes", space, seed=0), 60, lambda a: float(a["x"]) + (a["kind"] != "b"))
    assert dict(CmaesSampler(space).distribution(run).probabilities["kind"])["b"] > 0.6


def test_it_leaves_a_region_that_fails_even_when_it_begins_there():
    space = Space({"x": Float(0.0, 1.0, default=0.9), "y": Float(0.0, 1.0)})

    def loss(arguments: Arguments) -> float | None:
        x, y = float(arguments["x"]), float(arguments["y"])
        return None if x > 0.5 else (x - 0.3) ** 2 + (y - 0.3) ** 2

    runs = [play(make_tuner("cmaes", space, seed=seed), 30, loss) for seed in range(3)]
    assert mean(trial.loss is None for run in runs for trial in run[15:]) < 0.2


def network(arguments: Arguments) -> float:
    """A loss whose best learning rate depends on the activation; the best of each is 0, 0.5, 1 and 2."""
    best_log_rate, offset = {"relu": (-3, 1.0), "gelu": (-2, 0.0), "silu": (-4, 0.5), "tanh": (-1.5, 2.0)}[
        str(arguments["activation"])
    ]
    return (
        (math.log10(float(arguments["rate"])) - best_log_rate) ** 2
        + 5 * (float(arguments["dropout"]) - 0.2) ** 2
        + 0.1 * (int(arguments["depth"]) - 3) ** 2
        + 0.2 * (math.log2(float(arguments["width"])) - 7) ** 2
        + 0.7 * (arguments["norm"] != "layer")
        + offset
    )


NETWORK = Space(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "dropout": Float(0.0, 0.6),
        "depth": Int(1, 8),
        "width": Int(8, 1024, log=True),
        "activation": Choice(("relu", "gelu", "silu", "tanh")),
        "norm": Choice(("none", "layer", "batch")),
    }
)


def best_of_optuna(seed: int, trials: int) -> float:
    sampler = optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    study = optuna.create_study(sampler=sampler)
    distributions = {name: distribution(dimension) for name, dimension in NETWORK.items()}
    for _ in range(trials):
        trial = study.ask(distributions)
        study.tell(trial, network({n: value(NETWORK[n], p) for n, p in trial.params.items()}))
    return study.best_value


@pytest.mark.slow
def test_on_a_mixed_space_it_beats_the_sampler_of_optuna_which_draws_choices_at_random():
    ours, optunas = [], []
    for seed in range(20):
        run = play(make_tuner("cmaes", NETWORK, seed=seed), 80, network)
        ours.append(min(network(trial.call.arguments) for trial in run))
        optunas.append(best_of_optuna(seed, 80))
    print(
        f"median of 20 seeds after 80 trials: {median(ours):.3f}, Optuna's CmaEsSampler {median(optunas):.3f}"
    )
    assert median(ours) < median(optunas)


def test_it_finds_a_better_point_than_random_search_does_on_average():
    def best(kind: str, seed: int) -> float:
        run = play(make_tuner(kind, MIXED, seed=seed), 40)
        return min(loss for trial in run if (loss := bowl(trial.call.arguments)) is not None)

    assert mean(best("cmaes", seed) for seed in range(4)) < mean(best("random", seed) for seed in range(4))
