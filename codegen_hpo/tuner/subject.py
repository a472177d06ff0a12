"""What is tuned, in the words that a language model is given."""

from dataclasses import dataclass

from codegen_hpo.llm.prompts import render
from codegen_hpo.task import Metric
from codegen_hpo.tuner.feedback import loss_units

GENERATED = "make_model_and_optimizer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The task part of every tuning prompt; what comes from data in it is escaped already."""

    text: str
    tool: str  # the name of the function that the model calls
    title: str  # what a call of it does, in one sentence
    metric: Metric


def function_subject(card: str, function: str, metric: Metric) -> Subject:
    """A generated function, scored on a table's validation rows.

    Args:
        card: the task, as text for the model.
        function: what the function builds: the first line of its docstring.
        metric: what is scored, and its direction.
    """
    text = render("tune_task", card=card, function=function, metric=metric, units=loss_units(metric))
    title = " ".join(function.split())
    return Subject(text=text, tool=GENERATED, title=f"Builds, trains and scores: {title}", metric=metric)
