from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bench.tables import BUNDLED, FILES, MAX_ROWS, OPENML, Parts, read_parts
from codegen_hpo.errors import ConfigError


def rows(parts: Parts) -> list[int]:
    return [len(part.y) for part in parts[:3]]


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_table_is_split_with_all_classes_in_each_part(name: str) -> None:
    parts = read_parts(name, None)

    assert sum(rows(parts)) <= MAX_ROWS
    assert [set(part.y) for part in parts[:3]] == [set(parts.train.y)] * 3
    assert all(np.isfinite(part.x).all() for part in parts[:3])


def test_no_row_is_in_two_parts() -> None:
    parts = read_parts("digits", None)

    seen = [{row.tobytes() for row in part.x} for part in parts[:3]]

    assert not (seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2])


def test_the_scaling_is_that_of_the_training_rows_alone() -> None:
    parts = read_parts("wine", None)

    assert parts.train.x.mean(axis=0) == pytest.approx(0, abs=1e-9)
    assert parts.train.x.std(axis=0) == pytest.approx(1)
    assert abs(parts.validation.x.mean(axis=0)).max() > 1e-3
    assert abs(parts.test.x.mean(axis=0)).max() > 1e-3


def test_the_split_is_the_same_each_time() -> None:
    assert read_parts("iris", None).fingerprint == read_parts("iris", None).fingerprint
    assert read_parts("iris", None).fingerprint != read_parts("wine", None).fingerprint


@pytest.mark.parametrize("name", FILES)
def test_a_real_table_can_be_learnt_from_but_not_read_off(name: str, real_table) -> None:  # type: ignore[no-untyped-def]
    from sklearn.ensemble import RandomForestClassifier

    parts = read_parts(name, real_table(FILES[name].file).parent)
    forest = RandomForestClassifier(40, random_state=0).fit(*parts.train)
    most_common = max(np.bincount(parts.test.y)) / len(parts.test.y)

    assert rows(parts)[0] > 300
    assert most_common + 0.03 < forest.score(*parts.test) < 0.97


def test_rows_without_a_class_are_left_out_and_missing_numbers_are_filled(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    table = pd.DataFrame({"age": generator.normal(size=90), "sex": ["m"] * 30 + ["f"] * 60, "alive": "x"})
    table["survived"] = np.where(np.arange(90) % 3 == 0, None, np.arange(90) % 2)
    table.loc[:9, "age"] = np.nan
    table.to_csv(tmp_path / "titanic.csv", index=False)

    parts = read_parts("titanic", tmp_path)

    assert sum(rows(parts)) == 60
    assert all(np.isfinite(part.x).all() for part in parts[:3])
    assert parts.train.x.shape[1] == 3  # age and two sexes: the copy of the target is dropped


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"diamonds\.csv") as refused:
        read_parts("diamonds-cut", tmp_path)
    assert "--data" in refused.value.hint


def test_without_a_network_openml_is_said_to_be_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.error import URLError

    def unreachable(**_: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", unreachable)
    with pytest.raises(ConfigError, match=r"1464.*no route"):
        read_parts("blood-transfusion", None)


def test_openml_has_the_first_eight_tasks_of_hpobench() -> None:
    assert len(OPENML) == len(set(OPENML.values())) == 8
