"""Eight real classification tables, each split once into training, validation and sealed test rows."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

BUNDLED = ("iris", "wine", "breast_cancer", "digits")
MAX_ROWS = 1000  # of a table, drawn with a fixed seed: an evaluation then takes about a tenth of a second
TEST_SHARE, VALIDATION_SHARE = 0.3, 0.3
SPLIT_SEED = 0

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


class Rows(NamedTuple):
    """Encoded rows, and the place of each one's class."""

    x: Matrix  # (rows, features) float64, standardised
    y: Labels  # (rows,) int64


class Parts(NamedTuple):
    """A table split and encoded; the encoding was fitted on the training rows alone."""

    train: Rows
    validation: Rows
    test: Rows
    fingerprint: str  # of all of it


class Labelled(NamedTuple):
    """A table before it is split."""

    features: "pd.DataFrame"
    target: "pd.Series[str]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A classification target of a CSV file."""

    file: str
    target: str
    about: str
    drop: tuple[str, ...] = ()  # columns that hold the target in another form
    derive: Callable[["pd.DataFrame"], "pd.DataFrame"] | None = None


def _trip(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Duration, hour and weekday in place of the two times."""
    import pandas as pd

    pickup, dropoff = pd.to_datetime(frame["pickup"]), pd.to_datetime(frame["dropoff"])
    return frame.drop(columns=["pickup", "dropoff"]).assign(
        minutes=(dropoff - pickup).dt.total_seconds() / 60, hour=pickup.dt.hour, weekday=pickup.dt.day_of_week
    )


FILES: Mapping[str, Source] = {
    "titanic": Source(
        file="titanic.csv", target="survived", drop=("alive",), about="who survived; `alive` says the same"
    ),
    "diamonds-cut": Source(
        file="diamonds.csv",
        target="cut",
        about="the quality of the cut, from size, colour, clarity and price",
    ),
    "diamonds-clarity": Source(
        file="diamonds.csv", target="clarity", about="the grade of purity, from size, colour, cut and price"
    ),
    "taxis-cab": Source(
        file="taxis.csv",
        target="color",
        drop=("pickup_zone",),
        derive=_trip,
        about="a yellow or a green cab, from the trip; green ones may pick up in few parts of Manhattan, so "
        "the pickup zone all but names the colour and is left out",
    ),
}

# HPOBench's first eight OpenML tasks (10101, 53, 146818, 146821, 9952, 146822, 31, 3917) with the number of
# the data set that each is about
OPENML: Mapping[str, int] = {
    "blood-transfusion": 1464,
    "vehicle": 54,
    "australian": 40981,
    "car": 40975,
    "phoneme": 1489,
    "segment": 40984,
    "credit-g": 31,
    "kc1": 1067,
}


def read_parts(name: str, folder: Path | None) -> Parts:
    """The table of this name, split and encoded.

    Args:
        name: of BUNDLED, FILES or OPENML.
        folder: where the files of FILES lie.

    Raises:
        ConfigError: no such table, its file is missing, or OpenML cannot be reached.
    """
    if name in BUNDLED:
        return _split(_bundled(name))
    if name in FILES and folder is not None:
        return _split(_from_file(FILES[name], folder))
    if name in OPENML:
        return _split(_from_openml(name))
    raise ConfigError(f"there is no table {name!r}", hint=f"one of {', '.join([*BUNDLED, *FILES, *OPENML])}")


def _bundled(name: str) -> Labelled:
    from sklearn import datasets

    loaded = getattr(datasets, f"load_{name}")(as_frame=True)
    return Labelled(loaded.data, loaded.target.astype(str))


def _from_file(source: Source, folder: Path) -> Labelled:
    import pandas as pd

    path = folder / source.file
    try:
        frame = pd.read_csv(path)
    except OSError as error:
        raise ConfigError(
            f"the table {path} cannot be read: {error.strerror}",
            hint="--data names a folder with titanic.csv, diamonds.csv and taxis.csv (seaborn-data has them)",
        ) from error
    frame = frame[frame[source.target].notna()]
    if source.derive:
        frame = source.derive(frame)
    return Labelled(frame.drop(columns=[source.target, *source.drop]), frame[source.target].astype(str))


def _from_openml(name: str) -> Labelled:
    from urllib.error import URLError

    from sklearn.datasets import fetch_openml

    try:
        loaded = fetch_openml(data_id=OPENML[name], as_frame=True, parser="auto", n_retries=1)
    except (URLError, OSError) as error:
        raise ConfigError(
            f"OpenML's data set {OPENML[name]} ({name}) cannot be fetched: {error}",
            hint="--openml needs a network; without it the bundled tables and those of --data are used",
        ) from error
    return Labelled(loaded.data, loaded.target.astype(str))


def _split(table: Labelled) -> Parts:
    """At most MAX_ROWS rows, stratified by class; the test rows are drawn first."""
    from sklearn.model_selection import train_test_split

    kept = np.arange(len(table.target))
    classes = table.target.to_numpy(dtype=str)
    if len(kept) > MAX_ROWS:
        kept, _ = train_test_split(kept, train_size=MAX_ROWS, stratify=classes, random_state=SPLIT_SEED)
    rest, test = train_test_split(kept, test_size=TEST_SHARE, stratify=classes[kept], random_state=SPLIT_SEED)
    train, validation = train_test_split(
        rest,
        test_size=VALIDATION_SHARE / (1 - TEST_SHARE),
        stratify=classes[rest],
        random_state=SPLIT_SEED,
    )
    encoder = _encoder(table.features).fit(table.features.iloc[train])
    codes = np.unique(classes[kept], return_inverse=True)[1]
    code_of = dict(zip(kept.tolist(), codes.tolist(), strict=True))

    def rows(places: NDArray[np.int64]) -> Rows:
        encoded = np.asarray(encoder.transform(table.features.iloc[places]), dtype=np.float64)
        return Rows(encoded, np.array([code_of[place] for place in places.tolist()]))

    parts = rows(train), rows(validation), rows(test)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part.x).tobytes() + part.y.tobytes())
    return Parts(*parts, digest.hexdigest()[:16])


def _encoder(features: "pd.DataFrame") -> Any:
    """Numbers standardised, the median for the missing; of texts and booleans one column a level."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = list(features.select_dtypes("number").columns)
    words = [name for name in features.columns if name not in numbers]
    levels = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False)
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", levels, words),
        ]
    )
