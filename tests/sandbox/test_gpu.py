"""The GPU of a container: what is asked for, and what follows when there is none."""

import io
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.containers import OWNER, RUNTIME_VARIABLE, own_labels
from codegen_hpo.sandbox.devices import read_device
from codegen_hpo.sandbox.docker import DockerSandbox
from codegen_hpo.sandbox.gpu import GpuAccess, RefusedError, gpu_options, hints_at_nvidia
from codegen_hpo.sandbox.image import CUDA_LABEL
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source

HELLO = Hello(python="3", torch="2", cuda="")


def test_one_gpu_is_asked_for_in_three_ways() -> None:
    plain, cdi, runtime = gpu_options(1)
    (asked,) = plain["device_requests"]
    assert (asked["DeviceIDs"], asked["Count"], asked["Capabilities"]) == (["1"], 0, [["gpu"]])
    (asked,) = cdi["device_requests"]
    assert (asked["Driver"], asked["DeviceIDs"]) == ("cdi", ["nvidia.com/gpu=1"])
    assert runtime["runtime"] == "nvidia"
    assert runtime["environment"]["NVIDIA_VISIBLE_DEVICES"] == "1"


def test_a_runtime_that_the_user_chose_is_not_exchanged() -> None:
    assert not any("runtime" in options for options in gpu_options(0, own_runtime=True))


@pytest.mark.parametrize(
    ("info", "hint"),
    [
        ({}, False),
        ({"Runtimes": {"runc": {}}, "DiscoveredDevices": None, "CDISpecDirs": None}, False),
        ({"Runtimes": {"runc": {}, "nvidia": {}}}, True),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}]}, True),
        ({"DiscoveredDevices": [{"Source": "cdi", "ID": "vendor.com/net=0"}]}, False),
        ({"CDISpecDirs": ["/no/such/folder"]}, False),
    ],
)
def test_an_engine_hints_at_a_gpu(info: dict[str, Any], hint: bool) -> None:
    assert hints_at_nvidia(info) == hint


