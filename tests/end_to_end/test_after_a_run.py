"""What can be done with a finished run: repeat, predict, export, move and show it."""

import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from codegen_hpo.cli.main import cli as commands
from codegen_hpo.engine.outputs import Predictions
from codegen_hpo.run import Run
from codegen_hpo.scoring.ensemble import average
from codegen_hpo.scoring.holdout import HeldOut
from codegen_hpo.scoring.metrics import score
from codegen_hpo.task import METRICS

pytestmark = pytest.mark.slow

KINDS = {"regression": "price", "binary": "kept", "multiclass": "grade"}

# no .pth file is read, so that an editable install is not there; an ordinary one is refused
CLEAN = """
import runpy, sys
class Refusal:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] == "codegen_hpo":
            raise ImportError(f"{name} must not be needed")
sys.meta_path.insert(0, Refusal())
sys.path += sys.argv.pop(1).split(":")
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
ours = {"codegen_hpo", "sklearn", "safetensors", "optuna", "docker", "openai", "pydantic"} & set(sys.modules)
assert not ours, ours
"""


def mixed_rows() -> pd.DataFrame:
    """200 rows of every kind of column, each with missing cells, and a target of each kind."""
    generator = np.random.default_rng(5)
    rows = 200
    size, weight = generator.normal(size=(2, rows)).round(4)
    colour = generator.choice(["red", "green", "blue"], rows)
    made = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(0, 700, rows), unit="D")
    words = generator.choice(["light oak", "dark oak", "bright steel", "old brass", "dull steel"], (rows, 3))
    value = size + 0.5 * weight + (colour == "red") + generator.normal(scale=0.5, size=rows)
    frame = pd.DataFrame(
        {
            "size": size,
            "weight, kg": weight,
            "colour": colour,
            "made": made.strftime("%Y-%m-%d"),
            "signed": generator.random(rows) < 0.5,
            "code": [f"{number:03d}" for number in generator.integers(0, 12, rows)],
            "remark": [f"{' and '.join(row)} no {number}" for number, row in enumerate(words)],
        }
    ).astype(object)
    for name in frame:
        frame.loc[generator.random(rows) < 0.05, name] = None
    frame["price"] = np.exp(value / 3).round(5)
    frame["kept"] = value > 0.3
    frame["grade"] = np.digitize(value, [-0.3, 0.8]) + 1
    return frame


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("after")


@pytest.fixture(scope="module")
def run_of(home: Path) -> Callable[[str], Run]:
    """The run of a kind of task, made when it is first asked for."""
    runs: dict[str, Run] = {}

    def get(kind: str) -> Run:
        if kind not in runs:
            target, others = KINDS[kind], set(KINDS.values()) - {KINDS[kind]}
            mixed_rows().drop(columns=list(others)).to_csv(home / f"{kind}.csv", index=False)
            options = ("--cookbook", "--trials", 2, "--threads", 1, "--text", "remark", "--quiet")
            options += ("--folds", 1, "--parallel", 1)
            fit(home / f"{kind}.csv", "--target", target, "--task", kind, "--candidates", 1,
                "--runs", home / "runs" / kind, *options)  # fmt: skip
            runs[kind] = Run.open(next((home / "runs" / kind).iterdir()))
            assert len(runs[kind].history.trials) == 2
        return runs[kind]

    return get


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def run(run_of: Callable[[str], Run], kind: str) -> Run:
    return run_of(kind)


@pytest.fixture
def test_rows(run: Run, home: Path, kind: str) -> Path:
    """The run's own test rows as a file, cell by cell as they were written, without the target."""
    rows = HeldOut.load(run.path / "labels").test_rows
    table = pd.read_csv(home / f"{kind}.csv", dtype=str, keep_default_na=False)
    table.iloc[rows].drop(columns=KINDS[kind]).to_csv(home / f"{kind}-test.csv", index=False)
    return home / f"{kind}-test.csv"


