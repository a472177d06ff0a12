"""What is written for a sandbox, and what is not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo import bundle as module
from codegen_hpo.bundle import (
    Bundle,
    array_pieces,
    picked_rows,
    read_codec,
    some_rows,
    write_bundle,
    write_features,
    write_rows,
)
from codegen_hpo.table.encoder import fit_encoding
from codegen_hpo.task import Task

ROWS = 300
FILES = {"meta.json", "quantiles.npy", "eval_num.npy", "eval_cat.npy"}
FILES |= {f"{part}_{array}.npy" for part in ("train", "inner") for array in ("num", "cat", "y")}


def _task(**options: object) -> Task:
    generator = np.random.default_rng(0)
    x = generator.normal(size=ROWS)
    frame = pd.DataFrame({"x": x, "k": generator.choice(["u", "v"], ROWS), "y": np.exp(x * 2)})
    return Task.from_table(frame, "y", **options)


def _write(task: Task, folder: Path, seed: int = 0) -> Bundle:
    return write_bundle(folder, task, fit_encoding(task.frame.iloc[task.split.fitted], task.profile), seed)


def test_the_folder_holds_what_the_format_says(tmp_path: Path) -> None:
    task = _task()
    _write(task, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == FILES
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert (meta["version"], meta["kind"], meta["n_outputs"]) == (1, "regression", 1)
    assert set(meta["target"]["transforms"]) == {"none", "log", "sqrt"}
    arrays = {name: np.load(tmp_path / name, mmap_mode="r") for name in FILES if name.endswith(".npy")}
    assert all(array.flags.c_contiguous for array in arrays.values())
    for part in ("train", "inner", "eval"):
        assert arrays[f"{part}_num.npy"].dtype == np.float32
        assert arrays[f"{part}_cat.npy"].dtype == np.int64
        assert arrays[f"{part}_num.npy"].shape[1] == meta["n_numeric"]
        assert arrays[f"{part}_cat.npy"].shape[1] == len(meta["cardinalities"])
    assert arrays["train_y.npy"].dtype == np.float64
    assert arrays["quantiles.npy"].shape == (meta["n_numeric"], 65)
    assert (np.diff(arrays["quantiles.npy"], axis=1) >= 0).all()


def test_no_held_out_label_is_in_the_folder(tmp_path: Path) -> None:
    task = _task()
    _write(task, tmp_path)
    known = np.concatenate([np.load(path).ravel() for path in tmp_path.glob("*_y.npy")])
    held = task.labels[np.concatenate([task.split.validation, task.split.test])]
    assert len(known) == len(task.split.fitted)
    assert not np.isin(held, known).any()


def test_evaluation_rows_are_the_validation_rows_in_a_secret_order(
    tmp_path: Path,
) -> None:
    task = _task()
    first, again, other = (_write(task, tmp_path / str(n), seed) for n, seed in enumerate((0, 0, 1)))
    assert sorted(first.validation_rows) == sorted(task.split.validation)
    assert sorted(first.test_rows) == sorted(task.split.test)
    assert first.validation_rows.tolist() == again.validation_rows.tolist()
    assert first.validation_rows.tolist() != other.validation_rows.tolist()
    assert (
        first.validation_rows.tolist() != np.random.default_rng(0).permutation(task.split.validation).tolist()
    )


@pytest.mark.parametrize(
    ("metric", "stop_on"), [("rmse", "mse"), ("r2", "mse"), ("mae", "mae"), ("rmsle", "msle")]
)
def test_early_stopping_watches_what_the_metric_asks_for(tmp_path: Path, metric: str, stop_on: str) -> None:
    _write(_task(metric=metric), tmp_path)
    assert json.loads((tmp_path / "meta.json").read_text())["stop_on"] == stop_on


def test_classes_are_codes_and_need_no_transform(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=90), "y": ["a", "b", "c"] * 30})
    bundle = _write(Task.from_table(frame, "y"), tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text())
    assert (meta["n_outputs"], meta["target"], meta["stop_on"]) == (3, None, "log_loss")
    assert np.load(tmp_path / "train_y.npy").dtype == np.int64
    assert np.load(tmp_path / "train_cat.npy").shape[1] == 0
    assert bundle.default_transform == "none"


def test_a_prediction_folder_has_the_facts_and_the_rows_only(tmp_path: Path) -> None:
    task = _task()
    bundle = _write(task, tmp_path / "bundle")
    encoded = fit_encoding(task.frame.iloc[task.split.fitted], task.profile).transform(task.frame.head(3))
    write_features(tmp_path / "rows", tmp_path / "bundle", encoded.x_num, encoded.x_cat)
    assert {p.name for p in (tmp_path / "rows").iterdir()} == {
        "meta.json",
        "quantiles.npy",
        "eval_num.npy",
        "eval_cat.npy",
    }
    assert np.array_equal(np.load(tmp_path / "rows" / "eval_num.npy"), encoded.x_num)
    assert read_codec(tmp_path / "rows") == bundle.codec
    assert bundle.default_transform == "log"


def test_rows_are_written_in_pieces_as_they_are_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = _task()
    encoding = fit_encoding(task.frame, task.profile, task.split.fitted)
    whole = write_bundle(tmp_path / "whole", task, encoding, 0)
    write_features(tmp_path / "rows", whole.folder, *encoding.transform(task.frame.iloc[whole.test_rows]))
    monkeypatch.setattr("codegen_hpo.table.encoding.encoding.PIECE", 41)
    monkeypatch.setattr(module, "PIECE_ROWS", 17)
    write_bundle(tmp_path / "pieces", task, encoding, 0)
    write_rows(tmp_path / "rows in pieces", whole.folder, encoding, task.frame, whole.test_rows)
    for one, other in (("whole", "pieces"), ("rows", "rows in pieces")):
        files = {path.name: path.read_bytes() for path in (tmp_path / one).iterdir()}
        assert files == {path.name: path.read_bytes() for path in (tmp_path / other).iterdir()}


def test_rows_are_read_back_in_pieces_and_by_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_ROWS", 7)
    arrays = [np.arange(60.0).reshape(20, 3), np.arange(60.0, 99.0).reshape(13, 3), np.empty((4, 0))]
    paths = [tmp_path / f"{number}.npy" for number in range(3)]
    for path, array in zip(paths, arrays, strict=True):
        np.save(path, array)
    assert [len(piece) for piece in array_pieces(paths[0])] == [7, 7, 6]
    assert [piece.shape for piece in array_pieces(paths[2])] == [(4, 0)]
    rows = np.array([0, 6, 7, 19, 20, 32])
    assert np.array_equal(picked_rows(paths[:2], rows), np.concatenate(arrays[:2])[rows])
    assert some_rows(5, 5, 0).tolist() == [0, 1, 2, 3, 4]
    some = some_rows(1_000, 10, 3)
    assert len(set(some.tolist())) == 10
    assert (np.diff(some) > 0).all()


def test_quantiles_of_a_large_table_are_of_some_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUANTILE_ROWS", 150)
    task = _task()
    of_all = np.concatenate([task.frame["x"].iloc[task.split.fitted].to_numpy()])
    quantiles = np.load(_write(task, tmp_path).folder / "quantiles.npy")
    assert abs(quantiles[0, 32] - (np.median(of_all) - of_all.mean()) / of_all.std()) < 0.1
