"""The fitted encoding and how it is applied."""

import ast
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from codegen_hpo.table import encoding as encoding_package
from codegen_hpo.table import target as target_module
from codegen_hpo.table.encoder import fit_encoding, fit_scaling
from codegen_hpo.table.encoding import Encoding
from codegen_hpo.table.encoding.blocks import Category, Flag, Number, Words
from codegen_hpo.table.encoding.numbers import parse_number
from codegen_hpo.table.profile import Overrides, profile

ROWS = 300


@pytest.fixture
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(generator.integers(0, 10**8, ROWS), unit="s")
    words = np.array(
        ["red", "green", "blue", "old", "new", "fast", "slow", "taxi", "ride", "price", "good", "bad"]
    )
    return pd.DataFrame(
        {
            "amount": np.where(generator.random(ROWS) < 0.1, np.nan, generator.normal(5, 2, ROWS)),
            "code": generator.integers(0, 5, ROWS),
            "money": [f"${v:,}" for v in generator.integers(100, 9000, ROWS)],
            "flag": generator.choice(["yes", "no", None], ROWS),
            "level": generator.choice(["a", "b", "c", None], ROWS, p=[0.6, 0.3, 0.05, 0.05]),
            "place": [f"p{int(v)}" for v in generator.exponential(30, ROWS)],
            "start": start.astype(str),
            "end": start + pd.to_timedelta(generator.integers(60, 9000, ROWS), unit="s"),
            "note": [" ".join(generator.choice(words, 5)) for _ in range(ROWS)],
            "y": generator.normal(size=ROWS),
        }
    )


def _fit(frame: pd.DataFrame, **overrides: tuple[str, ...]) -> Encoding:
    return fit_encoding(frame, profile(frame, "y", Overrides(**overrides)))


def test_every_column_of_the_frame_becomes_something(frame: pd.DataFrame) -> None:
    encoding = _fit(frame)
    assert encoding.categorical_names == ("level", "place")
    assert {"amount", "amount missing", "code", "money", "flag", "flag missing"} <= set(
        encoding.numeric_names
    )
    assert {"start time of day sin", "end month cos", "end days", "start to end", "note text 1"} <= set(
        encoding.numeric_names
    )
    assert set(encoding.sources) == set(frame) - {"y"}


def test_shapes_and_types_are_those_of_the_contract(frame: pd.DataFrame) -> None:
    encoding = _fit(frame)
    x_num, x_cat = encoding.transform(frame)
    assert (x_num.dtype, x_num.shape) == (np.float32, (ROWS, len(encoding.numeric_names)))
    assert (x_cat.dtype, x_cat.shape) == (np.int64, (ROWS, 2))
    assert np.isfinite(x_num).all()
    assert (x_cat.max(axis=0) < np.array(encoding.cardinalities)).all()


def test_an_encoding_survives_json_bit_for_bit(frame: pd.DataFrame) -> None:
    encoding = _fit(frame)
    again = Encoding.from_json(json.loads(json.dumps(encoding.to_json(), allow_nan=False)))
    assert again == encoding
    for before, after in zip(encoding.transform(frame), again.transform(frame), strict=True):
        assert before.tobytes() == after.tobytes()


def test_a_row_is_encoded_alike_alone_and_among_others(frame: pd.DataFrame) -> None:
    encoding = _fit(frame)
    x_num, x_cat = encoding.transform(frame)
    one_num, one_cat = encoding.transform(frame.iloc[[7]])
    assert np.array_equal(one_num[0], x_num[7])
    assert np.array_equal(one_cat[0], x_cat[7])


def test_rows_read_from_csv_are_encoded_like_the_frame(frame: pd.DataFrame, tmp_path: Path) -> None:
    encoding = _fit(frame)
    frame.to_csv(tmp_path / "t.csv", index=False)
    texts = dict.fromkeys(encoding.text_sources, str)
    again = encoding.transform(pd.read_csv(tmp_path / "t.csv", dtype=texts))
    assert np.array_equal(again.x_cat, encoding.transform(frame).x_cat)
    assert np.allclose(again.x_num, encoding.transform(frame).x_num, atol=1e-6)


def test_a_missing_column_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="'place' is missing"):
        _fit(frame).transform(frame.drop(columns="place"))


def test_new_levels_get_code_0_and_unreadable_numbers_count_as_missing(frame: pd.DataFrame) -> None:
    encoding = _fit(frame)
    odd = frame.head(2).assign(level="never seen", place=None, amount=["much", None], end="soon")
    x_num, x_cat = encoding.transform(odd)
    assert x_cat.tolist() == [[0, 0], [0, 0]]
    assert x_num[:, encoding.numeric_names.index("amount missing")].tolist() == [1, 1]
    assert np.isfinite(x_num).all()


def test_the_exported_files_import_numpy_pandas_and_the_standard_library_only() -> None:
    for path in (*Path(encoding_package.__file__).parent.glob("*.py"), Path(target_module.__file__)):
        tree = ast.parse(path.read_text("utf-8"))
        roots = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                roots |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                roots.add((node.module or "").split(".")[0])
        assert roots - sys.stdlib_module_names <= {"numpy", "pandas"}


