"""`codegen-hpo compare` as it is typed."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from codegen_hpo.bench.comparison import Comparison, Result
from codegen_hpo.cli.compare import print_comparison
from codegen_hpo.cli.main import cli
from codegen_hpo.errors import ConfigError
from codegen_hpo.task import METRICS


@pytest.fixture
def data(small_table: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "shapes.csv"
    small_table.to_csv(path, index=False)
    return path


def compare(data: Path, *options: str) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(cli, ["compare", str(data), "--target", "y", *options], standalone_mode=False)
    return result.exit_code, result.output, result.exception


def test_the_table_says_how_many_seeds_and_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    results = [
        Result(
            tuner=tuner,
            seed=seed,
            run=f"{tuner}/{seed}",
            validation=score + seed,
            test=None,
            trials=4,
            failed=1,
            seconds=1.5,
            tokens=0,
        )
        for tuner, score in (("random", 0.5), ("tpe", 0.25))
        for seed in range(3)
    ]
    print_comparison(
        Comparison(
            folder=Path("x"), metric=METRICS["rmse"], seeds=3, results=tuple(results), left_out=("llm",)
        )
    )
    printed = " ".join(capsys.readouterr().out.split())
    assert "rmse, lower is better; 3 seeds a tuner" in printed
    assert "tpe 1.25 [0.25, 2.25] – 1.00 0.25 3 of 12 1.5 0" in printed
    assert "with 3 pairs it cannot be below 0.25" in printed
    assert "Left out, for no model is configured: llm." in printed


@pytest.mark.slow  # trains for real
def test_a_comparison_is_made_and_read_again(data: Path) -> None:
    out = str(data.parent / "out")
    options = ["--tuners", "random,llm", "--seeds", "1", "--trials", "1", "--trial-time", "1s", "--out", out]
    code, output, _ = compare(data, *options)
    assert code == 0, output
    assert "1 seed a tuner" in output
    code, output, _ = compare(data, *options, "--json", "--quiet")
    told = json.loads(output)
    assert told["rows"][0]["tuner"] == "random"
    assert told["left_out"] == ["llm"]
    assert (Path(out) / told["results"][0]["run"] / "events.jsonl").is_file()


def test_an_unknown_tuner_is_named_with_those_that_there_are(data: Path) -> None:
    _, _, error = compare(data, "--tuners", "tpe,magic")
    assert isinstance(error, ConfigError)
    assert "'magic'" in str(error)
    assert "tpe" in error.hint


def test_a_missing_file_of_source_is_an_error_that_names_it(data: Path) -> None:
    _, _, error = compare(data, "--source", "nowhere.py")
    assert isinstance(error, ConfigError)
    assert "nowhere.py" in str(error)
