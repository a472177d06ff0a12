import pytest

from codegen_hpo.bench.estimators import MODELS, evaluate
from codegen_hpo.bench.sklearn import SklearnSuite
from codegen_hpo.bench.tables import read_parts
from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Float, Int


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_each_model_trains_at_its_defaults_and_at_the_corners_of_its_space(name: str) -> None:
    parts = read_parts("iris", None)
    model = MODELS[name]

    values = [evaluate(model, parts, point) for point in model.space.corners()]

    assert values[0].loss is not None
    assert values[0].loss < 0.25
    assert all(v.loss is None or (0 <= v.loss <= 1 and v.sealed is not None) for v in values)


def test_a_configuration_has_one_value() -> None:
    parts, model = read_parts("wine", None), MODELS["rf"]

    first, second = (evaluate(model, parts, model.space.defaults()) for _ in range(2))

    assert (first.loss, first.sealed) == (second.loss, second.sealed)


def test_the_sealed_rows_do_not_change_what_is_tuned() -> None:
    parts = read_parts("wine", None)
    spoilt = parts._replace(test=parts.test._replace(y=(parts.test.y + 1) % 3))
    model = MODELS["lr"]

    fair, other = (evaluate(model, p, model.space.defaults()) for p in (parts, spoilt))

    assert fair.loss == other.loss
    assert fair.sealed != other.sealed


def test_a_fit_that_is_no_longer_finite_is_a_failure() -> None:
    parts = read_parts("iris", None)
    broken = parts._replace(train=parts.train._replace(x=parts.train.x * float("inf")))

    value = evaluate(MODELS["svm"], broken, MODELS["svm"].space.defaults())

    assert (value.loss, value.sealed, value.status) == (None, None, "nan")
    assert value.error


def test_the_spaces_are_those_of_appendix_b1() -> None:
    bounds = {
        f"{model}.{name}": (d.low, d.high, d.log)
        for model, entry in MODELS.items()
        for name, d in entry.space.items()
        if isinstance(d, Float | Int)
    }

    assert bounds == {
        "svm.C": (2**-10, 2**10, True),
        "svm.gamma": (2**-10, 2**10, True),
        "lr.alpha": (1e-5, 1.0, True),
        "lr.eta0": (1e-5, 1.0, True),
        "rf.max_depth": (1, 50, True),
        "rf.max_features": (0.0, 1.0, False),
        "rf.min_samples_leaf": (1, 20, False),
        "rf.min_samples_split": (2, 128, True),
        "nn.alpha": (1e-8, 1.0, True),
        "nn.batch_size": (4, 256, True),
        "nn.depth": (1, 3, False),
        "nn.learning_rate_init": (1e-5, 1.0, True),
        "nn.width": (16, 1024, True),
    }


def test_without_a_folder_of_tables_there_are_the_bundled_ones_alone(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert len(SklearnSuite().problems()) == 16
    assert len(SklearnSuite(data=tmp_path).problems()) == 32
    assert len(SklearnSuite(data=tmp_path, openml=True).problems()) == 32
    assert "svm/credit-g" in SklearnSuite(openml=True).problems()


def test_the_words_tell_the_model_and_the_budget_but_not_the_table() -> None:
    suite = SklearnSuite()

    text = suite.subject(suite.open("rf/iris"), None, budget=10).text

    assert "random forest" in text
    assert "10 configurations" in text
    assert "iris" not in text


@pytest.mark.parametrize("name", ["svm/nothing", "boosting/iris", "svm"])
def test_an_unknown_problem_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no"):
        SklearnSuite().open(name)
