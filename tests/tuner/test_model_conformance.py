"""The tuners with a model, on the cases that any tuner must pass; the model reads its prompt."""

import pytest

from codegen_hpo.space import Space
from codegen_hpo.testing.strategies import LocalSearch, answered_by
from codegen_hpo.testing.tuner_cases import TUNER_CASES, TunerCase
from codegen_hpo.tuner.base import Tuner
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.subject import objective_metric, objective_subject


def check(name: str, case: TunerCase, trials: int, **options: object) -> None:
    def make(space: Space, seed: int) -> Tuner:
        subject = objective_subject("", objective_metric("loss"), space)
        return make_tuner(
            name,
            space,
            seed=seed,
            trials=trials,
            subject=subject,
            model=Model(answered_by(LocalSearch(state=name == "centaur")), "m"),
            options=TunerOptions(**options),  # type: ignore[arg-type]
        )

    case.check(make, trials)


@pytest.mark.parametrize("replies", ["call", "json"])
@pytest.mark.parametrize("history", ["compressed", "chat"])
@pytest.mark.parametrize("case", TUNER_CASES, ids=lambda case: case.name)
def test_the_model_passes(case: TunerCase, history: str, replies: str) -> None:
    check("llm", case, 12, history=history, replies=replies)


@pytest.mark.parametrize("case", TUNER_CASES, ids=lambda case: case.name)
def test_a_hybrid_passes(case: TunerCase) -> None:
    check("llm+tpe", case, 12)


@pytest.mark.parametrize("case", TUNER_CASES, ids=lambda case: case.name)
def test_centaur_passes(case: TunerCase) -> None:
    check("centaur", case, 20, llm_share=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llm+gp", "llm+smac-rf"])
@pytest.mark.parametrize("case", TUNER_CASES, ids=lambda case: case.name)
def test_a_hybrid_with_a_surrogate_passes(name: str, case: TunerCase) -> None:
    pytest.importorskip("smac")
    check(name, case, 6)
