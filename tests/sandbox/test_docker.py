"""What only the docker back end has: image, walls, orphans."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.containers import LABEL, OWNER, sweep_orphans
from codegen_hpo.sandbox.docker import DockerSandbox
from codegen_hpo.sandbox.image import ensure_image, image_name
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("docker_image")]


@pytest.fixture(scope="module")
def client(docker_image: str) -> Iterator[docker.DockerClient]:
    opened = docker.from_env()
    yield opened
    opened.close()


def test_the_image_is_named_by_what_it_is_built_from(client: docker.DockerClient) -> None:
    assert image_name(client) == image_name(client)
    assert image_name(client, "other:base") != image_name(client)


def test_a_base_that_cannot_be_had_is_an_error_that_names_it(client: docker.DockerClient) -> None:
    with pytest.raises(SandboxError, match="cannot be built") as caught:
        ensure_image(client, "codegen-hpo-no-such-base:0")
    assert "codegen-hpo-no-such-base:0" in caught.value.hint


PROBE = """
import json, os, socket
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
facts = {
    "uid": os.getuid(),
    "capabilities": int(status["CapBnd"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "interfaces": [name for _, name in socket.if_nameindex()],
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


def test_a_trial_sees_nothing_it_does_not_need(bundle: Path) -> None:
    worker = DockerSandbox(CASE_LIMITS).open(bundle)
    try:
        outcome = worker.run(Job(kind="train", source=sample_source(construct=PROBE.strip())))
    finally:
        worker.close()
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


def test_a_gpu_that_the_engine_cannot_give_is_told(client: docker.DockerClient, bundle: Path) -> None:
    if any("nvidia" in name for name in client.info().get("Runtimes", {})):
        pytest.skip("this engine has a GPU runtime")
    with pytest.raises(SandboxError, match="no GPU") as caught:
        DockerSandbox(CASE_LIMITS, device="cuda").open(bundle)
    assert "--device cpu" in caught.value.hint
