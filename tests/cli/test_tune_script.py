"""`tune-script` on the command line: with agents through a real client, and without."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptAgent, ScriptedServer, replies
from codegen_hpo.testing.replies import Scripted

Cli = Callable[..., tuple[int, str, str]]

CONFIG = '{"lr": 0.1, "act": "p", "epochs": 3}'
ABOUT = "# Ours\n## Dataset\n90 rows\n## Model\na line\n## Goal\nmaximise acc\n"
SPACE = '[lr]\ntype = "float"\nlow = 0.001\nhigh = 1\nlog = true\n[act]\noptions = ["p", "q"]\n'
SCRIPT = """
import json
given = json.load(open("config.json"))
with open("metrics.jsonl", "w") as file:
    for epoch in range(1, given["epochs"] + 1):
        acc = (1 - abs(given["lr"] - 0.3)) * epoch / given["epochs"] - 0.1 * (given["act"] == "q")
        print(json.dumps({"epoch": epoch, "acc": acc, "loss": 1 - acc}), file=file)
print("done")
"""
TUNE = (
    *("tune-script", f"{sys.executable} -S train.py", "--config", "config.json"),
    *("--about", "task.md", "--result-file", "metrics.jsonl"),
)


@pytest.fixture
def cli(program: Cli, tmp_path: Path) -> Cli:
    """The program, in the folder of a script."""
    for name, content in {
        "config.json": CONFIG,
        "task.md": ABOUT,
        "space.toml": SPACE,
        "train.py": SCRIPT,
    }.items():
        (tmp_path / name).write_text(content)
    return program


def test_agents_tune_a_script_and_tell_why(cli: Cli, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with ScriptedServer(ScriptAgent(budget=4)) as server:
        code, out, err = cli(
            *TUNE, "--space", "space.toml", "--trials", "4", "--base-url", server.base_url, "--model", "m"
        )
    assert code == 0, err
    assert "t001 default acc 0.8" in err
    assert "t004 llm" in err
    run = Run.open(next((tmp_path / "runs").iterdir()))
    trials = run.history.trials
    assert [trial.call.proposed_by for trial in trials] == ["default", "llm", "llm", "llm"]
    assert all(set(trial.call.reasons) == {"lr", "act"} for trial in trials[1:])
    assert all("acc came to" in trial.analysis for trial in trials)
    assert {series.name for series in trials[0].outcome.trajectory} == {"acc", "loss"}
    log = (run.path / "experiments.md").read_text()
    assert f"{run.path.name}/experiments.md" in out
    assert trials[2].call.reasons["lr"] in log
    assert "Repeat the best with other seeds" in log
    assert "not in the log" not in log.split("## The task")[1]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_without_a_model_a_classical_tuner_needs_a_goal_and_a_space(cli: Cli, tmp_path: Path) -> None:
    code, out, err = cli(
        *TUNE[:4],
        "--result-file",
        "metrics.jsonl",
        "--goal",
        "max acc",
        "--space",
        "space.toml",
        "--trials",
        "3",
    )
    assert code == 0, err
    assert "no model: the script is tuned with tpe" in err
    assert "Best: t00" in out
    (run,) = (tmp_path / "runs").iterdir()
    assert "chosen by tpe" in (run / "experiments.md").read_text()
    code, _, err = cli(*TUNE)
    assert code == 3
    assert "no space to search" in err


def test_what_a_description_lacks_is_named_before_anything_is_spent(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text("## Dataset\n90 rows\n")
    with ScriptedServer(ScriptAgent()) as server:
        code, _, err = cli(*TUNE, "--base-url", server.base_url, "--model", "m")
        assert server.requests == []
    assert code == 3
    assert "lacks: model and goal" in err
    assert not (tmp_path / "runs").exists()


def test_a_space_that_the_model_proposes_is_shown_and_held_to(cli: Cli, tmp_path: Path) -> None:
    agent = ScriptAgent(budget=2)

    def brain(request: Mapping[str, Any]) -> Scripted:
        if request["tools"][0]["function"]["name"] != "propose_space":
            return agent(request)
        shape = {"options": [], "description": "Step size.", "log": True}
        wanted = {"name": "lr", "kind": "float", "low": 0.01, "high": 1.0, **shape}
        return replies.call({"hyperparameters": [wanted]}, name="propose_space")

    with ScriptedServer(brain) as server:
        endpoint = ("--base-url", server.base_url, "--model", "m")
        code, _, err = cli(*TUNE, *endpoint, "--trials", "2")
        assert code == 0, err
        assert "lr: 0.01 to 1, log scale, now 0.1   Step size." in err
        code, out, err = cli("resume", "latest", "--trust-command", "--trials", "2", "--json")
    assert code == 0, err
    assert json.loads(out)["trials"] == 2
    run = Run.open(next((tmp_path / "runs").iterdir()))
    assert run.aim
    assert run.aim.space_by == "llm:m"
    assert [sorted(trial.call.arguments) for trial in run.history.trials] == [["lr"], ["lr"]]


def test_a_resumed_run_goes_on_and_asks_nothing_twice(cli: Cli, tmp_path: Path) -> None:
    with ScriptedServer(ScriptAgent()) as server:
        endpoint = ("--base-url", server.base_url, "--model", "m")
        assert cli(*TUNE, "--space", "space.toml", "--trials", "2", *endpoint)[0] == 0
        asked = len(server.requests)
        code, _, err = cli("resume", "latest", "--trials", "2")
        assert code == 3
        assert "--trust-command" in err
        assert cli("resume", "latest", "--trust-command", "--trials", "2")[0] == 0
        assert len(server.requests) == asked
        assert cli("resume", "latest", "--trust-command", "--trials", "3")[0] == 0
        # a proposal, what an experiment takes, and another last word
        assert len(server.requests) == asked + 7


def test_repeats_are_held_against_random_search_and_go_on_where_they_were(cli: Cli, tmp_path: Path) -> None:
    with ScriptedServer(ScriptAgent()) as server:
        given = ("--space", "space.toml", "--trials", "3", "--repeats", "2", "--price", "1,2")
        endpoint = ("--base-url", server.base_url, "--model", "m")
        code, out, err = cli(*TUNE, *given, *endpoint, "--out", "repeats")
        assert code == 0, err
        asked = len(server.requests)
        assert asked > 0
        assert cli(*TUNE, *given, *endpoint, "--out", "repeats")[0] == 0
        assert len(server.requests) == asked
    held = json.loads((tmp_path / "repeats/milestones.json").read_text())
    assert [(row["tuner"], row["seed"]) for row in held["repeats"]] == [
        *[("agenthpo", 0), ("agenthpo", 1), ("random", 0), ("random", 1)]
    ]
    assert all(row["requests"] == 0 for row in held["repeats"] if row["tuner"] == "random")
    assert "Ahead of `random`" in out
    assert (tmp_path / "repeats/milestones.png").stat().st_size > 1000
    assert "milestones.png" in (tmp_path / "repeats/milestones.md").read_text()
