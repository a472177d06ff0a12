"""Several GPUs: each worker has one of its own."""

from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.sandbox.spread import Spread
from codegen_hpo.testing import ScriptedSandbox


def place() -> ScriptedSandbox:
    return ScriptedSandbox(lambda job: Outcome(status="ok"))


def test_workers_are_opened_where_the_fewest_are_open() -> None:
    places = [place(), place()]
    spread = Spread(places)
    first, _, third = (spread.open(Path(name)) for name in "abc")
    assert [[path.name for path in one.bundles] for one in places] == [["a", "c"], ["b"]]
    for worker in (first, first, third):  # closing twice counts once
        worker.close()
    spread.open(Path("d"))
    assert [[path.name for path in one.bundles] for one in places] == [["a", "c", "d"], ["b"]]


def test_a_worker_is_that_of_its_place() -> None:
    places = [place(), place()]
    workers = [Spread(places).open(Path()), Spread(places[1:]).open(Path())]
    for worker in workers:
        worker.run(Job(kind="train", source=""))
        assert worker.hello == places[0].open(Path()).hello
    assert [len(one.jobs) for one in places] == [1, 1]


def test_a_place_whose_worker_did_not_open_is_not_taken_for_a_full_one() -> None:
    class Broken:
        name = "scripted"

        def open(self, bundle: Path) -> Worker:
            raise SandboxError("no such GPU")

    working = place()
    spread = Spread([Broken(), working])
    with pytest.raises(SandboxError, match="no such GPU"):
        spread.open(Path())
    with pytest.raises(SandboxError, match="no such GPU"):
        spread.open(Path())
    assert not working.bundles
