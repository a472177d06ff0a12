"""Spaces of ConfigSpace and Optuna, made by these packages themselves."""

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Choice, Float, Int
from codegen_hpo.space_file import read_space
from codegen_hpo.space_import import from_configspace, from_optuna

distributions = optuna.distributions


@pytest.fixture
def configspace() -> Any:
    return pytest.importorskip("ConfigSpace")


def make(configspace: Any) -> Any:
    space = configspace.ConfigurationSpace(seed=0)
    space.add(
        configspace.UniformFloatHyperparameter("lr", 1e-5, 0.1, log=True, default_value=1e-3),
        configspace.UniformIntegerHyperparameter("width", 1, 10),
        configspace.NormalFloatHyperparameter("shift", 0, 1, lower=-3, upper=3),
        configspace.CategoricalHyperparameter("act", ["relu", "gelu"], default_value="gelu"),
        configspace.CategoricalHyperparameter("bias", [True, False], weights=[1, 3]),
        configspace.OrdinalHyperparameter("folds", [3, 5, 10]),
        configspace.Constant("epochs", 7),
    )
    return space


def test_a_configspace_is_taken_over_and_what_is_lost_is_told(configspace: Any) -> None:
    space, notes = from_configspace(make(configspace))
    assert dict(space) == {
        "act": Choice(("relu", "gelu"), default="gelu"),
        "bias": Choice((True, False), default=False),
        "epochs": Choice((7,)),
        "folds": Choice((3, 5, 10), default=3),
        "lr": Float(1e-5, 0.1, log=True, default=1e-3),
        "shift": Float(-3.0, 3.0, default=0.0),
        "width": Int(1, 10, default=6),
    }
    assert [note.partition(":")[0] for note in notes] == ["bias", "folds", "shift"]


def test_its_json_file_gives_the_same(configspace: Any, tmp_path: Path) -> None:
    original = make(configspace)
    original.to_json(tmp_path / "space.json")
    assert read_space(tmp_path / "space.json") == from_configspace(original)


def test_conditions_and_forbidden_clauses_are_refused_by_name_or_dropped_with_a_note(
    configspace: Any,
) -> None:
    original = make(configspace)
    original.add(configspace.EqualsCondition(original["width"], original["act"], "gelu"))
    original.add(configspace.ForbiddenEqualsClause(original["folds"], 10))
    with pytest.raises(ConfigError) as caught:
        from_configspace(original)
    assert "width only if act EQ 'gelu'; forbidden folds EQUALS 10" in str(caught.value)
    assert "--ignore-conditions" in caught.value.hint
    space, notes = from_configspace(original, ignore_conditions=True)
    assert set(space) == set(original)
    assert notes[:2] == ("ignored: width only if act EQ 'gelu'", "ignored: forbidden folds EQUALS 10")


def test_conjunctions_are_told_whole(configspace: Any) -> None:
    original = make(configspace)
    original.add(
        configspace.AndConjunction(
            configspace.EqualsCondition(original["width"], original["act"], "gelu"),
            configspace.GreaterThanCondition(original["width"], original["lr"], 0.01),
        )
    )
    original.add(
        configspace.ForbiddenAndConjunction(
            configspace.ForbiddenEqualsClause(original["folds"], 10),
            configspace.ForbiddenInClause(original["act"], ["relu"]),
        )
    )
    with pytest.raises(ConfigError) as caught:
        from_configspace(original)
    for word in ("gelu", "lr", "folds", "relu"):
        assert word in str(caught.value)


def test_optuna_distributions_are_taken_over() -> None:
    space, notes = from_optuna(
        {
            "x": distributions.FloatDistribution(0.1, 1.0, log=True),
            "n": distributions.IntDistribution(1, 9),
            "c": distributions.CategoricalDistribution(["a", True, 3]),
            "quarter": distributions.FloatDistribution(0.1, 0.4, step=0.1),
            "even": distributions.IntDistribution(2, 8, step=2),
        }
    )
    assert dict(space) == {
        "x": Float(0.1, 1.0, log=True),
        "n": Int(1, 9),
        "c": Choice(("a", True, 3)),
        "quarter": Choice((0.1, 0.2, 0.3, 0.4)),
        "even": Choice((2, 4, 6, 8)),
    }
    assert [note.partition(":")[0] for note in notes] == ["quarter", "even"]


def test_their_json_gives_the_same_whether_nested_or_as_text(tmp_path: Path) -> None:
    given = {
        "x": distributions.FloatDistribution(0.0, 1.0),
        "n": distributions.IntDistribution(1, 8, log=True),
    }
    texts = {name: distributions.distribution_to_json(one) for name, one in given.items()}
    assert from_optuna(texts) == from_optuna(given)
    path = tmp_path / "space.json"
    path.write_text(json.dumps({name: json.loads(text) for name, text in texts.items()}))
    assert read_space(path) == from_optuna(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (distributions.IntDistribution(0, 1000, step=2), "makes 501 values"),
        (
            {
                "name": "FloatDistribution",
                "attributes": {"low": 0.0, "high": 1e300, "step": 1e-300, "log": False},
            },
            "no distribution of Optuna",
        ),
        (distributions.CategoricalDistribution([None, "a"]), "the option None"),
        ("{", "no distribution of Optuna"),
        ({"name": "Other", "attributes": {}}, "no distribution of Optuna"),
        (3, "expected a distribution of Optuna"),
    ],
)
def test_what_cannot_be_taken_over_is_named(given: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_optuna({"rate": given})
    assert "the distributions, rate: " in str(caught.value)
    assert said in str(caught.value)


def test_a_step_that_makes_values_without_number_is_refused() -> None:
    given = {"type": "uniform_float", "name": "x", "lower": 0.0, "upper": 1e300, "q": 1e-300}
    with pytest.raises(ConfigError, match="x: its step 1e-300 makes values without number"):
        from_configspace({"hyperparameters": [given]})
