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
    assert "no model is configured, so --space is needed" in err


def test_without_a_model_and_a_space_nothing_else_is_asked_for_first(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text("Nothing yet.")
    code, _, err = cli(*TUNE)
    assert code == 3
    assert "no model is configured, so --space is needed" in err
    assert "lacks" not in err


def test_at_a_terminal_a_goal_that_cannot_be_read_is_asked_for_again(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "task.md").write_text("Nothing yet.")
    answers = iter(["", " ", "make it good", "maximise the validation accuracy", "maximise acc"])
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt: next(answers))
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    code, out, err = cli(*TUNE, "--space", "space.toml", "--trials", "1")
    assert code == 0, err
    assert "Best: t001, acc 0.8" in out
    assert "'make it good' does not say what to do with which metric" in err
    assert "names its metric in several words" in err


def test_a_metric_of_several_words_can_be_answered_at_a_terminal(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "task.md").write_text("Nothing yet.")
    (tmp_path / "train.py").write_text("print('val acc: 0.5')")
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt: "maximise `val acc`")
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    code, out, err = cli(*TUNE[:6], "--space", "space.toml", "--trials", "1")
    assert code == 0, err
    assert "Best: t001, val acc 0.5" in out


def test_values_without_any_effect_are_told(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT.replace('given["lr"]', "0.1").replace('given["act"]', '"p"'))
    code, out, err = cli(*TUNE, "--space", "space.toml", "--trials", "3", "--tuner", "random")
    assert code == 0, err
    assert "Warning: all 3 trials with a value have exactly the same, 0.8," in out
    (run,) = (tmp_path / "runs").iterdir()
    assert "the values seem to have no effect" in (run / "experiments.md").read_text()


