import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Float, Space
from codegen_hpo.testing.strategies import LocalSearch, answered_by
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.names import TUNERS, needs_model
from codegen_hpo.tuner.subject import objective_metric, objective_subject

SPACE = Space({"x": Float(0.0, 1.0)})
SUBJECT = objective_subject("", objective_metric("loss"), SPACE)
MODEL = Model(answered_by(LocalSearch()), "m")


@pytest.mark.parametrize("name", TUNERS)
def test_every_name_makes_a_tuner_of_that_name_that_proposes(name: str) -> None:
    if "smac" in name:
        pytest.importorskip("smac")
    if name in ("cmaes", "centaur"):
        pytest.importorskip("cmaes")
    tuner = make_tuner(name, SPACE, seed=0, trials=9, subject=SUBJECT, model=MODEL)
    assert tuner.name == ("llm:m" if name == "llm" else name)
    first = "llm" if name.startswith("llm") else "cmaes" if name == "centaur" else name
    assert tuner.ask(9).proposed_by == first


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="there is no tuner 'grid'") as refused:
        make_tuner("grid", SPACE, seed=0)
    assert "centaur" in refused.value.hint


@pytest.mark.parametrize("name", [name for name in TUNERS if needs_model(name)])
def test_a_tuner_with_a_model_needs_one(name: str) -> None:
    with pytest.raises(ConfigError, match="needs a language model, and none is configured"):
        make_tuner(name, SPACE, seed=0, subject=SUBJECT)


@pytest.mark.parametrize(
    "options",
    [{"history": "short"}, {"role": "wizard"}, {"replies": "xml"}, {"llm_trials": 0}, {"llm_share": 2}],
)
def test_an_option_that_there_is_not_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as refused:
        TunerOptions(**options)  # type: ignore[arg-type]
    assert refused.value.hint
