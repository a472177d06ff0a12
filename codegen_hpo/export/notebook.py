"""The model of a run as a notebook that runs beside an exported folder's files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codegen_hpo.export.files import require_new, write_files
from codegen_hpo.export.folder import model_files
from codegen_hpo.llm.prompts import quoted
from codegen_hpo.records import Member, Trial
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_task, source_of
from codegen_hpo.table.profile import FEATURES
from codegen_hpo.task import METRICS

NOTEBOOK = "model.ipynb"
_EXAMPLES = 3  # rows that the notebook predicts if no table is named

_SETUP = """\
import json

import matplotlib.pyplot as plt
import pandas as pd

import predict
from command import named, read_encoding, read_run, read_table

RUN = read_run()
HISTORY = json.load(open("history.json", encoding="utf-8"))
FUNCTIONS = {}"""

_STEPS = """\
encoding = read_encoding()
pd.DataFrame(
    [(type(block).__name__.lower(), block.source, ", ".join(block.names)) for block in encoding.blocks],
    columns=["block", "column", "gives"],
)"""

_SEARCH = """\
trials = pd.DataFrame(HISTORY["trials"])
best = trials["score"].cummax() if HISTORY["higher_is_better"] else trials["score"].cummin()
figure, axes = plt.subplots(figsize=(7, 4))
for proposer, some in trials.groupby("proposed_by"):
    axes.plot(some["number"], some["score"], "o", label=proposer)
axes.step(trials["number"], best, where="post", color="grey", label="best so far")
axes.set(xlabel="trial", ylabel=f"validation {HISTORY['metric']}", title="Search")
axes.legend()
plt.show()"""

_CURVES = """\
figure, axes = plt.subplots(figsize=(7, 4))
for name, curve in HISTORY["curves"].items():
    points = pd.DataFrame(curve)
    line, = axes.plot(points["number"], points["train_loss"], "--")
    axes.plot(points["number"], points["inner_loss"], color=line.get_color(), label=name)
axes.set(xlabel="point of the curve", ylabel="loss")
axes.set_title("Training: rows learnt from (dashed) and early-stopping rows")
if HISTORY["curves"]:
    axes.legend()
plt.show()"""

_MODELS = """\
MODELS = [predict.load_model(RUN, member, FUNCTIONS[member["function"]]) for member in RUN["members"]]
pd.DataFrame([
    {"network": member["folder"], "function": member["function"], "weight": member["weight"],
     "parameters": sum(p.numel() for p in model.parameters())}
    for member, model in zip(RUN["members"], MODELS)
])"""

_PREDICT = """\
DATA = None  # a CSV or Parquet file with the columns of the training table
frame = pd.DataFrame(HISTORY["examples"]) if DATA is None else read_table(DATA)
predicted = named(predict.predict(frame, MODELS)).add_prefix("predicted ")
pd.concat([frame.reset_index(drop=True), predicted], axis=1)"""


def export_notebook(folder: RunFolder, history: History, members: Sequence[Member], to: Path) -> list[Path]:
    """The files written to the folder `to`, which must be new or empty: the model's, and a notebook.

    The notebook needs torch, numpy, pandas and matplotlib. Raises ConfigError.
    """
    require_new(to)
    files = model_files(folder, history, members)
    files["history.json"] = (json.dumps(_told(folder, history, members), indent=1) + "\n").encode()
    text = json.dumps(_notebook(folder, history, members), indent=1, ensure_ascii=True)
    files[NOTEBOOK] = (text + "\n").encode()
    return write_files(to, files)


def _notebook(folder: RunFolder, history: History, members: Sequence[Member]) -> dict[str, Any]:
    """The notebook in version 4.5 of its format. Names from the data are shown as quoted code."""
    task = read_task(folder)
    cells = [
        _markdown(
            f"# A model for `{quoted(task['target'])}`\n\n"
            f"Made by codegen-hpo in the run `{quoted(folder.name)}`, from the table "
            f"`{quoted(task['name'])}`. {_verdict(history, task['metric'])}\n\n"
            "The code below was written by a language model or comes from the cookbook; it ran in a sandbox "
            "so far, and here it runs with your rights: read it first."
        ),
        _code(_SETUP),
        _markdown(
            "## Data steps\n\nHow the table's columns become the numbers and codes that the networks take."
        ),
        _code(_STEPS),
        _markdown("## Code"),
    ]
    cells += [_code(source) for source in _functions(folder, history, members)]
    cells += [
        _markdown("## Search"),
        _code(_SEARCH),
        _markdown("## Training"),
        _code(_CURVES),
        _markdown("## Model\n\nThe weighted mean of these networks."),
        _code(_MODELS),
        _markdown("## Prediction\n\nExamples from the columns' usual values, or a table of yours."),
        _code(_PREDICT),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _functions(folder: RunFolder, history: History, members: Sequence[Member]) -> list[str]:
    """The source of each function once, with a line that keeps it under its name."""
    authors = {candidate.name: candidate.author for candidate in history.candidates}
    found: dict[str, str] = {}
    for trial, _ in members:
        # a comment first: a line that begins a cell could else be a command of the notebook's
        head = f"# {trial.candidate}, written by {quoted(authors[trial.candidate])}"
        source = source_of(folder, trial).encode(errors="backslashreplace").decode()
        keep = f"FUNCTIONS[{trial.candidate!r}] = make_model_and_optimizer"
        found.setdefault(trial.candidate, f"{head}\n{source.rstrip()}\n\n{keep}")
    return list(found.values())


def _verdict(history: History, metric: str) -> str:
    final = history.final
    if final is None:
        return "The run has not ended: this is its best trial so far."
    test = "" if final.test_score is None else f", on the sealed test rows {final.test_score:.5g}"
    return f"Validation {metric} {final.validation_score:.5g}{test}."


def _told(folder: RunFolder, history: History, members: Sequence[Member]) -> dict[str, Any]:
    """What the notebook draws, and rows that it can predict."""
    task = read_task(folder)
    return {
        "metric": task["metric"],
        "higher_is_better": METRICS[task["metric"]].higher_is_better,
        "trials": [
            {"number": t.number, "score": t.score, "proposed_by": t.call.proposed_by} for t in history.trials
        ],
        "curves": {trial.name: _curve(trial) for trial, _ in members if trial.outcome.curve},
        "examples": [_example(task, number) for number in range(_EXAMPLES)],
    }


def _curve(trial: Trial) -> list[dict[str, float]]:
    """Of the first network, where there are several."""
    return [point._asdict() for point in trial.outcome.curve]


def _example(task: dict[str, Any], number: int) -> dict[str, Any]:
    """A row of usual values: those of each column, in turn."""
    row = {}
    for column in task["columns"]:
        if column["kind"] in FEATURES:
            values = column["quantiles"][1:-1] or column["examples"]
            row[column["name"]] = values[number % len(values)] if values else None
    return row


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
