from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bench.peers.table import TARGET, prepare
from codegen_hpo.errors import ConfigError, DataError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Fifty rows, two of them without a target."""
    path = tmp_path / "ships.csv"
    frame = pd.DataFrame({"age": range(50), "name": [f"n{i:03d}" for i in range(50)]})
    frame["sunk"] = ["no", "yes"] * 25
    frame.loc[[3, 4], "sunk"] = None
    frame.to_csv(path, index=False)
    return path


def test_the_rows_are_cut_by_the_seed_and_no_test_label_is_in_the_files(file: Path, tmp_path: Path) -> None:
    table = prepare(file, tmp_path / "out", target="sunk")

    drawn = np.random.RandomState(20240).permutation(50)[:10]
    expected = [age for age in range(50) if age in drawn and age not in (3, 4)]
    test = pd.read_csv(table.folder / "test.csv")
    train = pd.read_csv(table.folder / "train.csv")
    assert test["age"].tolist() == expected
    assert sorted([*test["age"], *train["age"]]) == [age for age in range(50) if age not in (3, 4)]
    assert TARGET not in test
    assert "sunk" not in test
    assert table.test_labels().tolist() == [age % 2 for age in expected]
    assert set(train[TARGET]) == {0, 1}
    assert (table.facts.kind, table.facts.metric, table.facts.classes) == ("binary", "roc_auc", 2)


def test_a_file_of_row_numbers_cuts_the_rows(file: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("7\n9\n3\n")
    table = prepare(file, tmp_path / "out", target="sunk", test_rows=tmp_path / "rows.txt")
    assert pd.read_csv(table.folder / "test.csv")["age"].tolist() == [7, 9]


@pytest.mark.parametrize("text", ["50", "-1", "one", ""])
def test_row_numbers_that_do_not_fit_are_refused(file: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "rows.txt").write_text(text)
    with pytest.raises(ConfigError, match=r"rows\.txt"):
        prepare(file, tmp_path / "out", target="sunk", test_rows=tmp_path / "rows.txt")


def test_a_table_is_prepared_once_and_another_of_its_name_is_refused(file: Path, tmp_path: Path) -> None:
    first = prepare(file, tmp_path / "out", target="sunk")
    assert prepare(file, tmp_path / "out", target="sunk") == first
    with pytest.raises(ConfigError, match="another table ships"):
        prepare(file, tmp_path / "out", target="sunk", seed=1)


def test_what_is_predicted_must_be_said_of_an_unknown_table(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="what is to be predicted"):
        prepare(file, tmp_path / "out")
    with pytest.raises(DataError, match="no column 'sank'"):
        prepare(file, tmp_path / "out", target="sank")
    with pytest.raises(ConfigError, match="does not suit"):
        prepare(file, tmp_path / "out", target="sunk", metric="rmse")


def test_the_public_tables_are_known(tmp_path: Path) -> None:
    rows = "fare,total,tip,tolls,distance\n" + "".join(f"{i}.5,{i},0,0,{i}\n" for i in range(30))
    (tmp_path / "taxis.csv").write_text(rows)
    table = prepare(tmp_path / "taxis.csv", tmp_path / "out")
    assert pd.read_csv(table.folder / "test.csv").columns.tolist() == ["distance"]
    assert table.facts.metric == "rmse"