def test_a_key_without_a_models_name_is_no_trouble_where_no_model_is_asked(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.delenv("CODEGEN_HPO_MODEL", raising=False)
    given = (*TUNE, "--space", "space.toml", "--trials", "2")
    code, _, err = cli(*given, "--tuner", "random")
    assert code == 0, err
    code, _, err = cli(*given)
    assert code == 3
    assert "--tuner tpe with --space does without a model" in err
    assert "cookbook" not in err


def test_what_a_description_lacks_is_named_before_anything_is_spent(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "task.md").write_text("## Dataset\n90 rows\n")
    with ScriptedServer(ScriptAgent()) as server:
        code, _, err = cli(*TUNE, "--base-url", server.base_url, "--model", "m")
        assert server.requests == []
    assert code == 3
    assert "lacks: model and goal" in err
    assert not (tmp_path / "runs").exists()


def test_a_bare_number_of_the_output_is_not_taken_for_the_metric(cli: Cli, tmp_path: Path) -> None:
    given = (*TUNE[:6], "--space", "space.toml", "--tuner", "random", "--goal", "max acc", "--trials", "1")
    (tmp_path / "train.py").write_text("print('acc = 0.75')\nprint(1437)")
    code, out, err = cli(*given, "--json")
    assert code == 0, err
    assert json.loads(out)["best"]["value"] == 0.75
    (tmp_path / "train.py").write_text("print(1437)")
    code, _, err = cli(*given)
    assert code != 0
    assert "no line of its output is a JSON object with 'acc', or 'acc: NUMBER'" in err


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
        lines = [
            '["lr"]',
            'type = "float"',
            "low = 0.01",
            "high = 1.0",
            "log = true",
            'description = "Step size."',
        ]
        assert "\n".join([*lines, "default = 0.1"]) in err
        code, out, err = cli("resume", "latest", "--trust-command", "--trials", "2", "--json")
    assert code == 0, err
    assert json.loads(out)["trials"] == 2
    run = Run.open(next((tmp_path / "runs").iterdir()))
    assert run.aim
    assert run.aim.space_by == "llm:m"
    assert [sorted(trial.call.arguments) for trial in run.history.trials] == [["lr"], ["lr"]]


@pytest.mark.parametrize(
    ("command", "given"),
    [("--lr {lr}", ()), ("", ("--space", "lr.toml")), ("{arguments}", ("--space", "lr.toml"))],
)
def test_the_scripted_agents_tune_what_a_command_line_holds(
    cli: Cli, tmp_path: Path, command: str, given: tuple[str, ...]
) -> None:
    (tmp_path / "lr.toml").write_text(SPACE.partition("[act]")[0])
    (tmp_path / "train.py").write_text(
        "import json, os\nprint('acc:', json.load(open(os.environ['CODEGEN_HPO_ARGUMENTS']))['lr'])"
    )
    with ScriptedServer(ScriptAgent(budget=2, trajectories=False)) as server:
        words = f"{sys.executable} -S train.py {command}"
        endpoint = ("--base-url", server.base_url, "--model", "m")
        code, _, err = cli("tune-script", words, "--about", "task.md", *given, "--trials", "2", *endpoint)
    assert code == 0, err
    trials = Run.open(next((tmp_path / "runs").iterdir())).history.trials
    assert [trial.call.fallback for trial in trials] == ["", ""]
    assert all("acc came to" in trial.analysis for trial in trials)


@pytest.mark.parametrize(("option", "value"), [("--image", "mine"), ("--device", "cuda"), ("--memory", "4")])
def test_what_is_for_a_container_alone_is_refused_without_one(cli: Cli, option: str, value: str) -> None:
    code, _, err = cli(*TUNE, option, value)
    assert code == 2
    assert f"{option} is for --sandbox docker" in err


def test_an_unknown_tuner_is_told_all_that_there_are(cli: Cli) -> None:
    code, _, err = cli(*TUNE, "--tuner", "foo")
    assert code == 2
    assert "one of agenthpo, random, tpe" in " ".join(err.split())


@pytest.mark.slow
def test_a_run_without_a_space_says_what_it_is_and_begun_again_asks_anew(cli: Cli, tmp_path: Path) -> None:
    wanted = {"name": "lr", "kind": "float", "low": 0.01, "high": 1.0, "log": True, "options": []}
    good = [wanted | {"description": ""}]

    def answers(*proposals: list[Any]) -> list[Scripted]:
        return [replies.call({"hyperparameters": sent}, name="propose_space") for sent in proposals]

    given = (*TUNE, "--tuner", "random", "--trials", "1", "--model", "m")
    with ScriptedServer(answers(*[[]] * 12, good)) as server:
        endpoint = ("--base-url", server.base_url)
        code, _, err = cli(*given, *endpoint)
        assert code == 3
        assert "the model proposed no usable space" in err
        assert "go on with" not in err
        for command in (("show", "latest"), ("resume", "latest", "--trust-command")):
            code, out, err = cli(*command)
            assert (code, out) == (3, "")
            assert "ended before the model had proposed a space" in err
            assert "damaged" not in err
        code, out, err = cli("show", "latest", "--prompt")
        assert (code, out.count("call of propose_space")) == (0, 6)
        assert "failed" in cli("runs")[1]

        repeats = (*given, *endpoint, "--repeats", "1", "--out", "repeats")
        assert cli(*repeats)[0] == 3
        code, _, err = cli(*repeats)
        assert code == 0, err
    assert len(server.requests) == 13


def test_a_classical_search_over_a_proposed_space_goes_on_without_the_model(cli: Cli, tmp_path: Path) -> None:
    wanted = {"name": "lr", "kind": "float", "low": 0.01, "high": 1.0, "log": True, "options": []}
    proposal = replies.call({"hyperparameters": [wanted | {"description": ""}]}, name="propose_space")
    with ScriptedServer([proposal]) as server:
        endpoint = ("--base-url", server.base_url, "--model", "m")
        assert cli(*TUNE, "--tuner", "random", "--trials", "1", *endpoint)[0] == 0
    (events,) = tmp_path.glob("runs/*/events.jsonl")
    events.write_text(events.read_text().replace(server.base_url, "https://elsewhere.example/v1"))
    code, _, err = cli("resume", "latest", "--trust-command", "--trials", "2")
    assert code == 0, err
    assert "train.py" in cli("runs", "--json")[1]


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


@pytest.mark.slow
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
        *[("agenthpo", 0), ("random", 0), ("agenthpo", 1), ("random", 1), ("as it is", 0)]
    ]
    assert held["repeats"][-1]["scores"] == [pytest.approx(0.8)]
    assert "| as it is | 0.8 | 0.8 | 1 |" in out
    assert all(row["requests"] == 0 for row in held["repeats"] if row["tuner"] == "random")
    assert "Ahead of `random`" in out
    assert (tmp_path / "repeats/milestones.png").stat().st_size > 1000
    assert "milestones.png" in (tmp_path / "repeats/milestones.md").read_text()
    _, out, _ = cli("runs", "--runs", str(tmp_path), "--json")
    (first, *_) = listed = json.loads(out)["runs"]
    assert {row["run"] for row in listed} == {
        "repeats/as-it-is",
        *(f"repeats/{tuner}-seed{seed}" for tuner in ("agenthpo", "random") for seed in (0, 1)),
    }
    assert first["target"] == TUNE[1]
    assert cli("show", first["run"], "--runs", str(tmp_path))[0] == 0
    assert (tmp_path / "repeats/agenthpo-seed0").is_dir()


