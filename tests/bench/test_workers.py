"""Trials a minute by number of workers: the page."""

from pathlib import Path

from click.testing import CliRunner

from codegen_hpo.bench.data_page import write_page
from codegen_hpo.bench.fit_overhead import Plan
from codegen_hpo.bench.workers import Pace, page, to_json
from codegen_hpo.cli.bench import command


def pace(way: str, workers: int, trials_s: float) -> Pace:
    return Pace(way=way, workers=workers, trials=12, trials_s=trials_s)


def test_the_page_shows_medians_and_ratios_to_the_fewest_workers_of_the_same_way(tmp_path: Path) -> None:
    paces = [pace("Ray", 1, 120.0), pace("Ray", 2, 60.0), pace("without Ray", 1, 90.0)]
    paces += [pace("Ray", 1, 60.0), pace("Ray", 2, 60.0), pace("Ray", 1, 240.0)]
    plan = Plan(data=str(tmp_path / "t.csv"), target="y", drop=(), trials=12, recipe="mlp", sandbox="none")
    data = to_json(plan, paces, {"cores": 2})
    told = page(data)
    _, kept = write_page(data, told, tmp_path / "workers.md")
    assert CliRunner().invoke(command, ["report", str(kept)]).output == told + "\n"
    assert "| 1, Ray | 6.0 | 6.0, 12.0, 3.0 | 1.00 |" in told
    assert "| 2, Ray | 12.0 | 12.0, 12.0 | 2.00 |" in told
    assert "| 1, without Ray | 8.0 | 8.0 | 1.00 |" in told
    assert "- cores: 2" in told
    assert str(tmp_path) not in told
