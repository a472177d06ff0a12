import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox import landlock
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.sandbox.landlock import LandlockSandbox, landlock_version
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source

needs_landlock = pytest.mark.skipif(landlock_version() < 1, reason="the kernel has no Landlock")


@pytest.fixture(scope="module")
def behind(bundle: Path) -> Iterator[Worker]:
    try:
        worker = LandlockSandbox(CASE_LIMITS, device="auto").open(bundle)
    except SandboxError as error:
        pytest.skip(f"no landlock: {error}")
    yield worker
    worker.close()


@pytest.mark.slow
def test_the_bundle_and_python_are_read_and_the_rest_is_not(
    behind: Worker, bundle: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a key")
    paths = [
        str(bundle / "meta.json"),
        os.__file__,
        "/dev/null",
        str(secret),
        "/etc/passwd",
        "/proc/self/status",
    ]
    code = f"""import json
def readable(path):
    try: open(path).close()
    except OSError as error: return error.errno
    return 0
print(json.dumps([readable(path) for path in {paths!r}]))"""
    outcome = behind.run(Job(kind="train", source=sample_source(construct=code)))
    assert outcome.status == "ok", outcome.error
    refused = json.loads(outcome.stdout)
    assert refused[:3] == [0, 0, 0]
    assert all(refused[3:])


def test_a_gpu_is_refused_and_left_out_with_a_word(behind: Worker) -> None:
    assert behind.hello.notices == ("landlock cannot give trials a GPU",)
    with pytest.raises(SandboxError, match="cannot give trials a GPU"):
        LandlockSandbox(device="cuda:1")


@pytest.mark.slow
@needs_landlock
def test_on_the_cpu_there_is_nothing_to_tell(bundle: Path) -> None:
    worker = LandlockSandbox(CASE_LIMITS, device="cpu").open(bundle)
    try:
        assert worker.hello.notices == ()
    finally:
        worker.close()


def test_a_kernel_without_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "_CREATE_RULESET", 99999)  # no kernel has this call
    with pytest.raises(SandboxError, match=os.uname().release) as caught:
        LandlockSandbox()
    assert "5.13" in caught.value.hint
