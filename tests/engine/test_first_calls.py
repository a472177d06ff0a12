"""What a classical tuner is given to propose before a point of its own."""

from collections.abc import Callable

import pandas as pd
import pytest

from codegen_hpo.contract import read_candidate
from codegen_hpo.engine.parts import tuner_maker
from codegen_hpo.engine.settings import Budget, Settings
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedAuthor
from codegen_hpo.tuner.outlook import Outlook

Start = Callable[..., Run]

CHOICES = """\
    loss: Literal["mse", "huber", "mae"] = "huber",
    target_transform: Literal["none", "log"] = "log",
"""
DESCRIBED = "        loss: What is minimised.\n        target_transform: Of the target.\n"


@pytest.fixture
def choosing(source: str) -> str:
    """A function that lets the loss and the target's transform be chosen."""
    end = ") -> tuple[nn.Module"
    described = source.replace(
        "        momentum:",
        "        loss: What is minimised.\n        target_transform: Of the target.\n        momentum:",
    )
    return described.replace(end, CHOICES + end).replace("import Annotated", "import Annotated, Literal")


@pytest.mark.parametrize("tuner", ["random", "tpe", "cmaes"])
def test_the_target_as_it_is_with_absolute_errors_comes_after_the_defaults(
    start: Start, choosing: str, tuner: str
) -> None:
    run = start(author=ScriptedAuthor([choosing]), tuner=tuner, budget=Budget(trials=3), reseed=0)
    defaults, plain, drawn = (dict(trial.call.arguments) for trial in run.history.trials)
    assert plain == defaults | {"loss": "mae", "target_transform": "none"}
    assert drawn["learning_rate"] != defaults["learning_rate"]


@pytest.mark.parametrize("classes", [False, True])
def test_only_of_a_regression_the_loss_is_the_functions_to_choose(
    choosing: str, small_table: pd.DataFrame, classes: bool
) -> None:
    labels = small_table["y"] > small_table["y"].median()
    task = Task.from_table(small_table.assign(y=labels) if classes else small_table, "y")
    candidate = read_candidate(choosing, name="c01", author="scripted").candidate
    assert candidate is not None
    make = tuner_maker(Settings(tuner="random"), task, None, None)
    call = make(candidate, Outlook(lambda: None, lambda arguments: "")).ask(None)
    plain = candidate.space.defaults() | {"loss": "mae", "target_transform": "none"}
    assert (call.arguments == plain) == (not classes)


def test_a_function_without_these_choices_is_tuned_from_the_second_call_on(start: Start) -> None:
    run = start(tuner="random", budget=Budget(trials=2), reseed=0)
    defaults, drawn = (dict(trial.call.arguments) for trial in run.history.trials)
    assert drawn["learning_rate"] != defaults["learning_rate"]
