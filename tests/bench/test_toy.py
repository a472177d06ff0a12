import numpy as np
import pytest

from codegen_hpo.bench.toy import FRAMINGS, LANDSCAPES, SHIFT, ToySuite
from codegen_hpo.errors import ConfigError

SUITE = ToySuite()
MINIMA = {
    "ackley": (0.0, 0.0),
    "branin": (np.pi, 2.275),
    "rosenbrock": (1.0, 1.0),
    "himmelblau": (3.0, 2.0),
}
# table 7 of the paper: the mean of random search, with the spread of its estimate from few hundred runs
PAPER = {
    "ackley": (5.28, 0.3),
    "branin": (5.83, 0.6),
    "himmelblau": (20.39, 2.0),
    "rosenbrock": (481.0, 90.0),
}


@pytest.mark.parametrize("name", MINIMA)
def test_each_function_has_its_known_minimum_and_the_shifted_form_has_it_elsewhere(name: str) -> None:
    x, y = MINIMA[name]
    plain, shifted = LANDSCAPES[name], LANDSCAPES[f"{name}-shifted"]

    assert plain.function(x, y) == pytest.approx(plain.optimum, abs=1e-9)
    assert shifted.function(x + SHIFT[0], y + SHIFT[1]) == pytest.approx(plain.optimum, abs=1e-9)
    assert shifted.function(x, y) > 0.5


@pytest.mark.parametrize("name", LANDSCAPES)
def test_no_point_of_the_box_is_below_the_optimum_and_some_point_is_near_it(name: str) -> None:
    landscape = LANDSCAPES[name]
    x, y = np.meshgrid(np.linspace(*landscape.x, 301), np.linspace(*landscape.y, 301))

    heights = np.vectorize(landscape.function)(x, y)

    assert landscape.optimum - 1e-9 <= heights.min() < landscape.optimum + 0.05


@pytest.mark.parametrize("name", PAPER)
def test_ten_random_points_find_what_the_paper_reports_for_random_search(name: str) -> None:
    landscape, generator = LANDSCAPES[name], np.random.default_rng(0)
    x, y = (generator.uniform(*box, size=(2000, 10)) for box in (landscape.x, landscape.y))
    mean, tolerance = PAPER[name]

    found = np.vectorize(landscape.function)(x, y).min(axis=1).mean()

    assert found == pytest.approx(mean, abs=tolerance)


def test_the_four_framings_differ_in_what_they_give_away() -> None:
    problem = SUITE.open("branin-shifted")
    texts = [SUITE.subject(problem, framing, budget=17).text for framing in FRAMINGS]

    assert len(set(texts)) == 4
    assert ["17 evaluations" in text for text in texts] == [False, True, True, True]
    assert ["hyperparameters" in text for text in texts] == [False, False, True, True]
    assert ["deterministic" in text for text in texts] == [False, False, False, True]


def test_the_words_do_not_name_the_landscape() -> None:
    for name in LANDSCAPES:
        text = SUITE.subject(SUITE.open(name), 3, budget=10).text.lower()
        assert not any(word in text for word in name.split("-"))


def test_an_unknown_landscape_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'griewank'") as refused:
        SUITE.open("griewank")
    assert "himmelblau-shifted" in refused.value.hint
