"""The sample tables that ship with the package, and the real taxi trips, which have to be brought."""

import hashlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from codegen_hpo.errors import DataError
from codegen_hpo.resources import resource
from codegen_hpo.table.names import did_you_mean

TRIPS_URL = "https://d37ci6vzurx5k4.cloudfront.net/trip-data/yellow_tripdata_{month}.parquet"
TRIP_MONTHS = ("2023-01", "2023-02", "2023-03", "2023-04", "2023-05", "2023-06")
CHECKSUMS = "checksums.json"  # beside the files: name to SHA-256, written when a file is first brought
TIMEOUT_S = 60.0  # without a byte
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A sample table and what it is for."""

    name: str
    target: str
    about: str
    licence: str
    file: str  # empty: it is not shipped and has to be fetched


DATASETS = (
    Dataset(
        name="simulated-taxi-fares",
        target="fare",
        about="invented taxi trips, priced by New York's published fare rules; simulated, no trip is real",
        licence="Apache-2.0",
        file="simulated-taxi-fares.csv",
    ),
    Dataset(
        name="nyc-taxi",
        target="fare_amount",
        about="yellow taxi trip records of New York, January to June 2023, a Parquet file a month",
        licence="NYC Taxi & Limousine Commission, open data: see its terms of use",
        file="",
    ),
)


class Response(Protocol):
    """What of an HTTP response is used."""

    headers: http.client.HTTPMessage

    def read(self, size: int, /) -> bytes:
        """The next bytes, empty at the end."""


Opener = Callable[[str], AbstractContextManager[Response]]


def list_datasets() -> tuple[Dataset, ...]:
    """The tables that can be named."""
    return DATASETS


def dataset_path(name: str) -> Path:
    """The file of a shipped table. Raises DataError for a name that is none, or that has to be fetched."""
    known = {dataset.name: dataset for dataset in DATASETS}
    if name not in known:
        raise DataError(f"there is no sample table {name!r}", hint=did_you_mean(name, known))
    if not known[name].file:
        raise DataError(f"{name!r} is not shipped", hint=f"codegen-hpo datasets fetch {name}")
    return resource("datasets") / known[name].file


def fetch_nyc_taxi(months: Sequence[str], folder: Path, opener: Opener | None = None) -> tuple[Path, ...]:
    """The files of these months, downloaded where they are not in the folder yet.

    Args:
        months: Some of TRIP_MONTHS.
        folder: Made if it is missing; `checksums.json` in it remembers the SHA-256 of each file.
        opener: What opens an address; for tests.

    Raises:
        DataError: an unknown month, no network, a download that broke off, or a file that has changed.
    """
    for month in months:
        if month not in TRIP_MONTHS:
            raise DataError(f"{month!r} is not one of the months", hint=did_you_mean(month, TRIP_MONTHS))
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(_fetch(TRIPS_URL.format(month=month), folder, opener or _open) for month in months)


def _fetch(url: str, folder: Path, opener: Opener) -> Path:
    path = folder / url.rsplit("/", 1)[-1]
    checksums = _checksums(folder)
    digest = _sha256(path) if path.is_file() else _download(url, path, opener)
    expected = checksums.get(path.name, digest)
    if digest != expected:
        raise DataError(
            f"{path.name} has SHA-256 {digest}, {CHECKSUMS} in its folder says {expected}",
            hint=f"Delete {path.name} to bring it again; if the publisher changed it, delete its line, too.",
        )
    if path.name not in checksums:
        _write(folder / CHECKSUMS, json.dumps(checksums | {path.name: digest}, indent=1, sort_keys=True))
    return path


def _download(url: str, path: Path, opener: Opener) -> str:
    """The SHA-256 of the file, which appears under its name only when it is whole."""
    part = path.with_name(path.name + ".part")
    digest, size = hashlib.sha256(), 0
    try:
        with opener(url) as response, part.open("wb") as file:
            announced = response.headers.get("Content-Length")
            while chunk := response.read(CHUNK_BYTES):
                digest.update(chunk)
                size += file.write(chunk)
    except (OSError, http.client.HTTPException) as error:  # URLError and time-outs are OSErrors
        part.unlink(missing_ok=True)
        raise DataError(f"{url} cannot be downloaded: {_reason(error)}", hint=_hint(error)) from None
    if not size or (announced is not None and int(announced) != size):
        part.unlink(missing_ok=True)
        raise DataError(
            f"{url}: the download broke off, {size} bytes came of {announced or 'an unknown number'}",
            hint="Try again.",
        )
    part.replace(path)
    return digest.hexdigest()


def _open(url: str) -> AbstractContextManager[Response]:
    return cast(AbstractContextManager[Response], urllib.request.urlopen(url, timeout=TIMEOUT_S))


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(reason) or type(error).__name__


def _hint(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return "The server is there, but not the file; see the Commission's page of trip records."
    shipped = next(dataset.name for dataset in DATASETS if dataset.file)
    return f"Is there a network? Without one, try the shipped table: codegen-hpo datasets path {shipped}"


def _checksums(folder: Path) -> dict[str, str]:
    try:
        loaded = json.loads((folder / CHECKSUMS).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise DataError(f"{CHECKSUMS} in {folder.name} is no JSON", hint="Delete it.") from None
    return {str(name): str(digest) for name, digest in loaded.items()} if isinstance(loaded, dict) else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    part.replace(path)
