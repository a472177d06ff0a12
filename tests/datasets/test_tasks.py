"""The example tasks: what lies in their folders fits together, they train, and break as real scripts do."""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen_hpo.agenthpo.description import missing, read_description
from codegen_hpo.bench.script_tasks import script_task
from codegen_hpo.objective.base import Measured
from codegen_hpo.objective.script.configuration import based, open_configuration
from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.script.runner import HostRunner
from codegen_hpo.space import Scalar
from codegen_hpo.space_file import read_space
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.table.example_tasks import TASKS, ExampleTask, copy_tasks, example_task

NAMES = [task.name for task in TASKS]
BRIEF = {  # the smallest effort of each, so that a corner of the space takes seconds
    "tabular-classification": {"n_estimators": 100},
    "tabular-regression": {"n_estimators": 100},
    "image-classification": {"training.epochs": 1},
    "text-classification": {"training.epochs": 1},
    "node-classification": {"EPOCHS": 10},
    "matrix-factorisation": {"epochs": 10},
    "click-through": {"training.epochs": 1},
}
HUGE = 10**14  # a width whose weights no machine can hold: the allocator refuses at once

Measure = Callable[..., Measured]


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Runs a task at its base values but for some, as a trial does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")

    def run(name: str, changes: dict[str, Scalar]) -> Measured:
        copy_tasks([example_task(name)], tmp_path)
        given = script_task(example_task(name), Path(name), trial_s=240)
        assert given.space is not None
        space = based(given.space, open_configuration(given.script, given.space)).space
        objective = ScriptObjective(given.script, space, RunFolder.at(tmp_path / "run"), HostRunner())
        return objective.measure(space.defaults() | changes, 1)

    return run


def needed(task: ExampleTask) -> None:
    pytest.importorskip("lightgbm") if "lightgbm" in task.needs else None
    pytest.importorskip("tensorboard") if "tensorboard" in task.needs else None


@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_a_task_describes_itself_whole_and_names_the_metric_that_it_is_listed_with(task: ExampleTask) -> None:
    described = read_description(task.folder / "task.md")

    assert missing(described) == ()
    given = script_task(task, task.folder)
    assert (given.goal.metric, given.goal.maximize) == (task.metric, True)


@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_the_base_values_of_a_task_lie_in_its_space(
    task: ExampleTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(task.folder)
    given = script_task(task, Path())
    assert given.space is not None
    fitted = based(given.space, open_configuration(given.script, given.space))

    assert fitted.notes == ()
    assert all(dimension.default is not None for dimension in fitted.space.values())
    assert "seed" not in " ".join(fitted.space).lower()


def test_the_scripts_need_nothing_of_this_package() -> None:
    for script in (TASKS[0].folder.parent).rglob("*.py"):
        assert "codegen_hpo" not in script.read_text("utf-8"), script


@pytest.mark.parametrize("name", ["tabular-classification", "tabular-regression"])
def test_the_tabular_tasks_search_the_ten_parameters_of_the_paper(name: str) -> None:
    assert list(read_space(example_task(name).folder / "space.toml").space) == [
        "max_depth",
        "learning_rate",
        "min_child_weight",
        "subsample",
        "colsample_bytree",
        "n_estimators",
        "gamma",
        "reg_alpha",
        "reg_lambda",
        "scale_pos_weight",
    ]


@pytest.mark.slow
def test_a_click_through_trial_gives_its_value_and_its_trajectory(measure: Measure) -> None:
    found = measure("click-through", {"training.epochs": 2, "training.batch_size": 4096})

    assert found.outcome.status == "ok", found.outcome.error
    assert found.value is not None
    assert 0.45 < found.value < 0.9
    series = {series.name: series for series in found.outcome.trajectory}
    assert series["val_auc"].values[-1] == pytest.approx(found.value)
    assert len(series["train_loss"].values) == 2


@pytest.mark.slow
def test_a_huge_learning_rate_makes_the_click_through_metric_nan(measure: Measure) -> None:
    found = measure(
        "click-through",
        {"training.epochs": 1, "training.optimizer": "sgd", "training.learning_rate": 1e30},
    )

    assert (found.value, found.outcome.status) == (None, "nan")


@pytest.mark.slow
@pytest.mark.parametrize("corner", [0, 1, 2], ids=["base", "low", "high"])
@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_a_task_trains_at_its_base_and_at_two_corners(
    task: ExampleTask, corner: int, measure: Measure, tmp_path: Path
) -> None:
    needed(task)
    space = read_space(task.folder / "space.toml").space
    changes: dict[str, Scalar] = {}
    if corner:
        changes = space.corners()[corner] | BRIEF[task.name]
    found = measure(task.name, changes)

    assert found.outcome.status == "ok", found.outcome.error
    assert found.value is not None
    assert math.isfinite(found.value)
    assert found.outcome.trajectory
    sealed = (tmp_path / "run" / found.files / "stdout.txt").read_text("utf-8")
    assert not [line for line in sealed.splitlines() if line.startswith("test ")]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tabular-classification", "node-classification", "matrix-factorisation"])
def test_a_task_gives_the_same_value_again(name: str, tmp_path: Path, measure: Measure) -> None:
    needed(example_task(name))
    first = measure(name, BRIEF[name])
    (tmp_path / name).rename(tmp_path / "first")
    (tmp_path / "run").rename(tmp_path / "first-run")

    assert measure(name, BRIEF[name]).value == first.value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rate", "statuses"),
    [
        ("tabular-regression", {"learning_rate": 1e300}, {"error", "nan"}),
        ("image-classification", {"training.learning_rate": 1e30}, {"error"}),
        ("text-classification", {"training.learning_rate": 1e30}, {"error"}),
        ("matrix-factorisation", {"learning_rate": 1e30}, {"error"}),
    ],
)
def test_a_huge_learning_rate_breaks_a_task(
    name: str, rate: dict[str, Scalar], statuses: set[str], measure: Measure
) -> None:
    needed(example_task(name))
    found = measure(name, BRIEF[name] | rate)

    assert found.value is None
    assert found.outcome.status in statuses, found.outcome.error


@pytest.mark.slow
def test_a_huge_learning_rate_makes_the_trees_sure_and_wrong(measure: Measure) -> None:
    pytest.importorskip("lightgbm")
    found = measure("tabular-classification", {"n_estimators": 100, "learning_rate": 1e300})

    losses = next(series for series in found.outcome.trajectory if series.name == "val_log_loss")
    assert losses.values[-1] > 1  # more than a constant guess costs


@pytest.mark.slow
def test_a_huge_learning_rate_leaves_the_nodes_to_chance(measure: Measure) -> None:
    found = measure("node-classification", {"EPOCHS": 10, "LEARNING_RATE": 1e30})

    assert found.value is not None
    assert found.value < 0.25
    losses = next(series for series in found.outcome.trajectory if series.name == "train_loss")
    assert not math.isfinite(losses.values[-1]) or losses.values[-1] > 1e6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("image-classification", {"model.width": HUGE}),
        ("text-classification", {"model.width": HUGE}),
        ("node-classification", {"HIDDEN_SIZE": HUGE}),
        ("matrix-factorisation", {"embedding_size": HUGE}),
        ("click-through", {"model.mlp_hidden_size": HUGE}),
    ],
)
def test_a_huge_width_runs_out_of_memory(name: str, width: dict[str, Scalar], measure: Measure) -> None:
    needed(example_task(name))
    found = measure(name, width)

    assert found.outcome.status == "oom", found.outcome.error
