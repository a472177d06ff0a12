"""Bad tables, options and runs at the command line: a clear message, the right exit code, no traceback."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.cli import terminal
from codegen_hpo.cli.main import main
from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.run import Run
from codegen_hpo.task import Task

ROWS = 60


class Said(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `codegen-hpo` in this process; anything but a SystemExit is a failure of the test."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Said:
        terminal.console.cache_clear()  # it holds the streams of the call before
        monkeypatch.setattr(sys, "argv", ["codegen-hpo", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Said(int(ended.value.code or 0), told.out, told.err)

    return run


def _frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    x, z = generator.normal(size=(2, ROWS))
    shape = generator.choice(["a", "b", "c"], ROWS)
    return pd.DataFrame({"x": x, "z": z, "shape": shape, "y": 2 * x + z})


def _csv(frame: pd.DataFrame, **options: object) -> bytes:
    encoding = str(options.pop("encoding", "utf-8"))
    return str(frame.to_csv(index=False, **options)).encode(encoding)  # type: ignore[call-overload]


def _target(values: object) -> bytes:
    return _csv(_frame().assign(y=values))


def _with(value: object, at: int = 3) -> list[object]:
    return [value if row == at else number for row, number in enumerate(_frame()["y"])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        (b"", "is empty"),
        (b"\n\n \n", "blank lines only"),
        (b"x,y\n", "no rows"),
        (b"y\n" + b"\n".join(b"%d" % row for row in range(50)), "no column is left"),
        (_csv(_frame().rename(columns={"y": "yy"})), "Did you mean 'yy'?"),
        (_target(3), "constant"),
        (_target(np.nan), "all 60 are missing"),
        (_target(_with(np.inf)), "infinite"),
        (_target(_with("oops")), "1 of its 60 values are none: 'oops'"),
        (_target(["c", *["a", "b"] * 29, "a"]), "one row only: 'c'"),
        (b"x,x,y\n" + b"1,2,3\n" * 30, "the same name: 'x'"),
        (b"x,z,y\n" + b"1,2,3\n" * 30 + b"1,2,3,4\n", "line 32"),
        (b"x,y\n" + b"".join(b"%d,2,%d\n" % (n, n) for n in range(30)), "more fields than the header"),
        (b"x,y\n" + b"1,2\n" * 30 + b'"open,4\n', "quotes are closed"),
        (_csv(_frame().head(10)), "too few"),
        (b"PAR1 is no parquet", "cannot be read as Parquet"),
        (b"\x1f\x8b\x08 cut", "cannot be unpacked"),
        (b"\x00\x01\x02" * 99, "binary file"),
        (b"PK\x03\x04" * 9, "zip or Excel"),
    ],
)
def test_a_table_that_cannot_be_used_is_told_why(
    content: bytes | None, said: str, command: Command, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    told = command("fit", "t.csv", "--target", "y", "--dry-run")
    assert (told.code, told.out) == (3, "")
    assert said in told.err


@pytest.mark.parametrize(
    ("encoding", "separator", "decimal"),
    [
        ("utf-16", ",", "."),
        ("utf-32", ",", "."),
        ("latin-1", ";", ","),
        ("cp1252", "\t", "."),
        ("utf-8", "|", "."),
    ],
)
def test_encodings_and_delimiters_are_found(
    encoding: str, separator: str, decimal: str, command: Command, tmp_path: Path
) -> None:
    frame = _frame().rename(columns={"x": "größe", "shape": "prénom"})
    (tmp_path / "t.csv").write_bytes(_csv(frame, sep=separator, decimal=decimal, encoding=encoding))
    told = command("fit", "t.csv", "--target", "y", "--dry-run")
    assert told.code == 0
    assert all(word in told.out for word in ("größe", "prénom", "regression"))
    assert ("not UTF-8" in told.out) == (not encoding.startswith("utf"))


HOSTILE = [
    "class",
    "lambda",
    'a "q" \'s',
    "{x} {% y %}",
    "new\nline",
    "[red]r[/x]",
    "[/x]",
    "\x1b[31mred",
    "😀",
    "",
]


def test_column_names_of_any_kind_are_shown_and_cannot_command_the_terminal(
    command: Command, tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({name: generator.normal(size=ROWS) for name in HOSTILE})
    frame["[/y]"] = frame["class"] + generator.normal(size=ROWS)
    (tmp_path / "t.csv").write_bytes(_csv(frame))
    told = command("fit", "t.csv", "--target", "[/y]", "--dry-run")
    assert told.code == 0
    assert "\x1b" not in told.out
    assert all(name in told.out for name in ("[red]r[/x]", "Unnamed: 9"))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--seed", "-1"], 2, "--seed"),
        (["--seed", "99999999999"], 2, "--seed"),
        (["--memory", "nan"], 2, "not a finite number"),
        (["--memory", "inf"], 2, "not a finite number"),
        (["--temperature", "nan"], 2, "not a finite number"),
        (["--time", "0"], 2, "90s"),
        (["--trials", "0"], 2, "--trials"),
        (["--task", "binary"], 3, "a binary task needs two"),
        (["--metric", "auc"], 3, "Choose one of rmse"),
        (["--drop", "shpe"], 3, "Did you mean 'shape'?"),
        (["--drop", "y"], 3, "is the target"),
        (["--time-column", "shape"], 3, "does not tell a time"),
        (["--test", "no.csv"], 3, "there is no file no.csv"),
        (["--test", "lacking.csv"], 3, "lacks 1 columns"),
        (["--runs", "t.csv", "--cookbook"], 3, "cannot create a run directory"),
    ],
)
def test_a_wrong_option_is_named(
    options: list[str], code: int, said: str, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_bytes(_csv(_frame()))
    (tmp_path / "lacking.csv").write_bytes(_csv(_frame().drop(columns="x")))
    told = command("fit", "t.csv", "--target", "y", *options)
    assert told.code == code
    assert said in told.err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one trial; copied, never changed."""
    runs = tmp_path_factory.mktemp("runs")
    task = Task.from_table(_frame(), "y")
    budget = Budget(trials=1, seconds=60)
    return fit(
        task,
        cookbook=True,
        budget=budget,
        candidates=1,
        folds=1,
        parallel=1,
        trial_s=2,
        runs=runs,
        environ={},
    ).path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            _csv(_frame().drop(columns=["x", "shape"])),
            "lacks 2 of 3 columns that the model uses: 'x', 'shape'",
        ),
        (_csv(_frame().head(0)), "no rows"),
        (None, "there is no file"),
    ],
)
def test_rows_that_cannot_be_predicted_are_told_why(
    content: bytes | None, said: str, command: Command, run: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "new.csv").write_bytes(content)
    told = command("predict", run, "new.csv")
    assert (told.code, told.out) == (3, "")
    assert said in told.err