def test_words_are_projected_as_scikit_learn_does(frame: pd.DataFrame) -> None:
    (words,) = [block for block in _fit(frame).blocks if isinstance(block, Words)]
    texts = frame["note"].tolist()
    vectoriser = TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=2000)
    weights = vectoriser.fit_transform(texts)
    svd = TruncatedSVD(len(words.projection), random_state=0).fit(weights)
    queries = [*texts[:20], "taxi taxi TAXI ride", "unknown words only", ""]
    assert np.allclose(words.project(queries), svd.transform(vectoriser.transform(queries)), atol=1e-12)


def test_a_decimal_comma_is_read_where_the_column_has_it() -> None:
    frame = pd.DataFrame({"price": [f"{i},{i % 10}5" for i in range(40)], "y": range(40)})
    (number,) = _fit(frame).blocks
    assert isinstance(number, Number)
    assert number.decimal == ","
    assert parse_number("1.234,5", ",") == 1234.5


def test_rare_levels_share_code_1_and_a_level_seen_once_counts_as_unseen() -> None:
    values = ["a"] * 500 + ["b"] * 490 + ["c"] * 2 + ["d"] * 2 + ["e"] * 6
    frame = pd.DataFrame({"k": [*values, "once"], "y": range(1001)})
    encoding = _fit(frame)
    (block,) = encoding.blocks
    assert isinstance(block, Category)
    assert block.levels == ("a", "b", "e")
    assert block.rare == ("c", "d")
    query = pd.DataFrame({"k": ["a", "b", "e", "c", "d", "once", None, "new"]})
    assert encoding.transform(query).x_cat[:, 0].tolist() == [2, 3, 4, 1, 1, 0, 0, 0]
    assert encoding.cardinalities == (5,)


def test_many_levels_are_capped_and_keep_their_frequency() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"k": generator.zipf(1.3, 20_000) % 3000, "y": generator.normal(size=20_000)})
    encoding = _fit(frame, categorical=("k",))
    assert encoding.cardinalities[0] <= 514
    assert encoding.numeric_names == ("k frequency",)
    ones = encoding.transform(pd.DataFrame({"k": [1, 2, 99_999]})).x_num[:, 0]
    assert ones[0] > ones[1] > ones[2]


def test_booleans_become_0_and_1() -> None:
    frame = pd.DataFrame({"b": [True, False] * 20, "y": range(40)})
    encoding = _fit(frame)
    assert isinstance(encoding.blocks[0], Flag)
    assert encoding.transform(frame).x_num[:2, 0].tolist() == [1, 0]
    assert encoding.transform(pd.DataFrame({"b": ["True", "no"]})).x_num[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("values", "method"),
    [
        (np.random.default_rng(0).normal(size=2000), "standard"),
        (np.random.default_rng(0).exponential(size=2000), "standard"),
        (np.append(np.random.default_rng(0).normal(size=4000), [1e6, -1e6]), "robust"),
        (np.random.default_rng(0).lognormal(0, 4, 2000), "quantile"),
        (np.random.default_rng(0).lognormal(0, 3, 2000) * (np.arange(2000) % 3 == 0), "quantile"),
        (np.array([0.0] * 990 + [1.0] * 10), "standard"),
    ],
)
def test_scaling_is_chosen_by_how_squeezed_the_bulk_is(values: np.ndarray, method: str) -> None:
    scaling = fit_scaling(values)
    assert scaling is not None
    assert scaling.method == method
    scaled = scaling.apply(values)
    assert np.abs(scaled).max() <= 10
    assert (np.diff(scaling.apply(np.sort(values))) >= 0).all()


def test_columns_that_do_not_vary_give_no_block() -> None:
    frame = pd.DataFrame(
        {"b": [1.0] * 30, "c": ["x"] * 30, "d": [None] * 30, "e": range(0, 60, 2), "y": range(30)}
    )
    assert _fit(frame).numeric_names == ("e",)


def test_a_frame_without_rows_is_encoded(frame: pd.DataFrame) -> None:
    x_num, x_cat = _fit(frame).transform(frame.head(0))
    assert x_num.shape[0] == x_cat.shape[0] == 0


def test_rows_are_encoded_alike_whole_and_in_pieces(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoding = _fit(frame)
    rows = np.random.default_rng(0).permutation(ROWS)
    whole = encoding.transform(frame.iloc[rows])
    monkeypatch.setattr("codegen_hpo.table.encoding.encoding.PIECE", 37)
    pieces = list(encoding.pieces(frame, rows))
    assert len(pieces) == 9
    assert np.concatenate([piece.x_num for piece in pieces]).tobytes() == whole.x_num.tobytes()
    assert np.concatenate([piece.x_cat for piece in pieces]).tobytes() == whole.x_cat.tobytes()
    assert encoding.transform(frame.iloc[rows]).x_num.tobytes() == whole.x_num.tobytes()


def test_an_encoding_is_fitted_on_the_rows_that_are_named(frame: pd.DataFrame) -> None:
    told = profile(frame, "y")
    rows = np.arange(0, ROWS, 2)
    assert fit_encoding(frame, told, rows) == fit_encoding(frame.iloc[rows], told)
