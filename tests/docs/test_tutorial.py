"""The tutorial, run: each command must end well and print what the page shows of it.

In the shown output `…` stands for anything within a line, a line of `…` alone for any lines. The address of
the page's model leads to a scripted server, which plays a model that makes one mistake.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.testing import ScriptedServer, replies
from codegen_hpo.testing.brain import drawing_brain

PAGE = "tutorial.md"
ADDRESS = "http://localhost:8000/v1"  # of the page's model
WALLED = ("FIT", "RESUME", "RERUN", "PREDICT")  # commands that run its code

GOOD = '''\
from typing import Annotated

import torch
from torch import nn


class Network(nn.Module):
    def __init__(self, n_numeric: int, cardinalities: list[int], n_outputs: int, width: int):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(count, 4) for count in cardinalities)
        inputs = n_numeric + 4 * len(cardinalities)
        self.layers = nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, n_outputs))

    def forward(self, x_num: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        embedded = [table(x_cat[:, i]) for i, table in enumerate(self.tables)]
        return self.layers(torch.cat([x_num, *embedded], dim=1))


def make_model_and_optimizer(
    n_numeric: int,
    cardinalities: list[int],
    n_outputs: int,
    *,
    width: Annotated[int, 16, 256, "log"] = 64,
    learning_rate: Annotated[float, 1e-3, 1e-1, "log"] = 1e-2,
    batch_size: Annotated[int, 64, 256, "log"] = 128,
    max_epochs: Annotated[int, 5, 20] = 10,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """One hidden layer over numbers and embedded categories.

    Args:
        width: Units of the hidden layer.
        learning_rate: Step size of Adam.
        batch_size: Rows a step.
        max_epochs: Passes over the rows.
    """
    model = Network(n_numeric, cardinalities, n_outputs, width)
    return model, torch.optim.Adam(model.parameters(), lr=learning_rate)
'''
BAD = GOOD.replace("    model = Network(", "    torch.manual_seed(0)\n    model = Network(")


class Command(NamedTuple):
    """A command of a console block with the output that the page shows."""

    text: str
    shown: str


def commands(block: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command = re.match(r"(?:.*\\\n)*.*", part)
        assert command
        yield Command(command[0], part[command.end() + 1 :])


def shows(shown: str, output: str) -> bool:
    """Whether the output holds the shown lines, one after another."""
    pattern = ""
    for line in shown.rstrip("\n").splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n"
    return re.search(f"^{pattern}", f"{output}\n", re.MULTILINE) is not None


def test_shown_output_is_compared_line_by_line() -> None:
    output = "one\n  t001 rmse 2.5  *\nthree\nfour\n"
    assert shows("one\n…\nfour", output)
    assert shows("  t001 rmse …\nthree", output)
    assert not shows("one\nthree", output)
    assert not shows("rmse 2.5  *", output)


def wall() -> str:
    """A wall for the code of the scripted model that needs no image; skips where there is none."""
    for name in ("landlock", "bubblewrap"):
        try:
            choose_sandbox(name, trusted=False)
        except SandboxError:
            continue
        return name
    pytest.skip("neither landlock nor bubblewrap works here")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_tutorial_runs(blocks, run_python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "tutorial"}
    around = wall()
    environment = os.environ | {
        "NO_COLOR": "1",
        "COLUMNS": "120",
        **{f"CODEGEN_HPO_{command}_SANDBOX": around for command in WALLED},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    with ScriptedServer([replies.code(BAD), replies.code(GOOD), *[drawing_brain(GOOD)] * 20]) as server:
        for block in blocks(PAGE, "console", "python"):
            if block.language == "python":
                run_python(PAGE, block, names)
                continue
            for command in commands(block.text):
                if command.text.startswith("export "):
                    name, _, value = command.text.removeprefix("export ").partition("=")
                    environment[name] = value.replace(ADDRESS, server.base_url)
                    continue
                done = subprocess.run(
                    ["bash", "-c", command.text],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                told = f"line {block.line}: $ {command.text}\n{done.stdout}"
                assert done.returncode == 0, f"exit {done.returncode}, {told}"
                assert shows(command.shown, done.stdout), told
        assert server.requests
