"""What only the docker back end has: image, walls, orphans."""

import io
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox import docker as back_end
from codegen_hpo.sandbox.containers import LABEL, OWNER, RUNTIME_VARIABLE, own_labels
from codegen_hpo.sandbox.docker import DockerSandbox
from codegen_hpo.sandbox.engine import require_limits
from codegen_hpo.sandbox.image import BASE_VARIABLE, CUDA_LABEL, find_or_build
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.removal import sweep_orphans
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source
from codegen_hpo.testing.second_engine import SecondEngine

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_image")]


@pytest.fixture(scope="module")
def client(docker_image: str) -> Iterator[docker.DockerClient]:
    opened = docker.from_env()
    yield opened
    opened.close()


PROBE = """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
facts = {
    "uid": os.getuid(),
    "capabilities": int(status["CapBnd"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "interfaces": [line.split(":")[0].strip() for line in open("/proc/self/net/dev") if ":" in line],
    "environment": sorted(os.environ),
    "writable": [p for p in ("/", "/tmp", "/data", "/dev/shm", "/opt/codegen-hpo") if os.access(p, os.W_OK)],
    "control": [],
}
for path in ("/proc/1/fd/1", "/proc/1/environ", "/proc/1/mem"):
    try:
        open(path, "rb"); facts["control"].append(path)
    except OSError:
        pass
print(json.dumps(facts))
"""


@pytest.mark.slow
def test_a_trial_sees_nothing_it_does_not_need(bundle: Path) -> None:
    worker = DockerSandbox(CASE_LIMITS).open(bundle)
    try:
        outcome = worker.run(Job(kind="train", source=sample_source(construct=PROBE.strip())))
    finally:
        worker.close()
    assert outcome.status == "ok", outcome.error
    facts = json.loads(outcome.stdout)
    assert facts["uid"] == 65534
    assert facts["capabilities"] == 0
    assert (facts["no_new_privileges"], facts["seccomp"]) == ("1", "2")
    assert facts["interfaces"] == ["lo"]
    assert set(facts["environment"]) <= {
        "PATH", "LANG", "OMP_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG", "TORCHINDUCTOR_CACHE_DIR", "LC_CTYPE",
    }  # fmt: skip
    assert facts["writable"] == []
    assert facts["control"] == []


@pytest.mark.slow
def test_a_private_bundle_is_made_readable_for_the_container(tmp_path: Path) -> None:
    folder = write_sample_bundle(tmp_path / "bundle")
    for file in folder.iterdir():
        file.chmod(0o600)
    folder.chmod(0o700)
    worker = DockerSandbox(CASE_LIMITS).open(folder)
    try:
        assert worker.run(Job(kind="train", source=sample_source())).status == "ok"
    finally:
        worker.close()
    assert not any(stat.S_IMODE(file.stat().st_mode) & 0o022 for file in folder.iterdir())


def test_only_containers_of_dead_owners_are_removed(client: docker.DockerClient, docker_image: str) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = socket.gethostname()
    owners = {
        "dead": f"{here}/{dead.pid}/12345",
        "another process of that number": f"{here}/{os.getpid()}/1",
        "elsewhere": f"not-{here}/{dead.pid}/12345",
        "strange": "what",
    }
    made = {
        name: client.containers.create(docker_image, labels={LABEL: "1", OWNER: owner})
        for name, owner in owners.items()
    }
    try:
        sweep_orphans(client)
        left = {one.id for one in client.containers.list(all=True, ignore_removed=True)}
        assert {name for name, one in made.items() if one.id in left} == {"elsewhere", "strange"}
    finally:
        for one in client.containers.list(all=True, ignore_removed=True):
            if one.id in {made_one.id for made_one in made.values()}:
                one.remove(force=True)


JOB = Job(kind="train", source=sample_source())


def _containers(client: docker.DockerClient) -> list[docker.models.containers.Container]:
    """Those of this process."""
    owned = {"label": f"{OWNER}={own_labels()[OWNER]}"}
    return list(client.containers.list(all=True, ignore_removed=True, filters=owned))


@pytest.mark.slow
def test_the_container_has_every_limit_that_is_promised(client: docker.DockerClient, bundle: Path) -> None:
    before = {one.id for one in _containers(client)}
    limits = Limits(memory_bytes=1 << 30, processes=50, cpus=1.5)
    worker = DockerSandbox(limits).open(bundle)
    try:
        (container,) = [one for one in _containers(client) if one.id not in before]
        host = container.attrs["HostConfig"]
        size = sum(file.stat().st_size for file in bundle.iterdir())
        assert (host["Memory"], host["MemorySwap"]) == ((1 << 30) + size, (1 << 30) + size)
        assert 50 < host["PidsLimit"] < 100
        assert host["NanoCpus"] == 1_500_000_000
        assert (host["ReadonlyRootfs"], host.get("Tmpfs"), host["IpcMode"]) == (True, None, "none")
        assert (host["NetworkMode"], host["CapDrop"], host["CapAdd"]) == ("none", ["ALL"], None)
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert {one["Name"]: one["Hard"] for one in host["Ulimits"]} == {"core": 0, "nofile": 1024}
        assert (host["LogConfig"]["Type"], host["AutoRemove"], host["Init"]) == ("none", True, False)
        assert [(one["Destination"], one["RW"]) for one in container.attrs["Mounts"]] == [("/data", False)]
    finally:
        worker.close()


