"""The example tasks as `tune_script` takes them, and what they need."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from codegen_hpo.agenthpo.description import completed, read_description
from codegen_hpo.agenthpo.tuning import ScriptTask
from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.script.record import Script, relative_folder
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.space_file import read_space
from codegen_hpo.table.example_tasks import ExampleTask


def script_task(task: ExampleTask, folder: Path, *, trial_s: float | None = None) -> ScriptTask:
    """A copy of an example task as `tune_script` takes it. Raises ConfigError."""
    told = completed(read_description(folder / "task.md"))
    source = ValueSource(
        metric=told.goal.metric,
        file=task.result_file,
        pattern=task.pattern,
        maximize=told.goal.maximize,
        named=True,
    )
    script = Script(
        command=task.command,
        config=task.config,
        constants=task.constants,
        source=source,
        timeout_s=trial_s,
        folder=relative_folder(folder),
    )
    space = read_space(folder / "space.toml").space
    return ScriptTask(script=script, description=told.description, goal=told.goal, space=space)


def require_packages(tasks: Sequence[ExampleTask]) -> None:
    """Raises ConfigError if a package is missing that a script imports: each of its trials would fail."""
    missing = sorted({name for task in tasks for name in task.needs if not installed(name)})
    if missing:
        raise ConfigError(
            f"the example tasks need {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed",
            hint="pip install 'codegen-hpo[tasks,tensorboard]', or choose others with --tasks",
        )


def installed(name: str) -> bool:
    """Whether the package of this name is there."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def require_unchanged(task: ExampleTask, copy: Path) -> None:
    """Raises ConfigError if the copy is not what ships: its runs would not compare with later ones."""
    if _digest(task.folder) != _digest(copy):
        raise ConfigError(
            f"{copy} is not the task {task.name} that ships with this version",
            hint="begin a benchmark of its own with --out",
        )


def _digest(folder: Path) -> str:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    contents = [(path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in files]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()
