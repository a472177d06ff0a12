"""Goals in words."""

import pytest

from codegen_hpo.agenthpo.goal import Goal, read_goal, stated
from codegen_hpo.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("maximise val_accuracy", Goal("val_accuracy", True)),
        ("Maximize val_accuracy.", Goal("val_accuracy", True)),
        ("minimise loss", Goal("loss", False)),
        ("minimize: val/loss", Goal("val/loss", False)),
        ("max NDCG@10", Goal("NDCG@10", True)),
        ("min rmse", Goal("rmse", False)),
        ("the highest val_f1 within ten minutes", Goal("val_f1", True)),
        ("lowest the val_mae, please", Goal("val_mae", False)),
        ("maximise `val accuracy` on the held-out part", Goal("val accuracy", True)),
        ('minimise "Mean Error"', Goal("Mean Error", False)),
        ("Maximise val_accuracy\nKeep each run below a minute.", Goal("val_accuracy", True)),
        ("Maximise val_accuracy, and minimise train_time", Goal("val_accuracy", True)),
        ("maximise F1-score (macro)", Goal("F1-score", True)),
        ("At a maximum of 3 epochs, minimise eval.loss", Goal("eval.loss", False)),
    ],
)
def test_a_goal_is_a_direction_and_the_name_of_a_metric(text: str, goal: Goal) -> None:
    assert read_goal(text) == goal
    assert read_goal(str(goal) if " " not in goal.metric else text) == goal


@pytest.mark.parametrize(
    "text", ["", "val_accuracy", "make it good", "maximise", "max_epochs 3", "maximise ."]
)
def test_a_text_without_a_direction_and_a_metric_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"does not say what to do|several words") as refused:
        read_goal(text)
    assert "maximise val_accuracy" in refused.value.hint


def test_a_metric_of_several_words_is_not_cut_to_its_first() -> None:
    with pytest.raises(ConfigError, match="names its metric in several words") as refused:
        read_goal("maximise the validation accuracy")
    assert "backquotes" in refused.value.hint
    statement = stated("We want to maximise the validation accuracy. Also minimise time.")
    assert statement is not None
    assert (statement.metric, statement.maximize) == ("", True)
