"""Tables of rising length."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from codegen_hpo.bench.data_page import write_page
from codegen_hpo.bench.scale import PHASES, Scaled, page, slope, to_json
from codegen_hpo.bench.scale_table import TARGET, scale_rows, write_scale_table
from codegen_hpo.cli.main import cli
from codegen_hpo.table.read import read_table


def _fit(rows: int, seconds: float, suffix: str = "csv") -> Scaled:
    return Scaled(
        format=suffix,
        rows=rows,
        file_bytes=rows * 200,
        table_bytes=rows * 200,
        peak_bytes=rows * 400,
        peak_phase="read",
        seconds={name: seconds for name, _ in PHASES},
        cpu_s={name: seconds for name, _ in PHASES},
        baselines=[],
    )


def test_the_same_rows_are_written_in_both_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codegen_hpo.bench.scale_table.PIECE_ROWS", 300)
    frames = []
    for suffix in ("csv", "parquet"):
        write_scale_table(tmp_path / f"t.{suffix}", 700)
        frames.append(read_table(tmp_path / f"t.{suffix}").frame)
    texts, typed = frames
    assert texts.shape == typed.shape == (700, 20)
    assert texts["start"].tolist() == typed["start"].astype(str).tolist()
    pd.testing.assert_frame_equal(texts.drop(columns=["start", "end"]), typed.drop(columns=["start", "end"]))
    assert TARGET in typed
    assert not scale_rows(10, 0).equals(scale_rows(10, 1))


def test_the_slope_is_that_of_the_large_tables() -> None:
    fits = [_fit(10_000, 5.0), _fit(100_000, 1.0), _fit(1_000_000, 10.0), _fit(10_000_000, 100.0)]
    assert slope(fits) == pytest.approx(1.0)
    assert slope(fits[:2]) is None


def test_the_page_tells_every_fit(tmp_path: Path) -> None:
    fits = [_fit(rows, rows / 1e5, suffix) for suffix in ("csv", "parquet") for rows in (10**5, 10**6)]
    text = page(to_json(fits, {"cores": 2}))
    assert text.count("| 1,000,000 | csv |") == 2
    assert text.count("- 1,000,000 rows, csv") == 1
    assert "to the power of 1.00" in text
    assert "2.00" in text
    assert "- cores: 2" in text
    assert "![" not in text
    assert "\n\n![scale](scale.png)\n\n- cores" in page(to_json(fits, {"cores": 2}), tmp_path / "scale.png")


def test_a_page_is_made_again_from_its_file(tmp_path: Path) -> None:
    data = to_json([_fit(10**5, 1.0), _fit(10**6, 9.0)], {"cores": 2})
    page_file, kept = write_page(data, page(data, tmp_path / "scale.png"), tmp_path / "scale.md")
    again = tmp_path / "again" / "scale.md"
    done = CliRunner().invoke(cli, ["bench", "report", str(kept), "-o", str(again), "--plot"])
    assert done.exit_code == 0, done.output
    assert again.read_text() == page_file.read_text()
    assert again.with_suffix(".png").stat().st_size > 1_000


@pytest.mark.parametrize("options", [["--rows", "many"], ["--rows", "5"], ["--format", "xlsx"]])
def test_what_cannot_be_measured_is_a_usage_error(options: list[str]) -> None:
    assert CliRunner().invoke(cli, ["bench", "scale", *options]).exit_code == 2


@pytest.mark.slow
def test_a_fit_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = ["bench", "scale", "--rows", "2000", "--format", "csv", "--trial-time", "2s"]
    done = CliRunner().invoke(cli, [*command, "--json", str(tmp_path / "scale.json")])
    assert done.exit_code == 0, done.output
    fit = Scaled(**json.loads((tmp_path / "scale.json").read_text())["fits"][0])
    assert fit.rows == 2_000
    assert all(fit.seconds[name] >= 0 for name, _ in PHASES)
    assert fit.peak_bytes > fit.table_bytes
