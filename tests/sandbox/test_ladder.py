from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.ladder import Ladder
from codegen_hpo.testing.sandboxes import ScriptedSandbox, ScriptedWorker

JOB = Job(kind="train", source="")


class Broken:
    """A back end that can be made and opens no worker."""

    name = "broken"

    def open(self, bundle: Path) -> ScriptedWorker:
        raise SandboxError("its image\ncannot be built", hint="build it")


def missing() -> Sandbox:
    raise SandboxError("there is no such program")


def works() -> ScriptedSandbox:
    return ScriptedSandbox(lambda job: Outcome(status="ok"))


def test_the_first_that_opens_a_worker_is_taken_and_kept(bundle: Path) -> None:
    made = works()
    ladder = Ladder({"gone": missing, "broken": Broken, "scripted": lambda: made, "last": missing}, "")
    assert ladder.name == "auto"
    workers = [ladder.open(bundle), ladder.open(bundle)]
    assert ladder.name == "scripted"
    assert made.bundles == [bundle, bundle]
    for worker in workers:
        assert worker.hello.notices == (
            "passed over gone: there is no such program",
            "passed over broken: its image cannot be built",
        )
        assert worker.run(JOB).status == "ok"
        worker.close()
        with pytest.raises(SandboxError, match="closed"):
            worker.run(JOB)


def test_where_none_works_every_reason_is_told(bundle: Path) -> None:
    ladder = Ladder({"gone": missing, "broken": Broken}, "install one")
    with pytest.raises(SandboxError) as caught:
        ladder.open(bundle)
    assert "gone: there is no such program\n" in str(caught.value)
    assert "broken: its image cannot be built" in str(caught.value)
    assert caught.value.hint == "install one"
    assert ladder.name == "auto"


def test_a_broken_bundle_is_no_back_end_s_fault(tmp_path: Path) -> None:
    made = works()
    with pytest.raises(SandboxError, match=r"bundle .* cannot be read"):
        Ladder({"gone": missing, "scripted": lambda: made}, "").open(tmp_path)
    assert made.bundles == []
