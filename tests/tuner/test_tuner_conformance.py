"""The classical tuners, on the cases that any tuner must pass."""

import pytest

from codegen_hpo.testing.tuner_cases import TUNER_CASES
from codegen_hpo.tuner.make import make_tuner

pytest.importorskip("smac")
pytest.importorskip("cmaes")

BUDGET = 8  # by which a model is asked from the third trial on
THINKING = ("gp", "smac-rf", "smac-gp")  # seconds a proposal
QUICK = ("random", "tpe", "cmaes")


def check(kind, case, trials):
    case.check(lambda space, seed: make_tuner(kind, space, seed=seed, trials=BUDGET), trials)


@pytest.mark.parametrize("kind", QUICK)
@pytest.mark.parametrize("case", TUNER_CASES, ids=lambda case: case.name)
def test_a_quick_tuner_passes(kind, case):
    check(kind, case, 16)


@pytest.mark.slow
@pytest.mark.parametrize("kind", THINKING)
@pytest.mark.parametrize("case", TUNER_CASES, ids=lambda case: case.name)
def test_a_tuner_with_a_surrogate_passes(kind, case):
    check(kind, case, 6)
