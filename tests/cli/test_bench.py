import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codegen_hpo.cli.bench import command
from codegen_hpo.errors import ConfigError


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small benchmark, finished."""
    path = tmp_path_factory.mktemp("bench") / "toy"
    result = bench(
        "toy", "--tuners", "random,llm", "--seeds", "1", "--budget", "2", "--problems", "branin",
        "--jobs", "1", "--out", str(path),
    )  # fmt: skip
    assert "left out: llm: it needs a language model" in result.stderr
    assert "| branin-shifted |" in result.stdout
    assert "| ackley |" not in result.stdout
    return path


def test_a_finished_benchmark_prints_its_page_again(folder: Path) -> None:
    result = bench("report", str(folder))

    assert "## Evaluations: 2; seeds: 1 (0); problems: 2" in result.stdout


def test_a_page_is_written_with_its_json_and_made_again_from_it(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "toy.md"

    written = bench("report", str(folder), "-o", str(page)).stdout.split()
    again = bench("report", str(tmp_path / "toy.json"), "-o", str(tmp_path / "again" / "toy.md"))

    assert written == [str(page), str(tmp_path / "toy.json")]
    assert again.exit_code == 0
    assert (tmp_path / "again" / "toy.md").read_text() == page.read_text()


def test_a_file_that_is_no_benchmarks_is_not_called_a_damaged_run(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")

    with pytest.raises(ConfigError, match="holds no results of a benchmark"):
        bench("report", str(tmp_path / "other.json"))


@pytest.mark.parametrize("given", [["--search-time", "0"], ["--search-time", "soon"]])
def test_a_time_is_one_in_every_benchmark(given: list[str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")

    result = bench("ablation", str(tmp_path / "t.csv"), *given)

    assert result.exit_code == 2
    assert "is not a time above zero" in result.output


@pytest.mark.slow
def test_the_password_of_an_endpoint_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "http://someone:hunter2@localhost:1/v1"
    arguments = [
        "toy", "--tuners", "random", "--seeds", "1", "--budget", "1", "--problems", "branin", "--jobs", "1",
        "--base-url", address, "--model", "m", "--out", str(tmp_path),
    ]  # fmt: skip
    monkeypatch.setattr("sys.argv", ["codegen-hpo", "bench", *arguments])

    page = bench(*arguments).stdout

    assert "--base-url http://localhost:1/v1" in page
    assert not any("hunter2" in path.read_text() for path in tmp_path.rglob("*.json"))


def test_missing_matplotlib_is_told_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(ConfigError, match="matplotlib"):
        bench("toy", "--plot", "--out", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_benchmark_is_not_extended(folder: Path) -> None:
    with pytest.raises(ConfigError, match="another benchmark"):
        bench("sklearn", "--problems", "svm/iris", "--tuners", "random", "--jobs", "1", "--out", str(folder))


def test_a_problem_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'griewank'") as refused:
        bench("toy", "--problems", "griewank", "--out", str(tmp_path))
    assert "ackley" in refused.value.hint


def test_without_tables_the_command_says_that_there_are_only_the_bundled_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):  # an unknown tuner: it stops before anything is run
        bench("sklearn", "--tuners", "none", "--out", str(tmp_path))
    result = CliRunner().invoke(command, ["sklearn", "--tuners", "none", "--out", str(tmp_path)])
    assert "only the four tables that scikit-learn brings" in result.stderr
