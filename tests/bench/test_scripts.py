"""The benchmark of scripts, on a task whose script takes no time."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from codegen_hpo.bench.milestones import Repeat
from codegen_hpo.bench.milestones_page import milestone_tables
from codegen_hpo.bench.scripts import AS_SHIPPED, Conditions, read_scripts, run_scripts
from codegen_hpo.bench.scripts_page import read_script_results, scripts_page, write_scripts_page
from codegen_hpo.cli.bench import command
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.run import Run
from codegen_hpo.table import example_tasks
from codegen_hpo.table.example_tasks import ExampleTask
from codegen_hpo.testing import ScriptAgent, ScriptedServer

TASK = ExampleTask(
    name="parabola", about="", metric="height", config="config.json", result_file="found.json", needs=()
)
FILES = {
    "train.py": """
import json
config = json.load(open("config.json"))
x = config["x"]
if x > 0.9:
    raise SystemExit("too far")
json.dump({"height": 1 - (x - 0.3) ** 2}, open("found.json", "w"))
""",
    "config.json": '{"x": 0.5}',
    "space.toml": '[x]\ntype = "float"\nlow = 0.0\nhigh = 1.0\n',
    "task.md": "## Dataset\nNone.\n## Model\nA parabola.\n## Goal\nmaximise height\n",
}


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExampleTask:
    """The task, as if it shipped, in a working folder of its own."""
    folder = tmp_path / "datasets" / "tasks" / TASK.name
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(example_tasks, "resource", lambda name: tmp_path / name)
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return TASK


@pytest.mark.slow
def test_each_search_is_a_run_and_is_made_once(task: ExampleTask) -> None:
    folder = Path("bench")
    first, second = (
        list(run_scripts([task], ["random", "tpe"], folder, Conditions(trials=3), seeds=1, command=typed))
        for typed in ("first", "second")
    )

    assert first == second
    assert [(cell.tuner, cell.seed) for cell in first] == [(AS_SHIPPED, 0), ("random", 0), ("tpe", 0)]
    for cell, trials in zip(first, (1, 3, 3), strict=True):
        run = Run.open(folder / cell.path)
        assert len(run.history.trials) == trials
        assert len(run.folder.of_kind("settings")) == 1  # one session

    repeats = read_scripts(folder)
    assert {(r.tuner, len(r.scores)) for r in repeats.repeats} == {(AS_SHIPPED, 1), ("random", 3), ("tpe", 3)}
    (shipped,) = repeats.of("parabola", AS_SHIPPED)
    assert shipped.scores == (pytest.approx(1 - 0.2**2),)
    tpe: Repeat = repeats.of("parabola", "tpe")[0]
    assert tpe.best != {"x": 0.5}

    results = read_script_results(folder)
    assert results.commands == ("first", "second")
    page, data = write_scripts_page(results, folder / "scripts.md", plot=False)
    assert scripts_page(read_script_results(data)) == page.read_text("utf-8")
    assert json.loads(data.read_text())["suite"] == "scripts"
    printed = CliRunner().invoke(command, ["report", str(data)])
    assert printed.output.startswith("# Benchmark: scripts")


@pytest.mark.slow
def test_the_agents_are_one_of_the_arms_with_their_tokens_and_cost(task: ExampleTask) -> None:
    with ScriptedServer(ScriptAgent(budget=4, trajectories=False)) as server:
        endpoint = Endpoint(base_url=server.base_url, model="scripted")
        conditions = Conditions(trials=4, endpoint=endpoint, price=(1.0, 2.0))
        list(run_scripts([task], ["agenthpo"], Path("bench"), conditions, seeds=1))
    repeats = read_scripts(Path("bench"))
    (agents,) = repeats.of("parabola", "agenthpo (scripted)")

    assert agents.model == "scripted"
    assert len(agents.scores) == 4
    assert agents.fallbacks == 0
    assert agents.requests == len(server.requests) > 4 * 5  # the Executor's steps beside the proposals
    assert agents.cost_usd == pytest.approx((agents.prompt_tokens + 2 * agents.completion_tokens) / 1e6)
    assert "| parabola | agenthpo (scripted) |" in milestone_tables(repeats)
    assert "`scripted` is no language model" in scripts_page(read_script_results(Path("bench")))


def test_a_copy_that_was_changed_is_not_mixed_with_what_ships(task: ExampleTask) -> None:
    copy = Path("bench/tasks/parabola")
    copy.mkdir(parents=True)
    for name, text in FILES.items():
        (copy / name).write_text(text + "\n")

    with pytest.raises(ConfigError, match="is not the task parabola that ships"):
        next(run_scripts([task], ["random"], Path("bench"), Conditions(), seeds=1))


def test_a_missing_package_is_named_before_anything_runs(task: ExampleTask) -> None:
    needy = ExampleTask(name="parabola", about="", metric="height", needs=("no-such-package", "numpy"))

    with pytest.raises(ConfigError, match="need no-such-package, which is not installed"):
        next(run_scripts([needy], ["random"], Path("bench"), Conditions(), seeds=1))
    assert not Path("bench").exists()


def test_another_number_of_trials_is_another_benchmark(task: ExampleTask) -> None:
    Path("bench").mkdir()
    about = {"suite": "scripts", "facts": {"trials": 5, "seconds of a trial at most": 300.0}, "commands": []}
    Path("bench/benchmark.json").write_text(json.dumps(about))

    with pytest.raises(ConfigError, match="holds another benchmark"):
        next(run_scripts([task], ["random"], Path("bench"), Conditions(trials=10), seeds=1))


def test_a_folder_without_a_finished_search_has_no_page(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no finished search"):
        read_scripts(tmp_path)


def test_the_agents_need_a_model(task: ExampleTask) -> None:
    with pytest.raises(ConfigError, match="needs a language model"):
        next(run_scripts([task], ["agenthpo"], Path("bench"), Conditions(), seeds=1))


def test_without_a_model_the_agents_are_left_out_and_nothing_runs_for_no_tuner(
    task: ExampleTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example_tasks, "TASKS", (task,))
    options = ["--tuners", "agenthpo", "--price", "1,2", "--out", "bench"]
    printed = CliRunner().invoke(command, ["scripts", *options])

    assert "left out: agenthpo: it needs a language model" in printed.output
    assert isinstance(printed.exception, ConfigError)
    assert "no tuner takes part" in str(printed.exception)
    assert not Path("bench").exists()
