"""The example tasks that ship with the package: small training scripts, and what a tuner is told of them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen_hpo.errors import DataError
from codegen_hpo.resources import resource
from codegen_hpo.table.names import did_you_mean

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleTask:
    """A script as `tune-script` is told of it; its description is in task.md, its space in space.toml."""

    name: str  # of its folder
    about: str
    metric: str  # to be maximised
    command: str = "python train.py"
    config: str = ""
    constants: str = ""
    result_file: str = ""
    pattern: str = ""
    needs: tuple[str, ...]  # packages, beside numpy

    @property
    def folder(self) -> Path:
        """Where it lies in the package."""
        return resource("datasets") / "tasks" / self.name

    @property
    def words(self) -> tuple[str, ...]:
        """The command line that tunes it, in its folder."""
        given = {
            "--config": self.config,
            "--constants": self.constants,
            "--about": "task.md",
            "--space": "space.toml",
            "--result-file": self.result_file,
            "--pattern": self.pattern,
        }
        options = [word for name, value in given.items() if value for word in (name, value)]
        return ("codegen-hpo", "tune-script", self.command, *options)


TASKS = (
    ExampleTask(
        name="tabular-classification",
        about="gradient boosting on scikit-learn's breast cancer table",
        metric="f1",
        config="config.json",
        result_file="metrics.json",
        needs=("lightgbm", "scikit-learn"),
    ),
    ExampleTask(
        name="tabular-regression",
        about="gradient boosting on scikit-learn's diabetes table",
        metric="r2",
        config="config.yaml",
        result_file="metrics.csv",
        needs=("lightgbm", "scikit-learn", "pyyaml"),
    ),
    ExampleTask(
        name="image-classification",
        about="a small residual network on scikit-learn's digits",
        metric="val_accuracy",
        config="config.toml",
        result_file="logs",
        needs=("torch", "scikit-learn", "tensorboard"),
    ),
    ExampleTask(
        name="text-classification",
        about="a small transformer on passages of SciPy's docstrings",
        metric="val_accuracy",
        config="config.yaml",
        pattern=r"val_accuracy (\S+)",
        needs=("torch", "scipy", "pyyaml"),
    ),
    ExampleTask(
        name="node-classification",
        about="a graph convolutional network on a neighbour graph of the digits",
        metric="val_accuracy",
        constants="train.py",
        result_file="metrics.jsonl",
        needs=("torch", "scikit-learn"),
    ),
    ExampleTask(
        name="matrix-factorisation",
        about="LightGCN on invented interactions of users with items",
        metric="ndcg_at_10",
        command="python train.py --embedding-size {embedding_size} --learning-rate {learning_rate} "
        "--optimizer {optimizer} --reg-weight {reg_weight} --batch-size {batch_size} --epochs {epochs} "
        "--num-layers {num_layers}",
        result_file="metrics.csv",
        needs=("torch",),
    ),
    ExampleTask(
        name="click-through",
        about="DeepFM on an invented table of impressions",
        metric="val_auc",
        config="config.json",
        result_file="metrics.jsonl",
        needs=("torch",),
    ),
)


def example_task(name: str) -> ExampleTask:
    """The task of this name. Raises DataError if there is none."""
    known = {task.name: task for task in TASKS}
    if name not in known:
        raise DataError(f"there is no example task {name!r}", hint=did_you_mean(name, known))
    return known[name]


def copy_tasks(tasks: Sequence[ExampleTask], to: Path) -> list[Path]:
    """The folders below `to`, one a task, each a copy to start from.

    Raises:
        DataError: one of them exists, and might hold the user's changes; or they cannot be written.
    """
    folders = [to / task.name for task in tasks]
    for folder in folders:
        if folder.exists():
            raise DataError(f"{folder} exists already", hint="give another folder with --to")
    try:
        for task, folder in zip(tasks, folders, strict=True):
            shutil.copytree(task.folder, folder, ignore=_LEFT_OUT)
    except OSError as error:
        raise DataError(
            f"the tasks cannot be written to {to}: {error.strerror or error}", hint="give another folder"
        ) from error
    return folders
