"""The sample tables, and bringing the real trips."""

import hashlib
import io
import json
import runpy
import sys
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from pathlib import Path

import pytest

from codegen_hpo.errors import DataError
from codegen_hpo.table.datasets import CHECKSUMS, dataset_path, fetch_nyc_taxi, list_datasets
from codegen_hpo.task import Task


class Server:
    """Serves one body, and counts the requests."""

    def __init__(self, body: bytes, announced: int | None = None) -> None:
        self.body, self.announced, self.urls = body, announced, []

    @contextmanager
    def __call__(self, url: str) -> Iterator[object]:
        self.urls.append(url)
        response = io.BytesIO(self.body)
        response.headers = HTTPMessage()
        response.headers["Content-Length"] = str(len(self.body) if self.announced is None else self.announced)
        yield response


def no_network(url: str) -> object:
    raise urllib.error.URLError(OSError("Name or service not known"))


def test_every_shipped_table_is_there_and_named_as_what_it_is() -> None:
    shipped = [dataset for dataset in list_datasets() if dataset.file]
    assert shipped
    for dataset in shipped:
        path = dataset_path(dataset.name)
        assert path.stat().st_size < 600_000
        assert dataset.target in path.read_text("utf-8").splitlines()[0].split(",")
    assert "simulated" in shipped[0].name
    assert "simulated" in shipped[0].about


def test_an_unknown_table_suggests_a_known_one() -> None:
    with pytest.raises(DataError) as caught:
        dataset_path("simulated-taxi-fare")
    assert "'simulated-taxi-fares'" in caught.value.hint
    with pytest.raises(DataError, match="not shipped") as caught:
        dataset_path("nyc-taxi")
    assert "fetch nyc-taxi" in caught.value.hint


def test_the_generator_writes_the_shipped_table_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = dataset_path("simulated-taxi-fares")
    monkeypatch.setattr(sys, "argv", ["generate", "300", str(tmp_path / "again.csv")])
    runpy.run_path(str(shipped.with_name("generate_taxi_fares.py")), run_name="__main__")
    again = (tmp_path / "again.csv").read_text("utf-8").splitlines()
    assert again == shipped.read_text("utf-8").splitlines()[:301]


def test_the_simulated_table_gives_a_task() -> None:
    task = Task.from_table(dataset_path("simulated-taxi-fares"), "fare")
    assert task.kind == "regression"
    assert len(task.profile.features) == 9


def test_a_month_is_brought_once_and_its_checksum_kept(tmp_path: Path) -> None:
    server = Server(b"PAR1 trips")
    for _ in range(2):
        (path,) = fetch_nyc_taxi(["2023-01"], tmp_path / "new", server)
    assert path.read_bytes() == b"PAR1 trips"
    assert server.urls == ["https://d37ci6vzurx5k4.cloudfront.net/trip-data/yellow_tripdata_2023-01.parquet"]
    checksums = json.loads((path.parent / CHECKSUMS).read_text())
    assert checksums == {path.name: hashlib.sha256(b"PAR1 trips").hexdigest()}
    assert sorted(p.name for p in path.parent.iterdir()) == [CHECKSUMS, path.name]


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    (path,) = fetch_nyc_taxi(["2023-02"], tmp_path, Server(b"one"))
    path.write_bytes(b"two")
    with pytest.raises(DataError, match="SHA-256"):
        fetch_nyc_taxi(["2023-02"], tmp_path, Server(b"one"))
    path.unlink()
    with pytest.raises(DataError, match="SHA-256"):
        fetch_nyc_taxi(["2023-02"], tmp_path, Server(b"changed at the source"))


@pytest.mark.parametrize("server", [Server(b"half", announced=8), Server(b""), no_network])
def test_a_failed_download_says_why_and_leaves_nothing(tmp_path: Path, server: object) -> None:
    with pytest.raises(DataError) as caught:
        fetch_nyc_taxi(["2023-03"], tmp_path, server)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_the_shipped_table_is_offered(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Name or service not known") as caught:
        fetch_nyc_taxi(["2023-01"], tmp_path, no_network)
    assert "simulated-taxi-fares" in caught.value.hint


def test_other_months_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2031-01"):
        fetch_nyc_taxi(["2031-01"], tmp_path, no_network)