@pytest.mark.parametrize("lacking", ["MemoryLimit", "PidsLimit"])
def test_an_engine_that_cannot_limit_is_refused(lacking: str, client: docker.DockerClient) -> None:
    require_limits(client)
    info = client.info() | {lacking: False}
    with pytest.raises(SandboxError, match="cannot limit the"):
        require_limits(SimpleNamespace(info=lambda: info))  # type: ignore[arg-type]


def test_an_engine_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(SandboxError, match="does not answer") as caught:
        DockerSandbox()
    assert "unset DOCKER_HOST" in caught.value.hint


@pytest.mark.slow
def test_an_image_that_is_removed_in_the_middle_is_built_again(
    client: docker.DockerClient, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if BASE_VARIABLE not in os.environ:
        pytest.skip(f"{BASE_VARIABLE} names no local base image")
    repository = f"codegen-hpo-test-{uuid.uuid4().hex[:12]}"
    monkeypatch.setattr(back_end, "find_or_build", partial(find_or_build, repository=repository))
    before = {one.id for one in _containers(client)}
    sandbox = DockerSandbox(CASE_LIMITS)
    worker = sandbox.open(bundle)
    try:
        (tag,) = [tag for one in client.images.list(name=repository) for tag in one.tags]
        for next_one in ("a restart", "another worker"):
            assert worker.run(JOB).status == "ok", next_one
            client.images.remove(tag, force=True)
            if next_one == "a restart":
                for container in _containers(client):
                    if container.id not in before:
                        container.kill()
            else:
                worker.close()
                worker = sandbox.open(bundle)
            assert worker.run(JOB).status == "ok", next_one
    finally:
        worker.close()
        for image in client.images.list(name=repository):
            for tag in image.tags:
                client.images.remove(tag, force=True)


@pytest.fixture(scope="module")
def second(client: docker.DockerClient, docker_image: str) -> Iterator[SecondEngine]:
    """An engine that may be stopped, with the sandbox image and one that claims to have CUDA, `with:cuda`."""
    if not SecondEngine.possible():
        pytest.skip("only root can start a second engine, where dockerd is installed")
    folder = Path(tempfile.mkdtemp(prefix="engine-", dir="/tmp"))  # the path of a socket must be short
    engine = SecondEngine(folder)
    try:
        engine.start()
        engine.take_image(client, docker_image)
        text = f'FROM {docker_image}\nLABEL {CUDA_LABEL}="13.0"'
        opened = engine.client()
        opened.images.build(fileobj=io.BytesIO(text.encode()), tag="with:cuda", rm=True)
        opened.close()
        yield engine
    finally:
        engine.remove()


@pytest.fixture
def here(second: SecondEngine, monkeypatch: pytest.MonkeyPatch) -> SecondEngine:
    monkeypatch.setenv("DOCKER_HOST", second.host)
    return second


@pytest.mark.slow
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_engine_that_goes_away_is_told_and_used_again(
    how: str, here: SecondEngine, docker_image: str, bundle: Path
) -> None:
    sandbox = DockerSandbox(CASE_LIMITS, image=docker_image)
    worker = sandbox.open(bundle)
    ending = threading.Timer(3, getattr(here, how))
    ending.start()
    sleeping = Job(kind="train", source=sample_source(construct="import time; time.sleep(50)"), timeout_s=60)
    began = time.monotonic()
    try:
        with pytest.raises(SandboxError, match="does not answer") as caught:
            worker.run(sleeping)
        assert "resume" in caught.value.hint
        assert time.monotonic() - began < 50  # before the job's own time-out
        worker.close()
        with pytest.raises(SandboxError, match="does not answer"):
            sandbox.open(bundle)
    finally:
        ending.join()
        here.start()
    worker = sandbox.open(bundle)
    assert worker.run(JOB).status == "ok"
    worker.close()
    with_it = here.client()
    left = _containers(with_it)
    with_it.close()
    assert left == []


@pytest.mark.slow
def test_a_container_without_the_gpu_that_was_given_is_told(here: SecondEngine, bundle: Path) -> None:
    sandbox = DockerSandbox(CASE_LIMITS, device="auto", image="with:cuda")
    for _ in range(2):
        worker = sandbox.open(bundle)
        assert worker.run(JOB).status == "ok"
        worker.close()
        (notice,) = worker.hello.notices
        assert "sees no CUDA device" in notice
    with pytest.raises(SandboxError, match="sees no CUDA device"):
        DockerSandbox(CASE_LIMITS, device="cuda", image="with:cuda").open(bundle)
    with_it = here.client()
    left = _containers(with_it)
    with_it.close()
    assert left == []


@pytest.mark.slow
def test_a_runtime_of_the_engine_can_be_chosen(
    here: SecondEngine, docker_image: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, "nvidia")
    worker = DockerSandbox(CASE_LIMITS, image=docker_image).open(bundle)
    with_it = here.client()
    try:
        (container,) = _containers(with_it)
        assert container.attrs["HostConfig"]["Runtime"] == "nvidia"
        assert worker.run(JOB).status == "ok"
    finally:
        worker.close()
        with_it.close()
