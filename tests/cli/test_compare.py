"""`codegen-hpo compare` as it is typed."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from codegen_hpo.bench.comparison import Comparison, Result
from codegen_hpo.cli import terminal
from codegen_hpo.cli.compare import _conditions, command, print_comparison
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


def result(tuner: str, seed: int, validation: float | None, **facts: int) -> Result:
    return Result(
        tuner=tuner,
        seed=seed,
        run=f"{tuner}/{seed}",
        validation=validation,
        test=None,
        trials=4,
        failed=1,
        seconds=1.5,
        tokens=0,
        **facts,
    )


def printed_of(results: list[Result], capsys: pytest.CaptureFixture[str]) -> str:
    terminal.console.cache_clear()  # it holds the stdout of an earlier test
    seeds = 1 + max(result.seed for result in results)
    print_comparison(
        Comparison(
            folder=Path("x"), metric=METRICS["rmse"], seeds=seeds, results=tuple(results), left_out=("llm",)
        )
    )
    return " ".join(capsys.readouterr().out.split())


def test_the_table_says_how_many_seeds_and_what_was_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {"random": 0.5, "tpe": 0.25}
    printed = printed_of([result(t, s, scores[t] + s) for t in scores for s in range(3)], capsys)
    assert "rmse, lower is better; 3 seeds a tuner" in printed
    assert "tpe 1.25 [0.25, 2.25] – 1.00 0.25 3 of 12 1.5 0" in printed
    assert "With 3 pairs it cannot be below 0.25" in printed
    assert "Left out, for no model is configured: llm." in printed
    assert "of the model" not in printed


def test_the_table_says_how_many_seeds_gave_a_model_and_how_many_pairs_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = [result("random", seed, 3.0 + seed) for seed in range(5)]
    results += [result("tpe", seed, 1.0 if seed == 4 else None) for seed in range(5)]
    results += [result("gp", seed, 3.0 + seed if seed else 1.0) for seed in range(5)]
    printed = printed_of(results, capsys)
    assert "tpe 1 [1, 1] (1 of 5 seeds) –" in printed
    assert "1 (1 pair)" in printed
    assert "With 5 pairs it cannot be below 0.062." in printed


def test_the_table_counts_the_turns_of_the_model_that_another_tuner_took(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = printed_of(
        [result("llm+tpe", seed, 1.0, model_turns=3, fallbacks=2) for seed in (0, 1)], capsys
    )
    assert "1.5 0 4 of 6" in printed
    assert "fallbacks: turns of the model" in printed
    assert "p: " not in printed


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


def test_a_comparison_may_be_one_on_a_sample(data: Path) -> None:
    _, output, _ = compare(data, "--rows", "50", "--tuners", "magic")
    assert "sample of 50 of 200 rows" in output


def test_all_runs_have_one_trial_at_a_time_on_every_machine(data: Path) -> None:
    """What a tuner proposes depends on how many run at once."""
    given = command.make_context("compare", [str(data), "--target", "y"]).params
    assert _conditions(given, ["random"]).parallel == 1


def test_a_missing_file_of_source_is_an_error_that_names_it(data: Path) -> None:
    _, _, error = compare(data, "--source", "nowhere.py")
    assert isinstance(error, ConfigError)
    assert "nowhere.py" in str(error)
