"""What is tuned, in the words that a language model is given."""

import json
from dataclasses import dataclass

from codegen_hpo.llm.prompts import render
from codegen_hpo.space import Choice, Dimension, Space
from codegen_hpo.task import Metric
from codegen_hpo.tuner.feedback import loss_units
from codegen_hpo.tuner.tool import description as told

GENERATED = "make_model_and_optimizer"
EVALUATE = "evaluate"
PROPOSE = "propose_hyperparameters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The task part of every tuning prompt; what comes from data in it is escaped already."""

    text: str
    tool: str  # the name of the function that the model calls
    title: str  # what a call of it does, in one sentence
    metric: Metric
    expert: str = "You are an expert in optimisation who finds good values with few evaluations."


def function_subject(card: str, function: str, metric: Metric) -> Subject:
    """A generated function, scored on a table's validation rows.

    Args:
        card: the task, as text for the model.
        function: what the function builds: the first line of its docstring.
        metric: what is scored, and its direction.
    """
    text = render("tune_task", card=card, function=function, metric=metric, units=loss_units(metric))
    return Subject(
        text=text,
        tool=GENERATED,
        title="Trains and scores the network.",
        metric=metric,
        expert="You are an expert in machine learning who tunes networks for tables with few trials.",
    )


def objective_subject(description: str, metric: Metric, space: Space) -> Subject:
    """Any objective that is evaluated at points of a space.

    Args:
        description: the user's own words on what is evaluated; may be empty.
        metric: what an evaluation gives, and its direction; see `objective_metric`.
        space: the arguments.
    """
    text = render("tune_objective", description=description.strip(), metric=metric, names=list(space))
    return Subject(
        text=text, tool=EVALUATE, title="Evaluates the objective at these arguments.", metric=metric
    )


def script_subject(about: str, metric: Metric, space: Space) -> Subject:
    """A training script of the user's own, with the background of AgentHPO (arXiv 2402.01881, section 3.1).

    Args:
        about: the dataset, the model and the goal, in the user's words; may be empty.
        metric: what a run gives, and its direction; see `objective_metric`.
        space: the hyperparameters.
    """
    dimensions = [(name, with_options(dimension)) for name, dimension in space.items()]
    return Subject(
        text=render("tune_script", about=about.strip(), metric=metric, dimensions=dimensions),
        tool=PROPOSE,
        title="Runs the training script with these hyperparameters.",
        metric=metric,
        expert="You are an expert in machine learning who tunes training scripts with few runs, and who says "
        "why each value is worth a try.",
    )


def with_options(dimension: Dimension) -> str:
    """What a dimension is, its range or options and its default, in words."""
    if not isinstance(dimension, Choice):
        return told(dimension)
    options = ", ".join(json.dumps(option, ensure_ascii=False) for option in dimension.options)
    return f"{told(dimension)} One of {options}.".strip()


def objective_metric(name: str, *, higher_is_better: bool = False) -> Metric:
    """The value of any objective, under the name the user gave it: no table's metric, so it has no kinds."""
    return Metric(name=name, kinds=(), higher_is_better=higher_is_better, needs="value")
