"""What a fit takes beside its trainings: the page, and one real measurement."""

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from codegen_hpo.bench.data_page import write_page
from codegen_hpo.bench.fit_overhead import PHASES, Measured, Plan, measure, page, to_json
from codegen_hpo.cli.bench import command
from codegen_hpo.errors import ConfigError


def fit(workers: int, wall_s: float, training_s: float) -> Measured:
    return Measured(
        workers=workers,
        threads=2 // workers,
        sandbox="landlock",
        wall_s=wall_s,
        training_s=training_s,
        worker_s=training_s + 0.1,
        trials=(training_s / 2, training_s / 2),
        phases={name: wall_s / len(PHASES) for name, _ in PHASES},
    )


def plan(data: Path, **changes: object) -> Plan:
    given = {"target": "y", "drop": (), "trials": 2, "recipe": "mlp", "sandbox": "none"}
    return Plan(data=str(data), **(given | changes))  # type: ignore[arg-type]


def test_the_page_shows_medians_and_every_ratio(tmp_path: Path) -> None:
    fits = [fit(1, 12.0, 10.0), fit(2, 6.0, 10.0), fit(1, 11.0, 10.0), fit(2, 9.0, 10.0), fit(1, 30.0, 10.0)]
    data = to_json(plan(tmp_path / "table.csv"), fits, {"cores": 2})
    told = page(data)
    _, kept = write_page(data, told, tmp_path / "overhead.md")
    assert CliRunner().invoke(command, ["report", str(kept)]).output == told + "\n"
    assert "| 1 x 2 | 12.0 s | 10.0 s | 1.20 | 1.20, 1.10, 3.00 |" in told
    assert "| 2 x 1 | 7.5 s | 10.0 s | 0.75 | 0.60, 0.90 |" in told
    assert "| 1 | 2.00 s |" in told
    assert "- cores: 2" in told
    assert str(tmp_path) not in told


def test_a_recipe_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no 'forest'"):
        next(measure(plan(tmp_path / "t.csv", recipe="forest"), [1], repeats=1))


@pytest.mark.parametrize("workers", ["0", "two", ""])
def test_workers_are_numbers(workers: str) -> None:
    done = CliRunner().invoke(command, ["overhead", "--workers", workers])
    assert done.exit_code == 2
    assert "--workers" in done.output


def test_a_sandbox_that_is_none_is_a_usage_error() -> None:
    done = CliRunner().invoke(command, ["overhead", "--sandbox", "jail"])
    assert done.exit_code == 2
    assert "'jail' is not one of" in done.output


@pytest.mark.slow
def test_a_fit_is_measured_from_its_start_to_its_end(tmp_path: Path, small_table: pd.DataFrame) -> None:
    file = tmp_path / "table.csv"
    small_table.to_csv(file, index=False)
    more = ("--unsafe-no-sandbox", "--trial-time", "1s")
    (found,) = measure(plan(file, more=more), [2], repeats=1)
    assert (found.workers, found.sandbox, len(found.trials)) == (2, "none", 2)
    assert 0 < found.training_s < found.worker_s
    assert sum(found.phases.values()) == pytest.approx(found.wall_s)
    assert min(found.phases.values()) > 0
