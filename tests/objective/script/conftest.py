"""A script's folder, in which the tests of scripts begin."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.objective.script.objective import ScriptObjective
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.script.runner import HostRunner
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.space import Float, Space
from codegen_hpo.store.folder import RunFolder

SPACE = Space({"lr": Float(0.0, 1.0, default=0.1)})

MakeObjective = Callable[..., ScriptObjective]


@pytest.fixture
def exp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, with a configuration in it."""
    folder = tmp_path / "exp"
    folder.mkdir()
    (folder / "c.json").write_text('{"lr": 0.1, "epochs": 5}')
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def make_objective(exp: Path) -> MakeObjective:
    """Makes the objective of a script with this code, whose run is below its own folder."""

    def make(
        code: str,
        *,
        options: str = "",
        space: Space = SPACE,
        runner: Any = None,
        file: str = "metrics.json",
        **fields: Any,
    ) -> ScriptObjective:
        (exp / "train.py").write_text(code)
        script = Script(
            source=ValueSource(metric="loss", file=file),
            **{
                "command": f"{sys.executable} -S train.py {options}",
                "config": "c.json",
                "timeout_s": 60.0,
                **fields,
            },
        )
        return ScriptObjective(script, space, RunFolder.at(exp / "runs/r"), runner or HostRunner())

    return make
