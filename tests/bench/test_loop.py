"""The benchmark of the training loop: what it measures, and how it is told. No test looks at a time."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from codegen_hpo.bench.data_page import write_page
from codegen_hpo.bench.loop import page as loop_page
from codegen_hpo.bench.loop.arms import Work, arms
from codegen_hpo.bench.loop.measure import LoopResults, Measurement, Plan, measure_loops, read_loops
from codegen_hpo.cli.bench_loop import loop
from codegen_hpo.errors import ConfigError
from codegen_hpo.testing.bundles import write_sample_bundle

PLAN = Plan(batches=(64, 256), widths=(8,), repeats=3, threads=1, device="cpu")


def measured(arm: str, batch: int, *rates: float) -> list[Measurement]:
    return [
        Measurement(arm=arm, width=8, batch=batch, repeat=repeat, seconds=1000 / rate, rows=1000)
        for repeat, rate in enumerate(rates)
    ]


RESULTS = LoopResults(
    plan=PLAN,
    machine={"torch": "2"},
    measurements=(
        *measured("DataLoader", 64, 100, 50, 100),
        *measured("bare", 64, 200, 100, 200),
        *measured("ours", 64, 190, 100, 180),
        *measured("DataLoader", 256, 100, 100, 100),
    ),
)


def test_ratios_are_taken_within_a_repeat() -> None:
    assert RESULTS.rate("DataLoader", 8, 64) == pytest.approx(100)
    assert RESULTS.ratio("bare", "DataLoader", 8, 64) == pytest.approx(2.0)
    assert RESULTS.ratio("ours", "bare", 8, 64) == pytest.approx(0.95)
    assert RESULTS.ratio("ours", "bare", 8, 256) is None


def test_a_table_shows_the_ratios_and_what_is_not_installed() -> None:
    header, _, small, large = loop_page.table(RESULTS, 8).splitlines()
    assert header == "| batch | DataLoader, rows/s | bare | ours | skorch | Lightning | ours / bare |"
    assert small == "| 64 | 100 | 2.00 | 1.90 | not installed | not installed | 0.95 |"
    assert large.startswith("| 256 | 100 |")


def test_a_page_can_be_made_again_from_its_file(tmp_path: Path) -> None:
    page, data = write_page(RESULTS.to_json(), loop_page.page(RESULTS), tmp_path / "loop.md")
    assert read_loops(data) == RESULTS
    assert loop_page.table(RESULTS, 8) in page.read_text()
    assert str(tmp_path) not in data.read_text()


def test_every_loop_trains(tmp_path: Path) -> None:
    torch.set_num_threads(1)  # a process with more of them cannot be forked for a training, as other tests do
    bundle = write_sample_bundle(tmp_path / "bundle")
    x = torch.randn(400, 4)
    work = Work(x, x.sum(1), 64, 8, 2, torch.device("cpu"), bundle)
    assert all(arm(work) > 0 for _, arm in arms("cpu"))


@pytest.mark.slow
def test_the_loops_are_measured_in_a_process_of_their_own() -> None:
    heard: list[Measurement] = []
    plan = Plan(batches=(4096,), widths=(8,), repeats=2, threads=1, device="cpu", steps=20)
    results = measure_loops(plan, heard.append)
    assert list(results.measurements) == heard
    assert {m.repeat for m in heard} == {0, 1}
    assert {"DataLoader", "bare", "ours"} <= {m.arm for m in heard}
    assert json.loads(json.dumps(results.to_json()))["plan"]["steps"] == 20


def test_a_batch_that_is_no_number_is_told() -> None:
    result = CliRunner().invoke(loop, ["--batch", "many"])
    assert result.exit_code == 2
    assert "'many' is not a valid" in result.output


def test_a_device_that_is_not_there_is_told_before_anything_is_measured() -> None:
    if torch.cuda.device_count():
        pytest.skip("there is a CUDA device")
    plan = Plan(batches=(4096,), widths=(8,), repeats=1, threads=1, device="cuda", steps=20)
    with pytest.raises(ConfigError, match="no CUDA device"):
        measure_loops(plan, lambda measurement: None)