def fit(*arguments: object) -> None:
    """A process of its own, with one thread: the threads of the boosting baseline wait by spinning."""
    command = [sys.executable, "-m", "codegen_hpo.cli", "fit", *map(str, arguments)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr


def call(*arguments: object, code: int = 0) -> Result:
    """A command in this process, which has the heavy imports already."""
    result = CliRunner().invoke(commands, list(map(str, arguments)))
    assert result.exit_code == code, (result.output, result.exception)
    return result


def called_json(*arguments: object, code: int = 0) -> dict[str, Any]:
    data = json.loads(call(*arguments, "--json", code=code).stdout)
    assert data["schema_version"] == 1
    return dict(data)


def recorded(run: Run) -> NDArray[np.float64]:
    """The predictions of the test rows from which the run's test score was made."""
    predictions, members = Predictions.of(run.folder, run.history.settings["folds"]), run.model()
    return average([predictions.test(trial) for trial, _ in members], [weight for _, weight in members])


def test_every_trial_runs_again_to_identical_numbers(run: Run) -> None:
    for trial in run.history.trials:
        result = call("rerun", run.path, trial.name)
        assert result.stdout.startswith(f"{trial.name}: identical; "), result.stdout


def test_a_changed_argument_and_seed_are_said_to_differ(run_of: Callable[[str], Run]) -> None:
    run = run_of("regression")
    result = called_json("rerun", run.path, "1", "--set", "learning_rate=0.003", "--seed", 5)
    told = {difference["what"]: difference for difference in result["differences"]}
    assert not result["identical"]
    assert {"arguments", "seed", "metric", "curve"} <= set(told)
    assert (told["seed"]["recorded"], told["seed"]["now"]) == (0, 5)
    assert told["arguments"]["now"]["learning_rate"] == 0.003
    assert not {"code", "data", "torch", "python", "codegen-hpo", "status"} & set(told)


def test_a_trial_that_differs_though_nothing_was_changed_is_exit_code_1(
    run_of: Callable[[str], Run], tmp_path: Path
) -> None:
    run = Run.open(Path(shutil.copytree(run_of("regression").path, tmp_path / "touched")))
    labels = np.load(run.path / "bundle" / "train_y.npy")
    np.save(run.path / "bundle" / "train_y.npy", labels[::-1])
    result = call("rerun", run.path, "t001", code=1)
    assert "t001: differs" in result.stdout
    assert "\n  data: " in result.stdout


def test_predict_gives_the_numbers_that_the_run_recorded(run: Run, kind: str, test_rows: Path) -> None:
    target, classes = KINDS[kind], run.task["classes"]
    more = () if kind == "regression" else ("--proba",)
    call("predict", run.path, test_rows, "-o", test_rows.with_suffix(".out"), *more)
    written = pd.read_csv(test_rows.with_suffix(".out"))
    assert list(written.columns) == (classes or [target])
    numbers = written.to_numpy() if classes else written[target].to_numpy()
    # the recorded ones come from batches of another size: float32 differs by its last digits
    assert np.allclose(numbers, recorded(run), rtol=1e-5, atol=1e-7)
    value = score(METRICS[run.task["metric"]], HeldOut.load(run.path / "labels").test_y, numbers)
    assert run.history.final is not None
    assert value == pytest.approx(run.history.final.test_score, rel=1e-5)


def test_predicted_classes_have_the_type_of_the_target(run_of: Callable[[str], Run], home: Path) -> None:
    for kind, type_ in (("binary", bool), ("multiclass", int)):
        run = run_of(kind)
        table = pd.read_csv(home / f"{kind}.csv").head(20)
        predicted = run.predict(table)[KINDS[kind]]
        assert {type(value) for value in predicted.tolist()} == {type_}
        assert predicted.dtype == table[KINDS[kind]].dtype
        assert (predicted == table[KINDS[kind]]).mean() > 0.5


def test_the_exported_folder_predicts_the_same_without_codegen_hpo(
    run: Run, kind: str, test_rows: Path, tmp_path: Path
) -> None:
    call("export", run.path, "-o", tmp_path / "model")
    packages = ":".join([*site.getsitepackages(), os.path.dirname(os.path.dirname(np.__file__))])

    script = tmp_path / "model" / "predict.py"

    def exported(*more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", CLEAN, packages, script, test_rows, *more],
            cwd=tmp_path,
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr
        return done.stdout

    labels = exported()
    assert labels == call("predict", run.path, test_rows).stdout or kind == "regression"
    told = exported("--proba") if kind != "regression" else labels
    (tmp_path / "told.csv").write_text(told, encoding="utf-8")
    numbers = pd.read_csv(tmp_path / "told.csv")
    assert list(numbers.columns) == (run.task["classes"] or [KINDS[kind]])
    assert np.allclose(numbers.to_numpy().squeeze(), recorded(run), rtol=1e-5, atol=1e-7)


def test_a_moved_run_still_predicts(run_of: Callable[[str], Run], tmp_path: Path) -> None:
    run = run_of("multiclass")
    table = run.path.parents[2] / "multiclass.csv"
    before = called_json("predict", run.path, table)
    shutil.copytree(run.path, tmp_path / "moved" / "elsewhere")
    run.path.rename(run.path.with_name("hidden"))
    try:
        after = called_json("predict", tmp_path / "moved" / "elsewhere", table)
    finally:
        run.path.with_name("hidden").rename(run.path)
    assert after == before
    assert set(after["predictions"]["grade"]) <= {1, 2, 3}


def test_what_is_shown_as_json_is_valid(run_of: Callable[[str], Run]) -> None:
    run = run_of("regression")
    shown = called_json("show", run.path, "--code", "--attempts", "--trials", "--prompt")
    (code,) = shown["code"]
    assert code["source"] == run.best.source
    compile(code["source"], "model.py", "exec")
    assert [t["number"] for t in shown["trials"]] == [1, 2]
    assert shown["trials"][0]["outcome"]["curve"]
    assert [a["findings"] for a in shown["attempts"]] == [[]]
    assert shown["exchanges"] == []
    assert shown["state"] == "done"
    narrowed = called_json("show", run.path, "c01", "--trials")
    assert {t["candidate"] for t in narrowed["trials"]} == {"c01"}
    listed = called_json("runs", "--runs", run.path.parent)
    assert [row["run"] for row in listed["runs"]] == [run.path.name]
    assert listed["runs"][0]["test"] == shown["final"]["test_score"]
    assert listed["unreadable"] == []


def test_what_is_shown_to_people_names_what_is_there(cli, run_of: Callable[[str], Run]) -> None:  # type: ignore[no-untyped-def]
    run = run_of("regression")
    shown = cli("show", run.path, "--attempts", "--trials", "--prompt").stdout
    assert "c01 attempt 1: passed every gate" in shown
    assert all(f"t00{number} c0" in shown for number in (1, 2))
    assert run.path.name in cli("runs", "--runs", run.path.parent).stdout
