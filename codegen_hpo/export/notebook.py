"""The model of a run as a notebook that runs beside an exported folder's files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codegen_hpo.export.files import EXPORTED, require_new, write_files
from codegen_hpo.export.folder import model_files
from codegen_hpo.llm.prompts import quoted
from codegen_hpo.records import Member, Trial
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_task, source_of
from codegen_hpo.table.examples import example_rows
from codegen_hpo.task import METRICS

NOTEBOOK = "model.ipynb"
_EXAMPLES = 3  # rows that the notebook predicts if no table is named


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
    """The notebook in version 4.5 of its format."""
    cells = []
    for head, text in _cells():
        if head == "[markdown]":
            cells.append(_markdown(text.replace("{introduction}", _introduction(folder, history))))
        elif head == "functions":
            cells += [_code(source) for source in _functions(folder, history, members)]
        else:
            cells.append(_code(text))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cells() -> list[tuple[str, str]]:
    """The cells that every notebook has: what stands behind `# %%`, and the text."""
    text = (EXPORTED / "notebook.txt").read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in text.split("# %%")[1:]]
    return [(head.strip(), body.strip()) for head, _, body in parts]


def _introduction(folder: RunFolder, history: History) -> str:
    """Names from the data are quoted: they are no markup of the page."""
    task = read_task(folder)
    return (
        f"# A model for `{quoted(task['target'])}`\n\n"
        f"Made by codegen-hpo in the run `{quoted(folder.name)}`, from the table `{quoted(task['name'])}`. "
        f"{_verdict(history, task['metric'])}"
    )


def _functions(folder: RunFolder, history: History, members: Sequence[Member]) -> list[str]:
    """The source of each function once."""
    authors = {candidate.name: candidate.author for candidate in history.candidates}
    found: dict[str, str] = {}
    for trial, _ in members:
        # a comment first: a line that begins a cell could else be a command of the notebook's
        head = f"# {trial.candidate}, written by {quoted(authors[trial.candidate])}"
        source = source_of(folder, trial).encode(errors="backslashreplace").decode()
        found.setdefault(trial.candidate, f"{head}\n{source.rstrip()}")
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
            {"number": t.number, "score": t.score, "proposed_by": t.call.proposed_by}
            for t in history.standing
        ],
        "curves": {trial.name: _curve(trial) for trial, _ in members if trial.outcome.curve},
        "examples": example_rows(task["columns"], _EXAMPLES),
    }


def _curve(trial: Trial) -> list[dict[str, float]]:
    """Of the first network, where there are several."""
    return [point._asdict() for point in trial.outcome.curve]


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