def test_repeats_of_another_task_are_not_shown_as_those_of_this_one(cli: Cli, tmp_path: Path) -> None:
    given = ("--space", "space.toml", "--tuner", "tpe", "--repeats", "1", "--out", "repeats")
    assert cli(*TUNE, *given, "--trials", "3")[0] == 0
    page = (tmp_path / "repeats/milestones.md").read_bytes()
    for other, said in (
        (("--goal", "minimise loss", "--trials", "3"), "another metric"),
        (("--pick", "best", "--trials", "3"), "another script"),
        (("--trials", "2"), "has 3 trials, more than the 2 asked for"),
    ):
        code, out, err = cli(*TUNE, *given, *other)
        assert (code, out) == (3, ""), other
        assert said in err
    assert (tmp_path / "repeats/milestones.md").read_bytes() == page
    (tmp_path / "repeats/tpe-seed0").rename(tmp_path / "repeats/llm-seed0")
    code, out, err = cli(*TUNE, *given, "--trials", "4", "--json")
    assert code == 0, err
    held = json.loads(out)
    assert [(row["tuner"], len(row["scores"])) for row in held["repeats"]] == [
        *[("tpe", 4), ("random", 4), ("as it is", 1)]
    ]
    assert held == json.loads((tmp_path / "repeats/milestones.json").read_text())


def test_repeats_in_the_scripts_folder_are_no_part_of_the_script(cli: Cli, tmp_path: Path) -> None:
    given = (
        "--space",
        "space.toml",
        "--tuner",
        "random",
        "--repeats",
        "2",
        "--trials",
        "1",
        "--out",
        "again",
    )
    for trials in ("1", "2"):
        assert cli(*TUNE, *given, "--trials", trials)[0] == 0
    trials = Run.open(tmp_path / "again/random-seed1").history.trials
    assert {trial.outcome.notes for trial in trials} == {()}
    assert len({trial.code_hash for trial in trials}) == 1


def test_a_run_goes_on_with_an_edited_script_only_if_that_is_said(cli: Cli, tmp_path: Path) -> None:
    assert cli(*TUNE, "--space", "space.toml", "--tuner", "random", "--trials", "1")[0] == 0
    (tmp_path / "train.py").write_text(SCRIPT + "# another")
    again = ("resume", "latest", "--trust-command", "--trials", "2")
    code, _, err = cli(*again)
    assert code == 3
    assert "train.py has changed" in err
    assert "--here" in err
    assert cli(*again, "--here")[0] == 0
    (run,) = (tmp_path / "runs").iterdir()
    log = (run / "experiments.md").read_text()
    assert "it changed before trial 2" in log
    assert "the script's folder is not as it was in the trial before: train.py has changed" in log


def test_a_base_outside_of_the_space_is_told_in_the_log(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(CONFIG.replace("0.1", "5.0"))
    code, _, err = cli(*TUNE, "--space", "space.toml", "--tuner", "random", "--trials", "1")
    assert code == 0
    (run,) = (tmp_path / "runs").iterdir()
    note = "lr is 5.0 now, which is not in the space: no trial is made with all values as they are"
    assert note in err
    assert f"- Note: {note}" in (run / "experiments.md").read_text()
    assert cli("resume", "latest", "--trust-command", "--trials", "2")[0] == 0