def test_a_folder_of_device_descriptions_is_a_hint_only_with_one_of_nvidia(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").touch()
    assert not hints_at_nvidia({"CDISpecDirs": [str(tmp_path)]})
    (tmp_path / "nvidia.yaml").touch()
    assert hints_at_nvidia({"CDISpecDirs": [str(tmp_path)]})


class Engine:
    """Starts containers for options with one of these keys only, and counts how often it was asked."""

    def __init__(self, *accepts: str) -> None:
        self.accepts, self.asked = accepts, 0

    def start(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked += 1
        if options and not any(key in options for key in self.accepts):
            raise RefusedError('could not select device driver "" with capabilities: [[gpu]]')
        return options


def test_the_way_that_works_is_kept() -> None:
    access, engine = GpuAccess(read_device("auto")), Engine("runtime")
    assert access.start(engine.start)["runtime"] == "nvidia"
    assert engine.asked == 3
    access.start(engine.start)
    assert engine.asked == 4
    access.check(Hello(python="3", torch="2", cuda="H200"))
    assert access.notice == ""


def test_an_engine_without_gpus_is_asked_once() -> None:
    access, engine = GpuAccess(read_device("auto")), Engine()
    assert access.start(engine.start) == {}
    assert engine.asked == 4
    access.start(engine.start)
    assert engine.asked == 5
    assert "could not select device driver" in access.notice


def test_a_verdict_needs_a_container_that_starts_without_gpu() -> None:
    access = GpuAccess(read_device("auto"))

    def refuse(options: Mapping[str, Any]) -> None:
        raise RefusedError("no space left on device")

    with pytest.raises(RefusedError, match="no space left"):
        access.start(refuse)
    assert access.notice == ""
    assert access.start(Engine("device_requests").start)


def test_a_container_without_cuda_is_not_asked_for_again() -> None:
    access, engine = GpuAccess(read_device("auto")), Engine("device_requests")
    assert access.start(engine.start)
    access.check(HELLO)
    assert "sees no CUDA device" in access.notice
    assert access.start(engine.start) == {}


def test_a_gpu_asked_for_by_name_is_never_replaced() -> None:
    access, engine = GpuAccess(read_device("cuda:1")), Engine("device_requests")
    access.start(engine.start)
    with pytest.raises(SandboxError, match="sees no CUDA device") as caught:
        access.check(HELLO)
    assert "--device cpu" in caught.value.hint


@pytest.fixture(scope="module")
def client(docker_image: str) -> Iterator[docker.DockerClient]:
    opened = docker.from_env()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def cuda_image(client: docker.DockerClient, docker_image: str) -> Iterator[str]:
    """The sandbox image, which says of itself that its torch has CUDA."""
    if hints_at_nvidia(client.info()):
        pytest.skip("this engine may have a GPU")
    name = f"codegen-hpo-test-gpu:{uuid.uuid4().hex[:12]}"
    text = f'FROM {docker_image}\nLABEL {CUDA_LABEL}="13.0"'
    client.images.build(fileobj=io.BytesIO(text.encode()), tag=name, rm=True)
    yield name
    client.images.remove(name)


def _ours(client: docker.DockerClient) -> list[str]:
    owned = f"{OWNER}={own_labels()[OWNER]}"
    found = client.containers.list(all=True, ignore_removed=True, filters={"label": owned})
    # one that is being removed at this moment is not left behind
    time.sleep(0.5 if found else 0)
    return [one.id for one in client.containers.list(all=True, ignore_removed=True, filters={"label": owned})]


def _created(client: docker.DockerClient, since: float) -> int:
    filters = {"type": "container", "event": "create", "label": f"{OWNER}={own_labels()[OWNER]}"}
    events = client.events(since=since, until=time.time(), decode=True, filters=filters)
    return sum(1 for _ in events)


@pytest.mark.slow
@pytest.mark.docker
def test_auto_falls_back_to_the_cpu_with_the_engines_own_words(
    client: docker.DockerClient, cuda_image: str, bundle: Path
) -> None:
    before = set(_ours(client))
    sandbox = DockerSandbox(CASE_LIMITS, device="auto", image=cuda_image)
    for created in (3, 1):  # two ways fail at the start, one at the creation; then none is tried again
        began = time.time()
        worker = sandbox.open(bundle)
        try:
            assert worker.run(Job(kind="train", source=sample_source())).status == "ok"
            (notice,) = worker.hello.notices
            assert 'could not select device driver "" with capabilities: [[gpu]]' in notice
            assert _created(client, began) == created
        finally:
            worker.close()
    assert set(_ours(client)) == before


@pytest.mark.docker
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_the_engine_cannot_give_is_told(
    device: str, client: docker.DockerClient, cuda_image: str, bundle: Path
) -> None:
    before = set(_ours(client))
    with pytest.raises(SandboxError, match="could not select device driver") as caught:
        DockerSandbox(CASE_LIMITS, device=device, image=cuda_image).open(bundle)
    assert "--device cpu" in caught.value.hint
    assert "NVIDIA container toolkit" in caught.value.hint
    assert set(_ours(client)) == before


@pytest.mark.slow
@pytest.mark.docker
def test_an_image_without_cuda_needs_no_gpu(
    client: docker.DockerClient, docker_image: str, bundle: Path
) -> None:
    if client.images.get(docker_image).labels.get(CUDA_LABEL) != "" or hints_at_nvidia(client.info()):
        pytest.skip("this image has CUDA, or the engine may have a GPU")
    began = time.time()
    worker = DockerSandbox(CASE_LIMITS, device="auto").open(bundle)
    worker.close()
    assert worker.hello.notices == ()
    assert _created(client, began) == 1
    with pytest.raises(SandboxError, match="built without CUDA"):
        DockerSandbox(CASE_LIMITS, device="cuda", image=docker_image).open(bundle)


@pytest.mark.docker
def test_another_fault_is_not_taken_for_a_missing_gpu(
    cuda_image: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, "no-such-runtime")
    with pytest.raises(SandboxError, match="no runtime 'no-such-runtime'") as caught:
        DockerSandbox(CASE_LIMITS, device="auto", image=cuda_image).open(bundle)
    assert "daemon.json" in caught.value.hint