DAMAGE = ["task.json", "encoding.json", "bundle/meta.json", "weights.safetensors", "model.py", "events.jsonl"]


@pytest.mark.parametrize("content", [None, b"\xff{", b"[]\n"], ids=["missing", "garbage", "wrong"])
@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_named_and_no_traceback(
    name: str, content: bytes | None, command: Command, run: Path, tmp_path: Path
) -> None:
    for path in [run / name] if (run / name).exists() else list(run.rglob(name)):
        path.unlink() if content is None else path.write_bytes(content)
    (tmp_path / "new.csv").write_bytes(_csv(_frame()))
    commands = [("show", run), ("show", run, "--code"), ("export", run, "-o", "out")]
    commands += [("runs", "--runs", tmp_path)]
    if content is None:
        commands += [("predict", run, "new.csv")]
    told = [command(*arguments) for arguments in commands]
    # 1: a log that was cut to nothing tells of no model
    assert {one.code for one in told} <= {0, 1, 3}
    if content is None:
        assert told[-1].code == 3


@pytest.mark.parametrize("to", ["t.csv/x", "/dev/null/x", "run"])
def test_an_export_that_cannot_be_written_says_where(
    to: str, command: Command, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("x")
    told = command("export", run, "-o", to)
    assert told.code == 3
    assert to in told.err


def test_a_run_opened_from_python_refuses_a_seed_below_zero() -> None:
    from codegen_hpo.errors import DataError

    with pytest.raises(DataError, match="the seed is -1"):
        Task.from_table(_frame(), "y", seed=-1)


@pytest.mark.slow
def test_a_prediction_of_no_rows_is_an_empty_table(run: Path) -> None:
    assert len(Run.open(run).predict(_frame().head(0))) == 0


def test_ctrl_c_in_a_run_ends_with_130_and_the_resume_command(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("codegen_hpo.engine.session.prepare", interrupt)
    (tmp_path / "t.csv").write_bytes(_csv(_frame()))
    told = command("fit", "t.csv", "--target", "y", "--cookbook", "--runs", "runs")
    assert told.code == 130
    assert "Go on with:  codegen-hpo resume runs/" in told.err
