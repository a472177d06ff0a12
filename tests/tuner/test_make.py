import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Float, Space
from codegen_hpo.testing.strategies import LocalSearch, answered_by
from codegen_hpo.tuner.make import Model, TunerOptions, check_trials, make_tuner
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
    tuner = make_tuner(name, SPACE, seed=0, trials=14, subject=SUBJECT, model=MODEL)
    assert tuner.name == ("llm:m" if name == "llm" else name)
    first = "llm" if name.startswith("llm") else "cmaes" if name == "centaur" else name
    assert tuner.ask(14).proposed_by == first


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


@pytest.mark.parametrize(("trials", "share", "by"), [(13, 0.3, 1), (10, 0.3, 4), (10, 1.0, 1), (14, 0.2, 1)])
def test_trials_that_leave_the_model_no_turn_are_refused(trials: int, share: float, by: int) -> None:
    pytest.importorskip("cmaes")
    options = TunerOptions(llm_share=share)
    given = {"seed": 0, "subject": SUBJECT, "model": MODEL, "options": options}
    with pytest.raises(ConfigError, match="would never ask its model") as refused:
        make_tuner("centaur", SPACE, trials=trials, **given)  # type: ignore[arg-type]
    assert f"by {by} or more" in refused.value.hint
    assert ("--llm-share" in refused.value.hint) == (trials > 10)
    assert make_tuner("centaur", SPACE, trials=trials + by, **given).name == "centaur"  # type: ignore[arg-type]


def test_trials_that_no_tuner_proposes_are_no_turns() -> None:
    check_trials("centaur", TunerOptions(), 14)
    check_trials("centaur", TunerOptions(), None, given=1)
    check_trials("llm+tpe", TunerOptions(), 2, given=1)
    with pytest.raises(ConfigError, match="the trials leave 13"):
        check_trials("centaur", TunerOptions(), 14, given=1)
