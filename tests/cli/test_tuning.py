"""The options that several commands read alike."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from codegen_hpo.cli.main import cli
from codegen_hpo.cli.tuning import most_trials
from codegen_hpo.run import Run


@pytest.mark.parametrize(
    ("trials", "seconds", "by_model", "expected"),
    [
        (None, None, False, 20),
        (None, None, True, 20),
        (None, 60.0, False, None),
        (None, 60.0, True, 20),
        (7, 60.0, False, 7),
        (7, 60.0, True, 7),
    ],
)
def test_time_alone_limits_trials_that_cost_nothing_else(
    trials: int | None, seconds: float | None, by_model: bool, expected: int | None
) -> None:
    assert most_trials({"trials": trials, "seconds": seconds}, 20, by_model=by_model) == expected


@pytest.mark.parametrize(("time", "expected"), [(("--time", "1h"), None), ((), 30)])
def test_a_search_records_what_limits_it(time: tuple[str, ...], expected: int | None, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text('[x]\noptions = ["p", "q"]\n')
    runs = str(tmp_path / "runs")
    command = ["tune", str(tmp_path / "space.toml"), "--command", "sh -c 'echo 1'", "--tuner", "random"]
    assert CliRunner().invoke(cli, [*command, "--patience", "1", "--runs", runs, *time]).exit_code == 0
    (path,) = Path(runs).iterdir()
    assert Run.open(path).history.settings["budget"]["trials"] == expected
