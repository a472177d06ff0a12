"""Arms run in other processes: most of these are a stand-in for an interpreter that has the peers."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bench.peers.arms import probe
from codegen_hpo.bench.peers.run import Conditions, run_peers
from codegen_hpo.bench.peers.table import PeerTable, prepare
from codegen_hpo.errors import ConfigError

STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path
job = json.loads(Path(sys.argv[-1]).read_text())
assert not any("label" in name for name in os.listdir(job["folder"]))
rows = len(Path(job["test"]).read_text().splitlines()) - 1
if {breaks}:
    sys.exit("ValueError: it broke")
lines = ["0,1,2", *["0.2,0.3,0.5"] * rows]
Path(job["folder"], "predictions.csv").write_text("\\n".join(lines))
Path(job["folder"], "done.json").write_text(json.dumps({{"versions": {{"it": "1"}}, "note": "a word"}}))
"""


@pytest.fixture
def table(tmp_path: Path) -> PeerTable:
    """Classes that a date and a text tell."""
    generator = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=200).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"day": days, "sort": generator.choice(["a", "b", "c"], 200)})
    frame["x"] = generator.normal(size=200)
    frame["class"] = np.where(frame["sort"] == "a", "red", np.where(frame["x"] > 0, "green", "blue"))
    frame.to_csv(tmp_path / "colours.csv", index=False)
    return prepare(tmp_path / "colours.csv", tmp_path / "out", target="class")


def stand_in(folder: Path, *, breaks: bool = False) -> str:
    """An interpreter that predicts the same for every row."""
    path = folder / f"python-{breaks}"
    path.write_text(STAND_IN.format(python=sys.executable, breaks=breaks))
    path.chmod(0o700)
    return str(path)


def conditions(python: str, **versions: str) -> Conditions:
    return Conditions(threads=1, peer_python=python, versions=versions)


def test_predictions_are_scored_here_and_no_arm_runs_twice(table: PeerTable, tmp_path: Path) -> None:
    out, working, broken = tmp_path / "out", stand_in(tmp_path), stand_in(tmp_path, breaks=True)

    first = list(run_peers([table], ["flaml"], [5.0], out, conditions(working, flaml="1")))
    again = list(run_peers([table], ["flaml"], [5.0], out, conditions(broken, flaml="1")))

    shares = np.array([0.2, 0.3, 0.5])
    assert first[0].score == pytest.approx(float(-np.log(shares[table.test_labels()]).mean()))
    assert (first[0].status, first[0].note, first[0].versions) == ("ok", "a word", {"it": "1"})
    assert again == first


def test_an_arm_whose_package_is_missing_is_tried_again_once_it_is_there(
    table: PeerTable, tmp_path: Path
) -> None:
    out, python = tmp_path / "out", stand_in(tmp_path)

    absent = list(run_peers([table], ["flaml"], [5.0], out, conditions(python)))
    present = list(run_peers([table], ["flaml"], [5.0], out, conditions(python, flaml="1")))

    assert (absent[0].status, absent[0].error) == ("not installed", "no flaml")
    assert present[0].status == "ok"


def test_an_arm_that_breaks_says_why(table: PeerTable, tmp_path: Path) -> None:
    python = stand_in(tmp_path, breaks=True)
    (cell,) = run_peers([table], ["flaml"], [5.0], tmp_path / "out", conditions(python, flaml="1"))
    assert (cell.status, cell.error, cell.score) == ("failed", "ValueError: it broke", None)


def test_an_arm_that_there_is_not_is_refused(table: PeerTable, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no arm 'xgboost'"):
        list(run_peers([table], ["xgboost"], [5.0], tmp_path / "out", conditions(sys.executable)))


def test_what_is_no_interpreter_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot tell"):
        probe(str(tmp_path / "python"))


@pytest.mark.slow
def test_boosting_learns_from_dates_and_texts_in_an_interpreter_without_this_project(
    table: PeerTable, tmp_path: Path
) -> None:
    versions = probe(sys.executable)
    there = conditions(sys.executable, **versions)
    cells = list(run_peers([table], ["sklearn", "sklearn-tpe"], [3.0], tmp_path / "out", there))
    assert [cell.status for cell in cells] == ["ok", "ok"], cells
    assert all(cell.score is not None and cell.score < 0.5 for cell in cells)  # the shares alone: about 1.1


@pytest.mark.slow
def test_our_own_arm_predicts_every_class_without_the_test_labels(table: PeerTable, tmp_path: Path) -> None:
    there = conditions(sys.executable)
    (cell,) = run_peers([table], ["codegen-hpo"], [30.0], tmp_path / "out", there)
    assert cell.status == "ok", cell.error
    assert cell.score is not None
    assert cell.score < 1.0
    kept = json.loads((tmp_path / "out" / cell.path).read_text())
    assert "trials" in kept["note"]
