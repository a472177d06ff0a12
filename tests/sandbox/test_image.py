"""The sandbox image: its name, what is in it, building it, removing old ones."""

import importlib.util
import io
import json
import logging
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import docker
import pytest
from click.testing import CliRunner
from docker.models.images import Image

from codegen_hpo.cli.sandbox import command
from codegen_hpo.errors import SandboxError
from codegen_hpo.resources import resource
from codegen_hpo.sandbox import image as images
from codegen_hpo.sandbox.image import BASE_VARIABLE, CPU_BASE, current_names, find_or_build, image_name
from codegen_hpo.sandbox.old_images import find_old_images, remove_images

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(docker_image: str) -> Iterator[docker.DockerClient]:
    opened = docker.from_env()
    yield opened
    opened.close()


@pytest.fixture
def repository(client: docker.DockerClient) -> Iterator[str]:
    """A name that no other test and no user has; its images are removed."""
    name = f"codegen-hpo-test-{uuid.uuid4().hex[:12]}"
    yield name
    for found in find_old_images(client, [], name):
        for reference in found.names or (found.id,):
            client.images.remove(reference, force=True)


@pytest.fixture
def changed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `sandbox/` that the image is built from in this test."""
    folder = tmp_path / "sandbox"
    shutil.copytree(resource("sandbox"), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(images, "resource", lambda _: folder)
    return folder


def _derived(client: docker.DockerClient, docker_image: str, tag: str) -> Image:
    """An image of another id, without any step that takes time."""
    text = f"FROM {docker_image}\nLABEL made-for={uuid.uuid4().hex}"
    built, _ = client.images.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True)
    return built


def test_torch_is_named_once_and_is_the_one_of_the_constraints() -> None:
    text = (resource("sandbox") / "Dockerfile").read_text()
    (version,) = re.findall(r"\b\d+\.\d+\.\d+\b", text)
    assert f"ARG TORCH_VERSION={version}" in text
    assert f"torch=={version}\n" in (CHECKOUT / "constraints.txt").read_text()


@pytest.mark.docker
def test_the_image_is_named_by_what_it_is_built_from(client: docker.DockerClient) -> None:
    assert image_name(client) == image_name(client)
    assert image_name(client, "other:base") != image_name(client)


@pytest.mark.docker
def test_only_a_change_of_what_is_built_changes_the_name(
    client: docker.DockerClient, changed_folder: Path
) -> None:
    before = image_name(client)
    (changed_folder / "worker" / "__pycache__").mkdir()
    (changed_folder / "worker" / "notes.txt").write_text("no part of it")
    assert image_name(client) == before
    (changed_folder / "worker" / "worker.py").write_text("# another")
    assert image_name(client) != before


def test_the_build_gets_files_that_everybody_may_read(changed_folder: Path) -> None:
    for file in changed_folder.rglob("*.py"):
        file.chmod(0o600)
    with tarfile.open(fileobj=images._packed()) as tar:
        members = tar.getmembers()
    assert {"Dockerfile", "byte_code.py", "worker/worker.py"} <= {member.name for member in members}
    assert {member.mode for member in members} == {0o644}


@pytest.mark.docker
@pytest.mark.parametrize(
    ("device", "nvidia", "wanted"),
    [
        ("cpu", False, [CPU_BASE, ""]),
        ("cpu", True, [CPU_BASE, ""]),
        ("auto", False, [CPU_BASE, ""]),
        ("auto", True, ["", CPU_BASE]),
        ("cuda", False, [""]),
    ],
)
def test_an_image_with_cuda_will_do_for_the_cpu_but_not_the_other_way(
    device: str, nvidia: bool, wanted: list[str], client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = client.info() | (
        {"Runtimes": {"runc": {}, "nvidia": {}}} if nvidia else {"Runtimes": {"runc": {}}}
    )
    monkeypatch.setattr(client, "info", lambda: info)
    assert images.wanted_bases(client, None, None, device) == wanted


@pytest.mark.docker
def test_an_image_that_is_there_is_taken_rather_than_another_built(
    client: docker.DockerClient, docker_image: str, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(BASE_VARIABLE, raising=False)
    with_cuda = image_name(client, "", repository)
    client.images.get(docker_image).tag(*with_cuda.split(":"))
    found = find_or_build(client, device="cpu", repository=repository)
    assert (found.name, found.built) == (with_cuda, False)


@pytest.mark.docker
def test_an_image_is_built_once_and_a_warning_says_so(
    client: docker.DockerClient, repository: str, caplog: pytest.LogCaptureFixture
) -> None:
    if BASE_VARIABLE not in os.environ:
        pytest.skip(f"{BASE_VARIABLE} names no local base image")
    with caplog.at_level(logging.WARNING):
        first = find_or_build(client, repository=repository)
        second = find_or_build(client, repository=repository)
    assert (first.built, second.built) == (True, False)
    assert first.name == second.name == image_name(client, repository=repository)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "once" in caplog.text
    assert images.cuda_version(client, first.name) is not None


@pytest.mark.docker
def test_a_base_that_cannot_be_had_is_an_error_that_names_it(
    client: docker.DockerClient, repository: str
) -> None:
    with pytest.raises(SandboxError, match="cannot be built") as caught:
        find_or_build(client, base="codegen-hpo-no-such-base:0", repository=repository)
    assert "codegen-hpo-no-such-base:0" in caught.value.hint


BUILD = """
import sys
from pathlib import Path
import docker
from codegen_hpo.sandbox import image
image.resource = lambda _: Path(sys.argv[1])
print(image.find_or_build(docker.from_env(), repository=sys.argv[2]).name)
"""


@pytest.mark.slow
@pytest.mark.docker
def test_two_processes_may_build_at_the_same_time(
    client: docker.DockerClient, repository: str, changed_folder: Path
) -> None:
    if BASE_VARIABLE not in os.environ:
        pytest.skip(f"{BASE_VARIABLE} names no local base image")
    (changed_folder / "worker" / "more.py").write_text(f"# {uuid.uuid4().hex}")  # nothing is in the cache
    order = [sys.executable, "-c", BUILD, str(changed_folder), repository]
    both = [subprocess.Popen(order, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    names = [one.communicate(timeout=200)[0].strip() for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert names == [image_name(client, repository=repository)] * 2
    assert client.images.get(names[0]).labels[images.IMAGE_LABEL] == repository
    assert len(client.images.list(filters={"label": f"{images.IMAGE_LABEL}={repository}"})) <= 2


LOADED = """
import importlib.util, json, os, sys
import torch, torch._dynamo, numpy, safetensors.torch
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
sources = [file for file in files if file.endswith(".py") and os.path.exists(file)]
print(json.dumps([one for one in sources if not os.path.exists(importlib.util.cache_from_source(one))]))
"""


@pytest.mark.slow
@pytest.mark.docker
def test_all_that_a_worker_imports_has_byte_code(client: docker.DockerClient, docker_image: str) -> None:
    printed = client.containers.run(
        docker_image, ["-c", LOADED], entrypoint="python3", network_mode="none", read_only=True, remove=True
    )
    assert json.loads(printed) == []


@pytest.fixture
def byte_code() -> ModuleType:
    spec = importlib.util.spec_from_file_location("byte_code", resource("sandbox") / "byte_code.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_missing_byte_code_is_made(byte_code: ModuleType, tmp_path: Path) -> None:
    there, missing, wrong = (tmp_path / name for name in ("there.py", "missing.py", "wrong.py"))
    there.write_text("x = 1")
    missing.write_text("x = 2")
    wrong.write_text("x = = 3")
    py_compile.compile(str(there), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    compiled = Path(importlib.util.cache_from_source(str(there)))
    before = compiled.read_bytes()
    assert byte_code.compile_missing(tmp_path) == 1
    assert compiled.read_bytes() == before
    assert Path(importlib.util.cache_from_source(str(missing))).exists()
    assert not Path(importlib.util.cache_from_source(str(wrong))).exists()


@pytest.mark.docker
def test_old_images_are_removed_but_not_those_in_use(
    client: docker.DockerClient, docker_image: str, repository: str
) -> None:
    for tag in ("current", "old", "used"):
        _derived(client, docker_image, f"{repository}:{tag}")
    user = client.containers.create(f"{repository}:used")
    try:
        old = find_old_images(client, {f"{repository}:current"}, repository)
        names = {name for one in old for name in one.names}
        assert names == {f"{repository}:old", f"{repository}:used"}
        removal = remove_images(client, old)
    finally:
        user.remove(force=True)
    ((kept, reason),) = removal.kept
    assert kept.names == (f"{repository}:used",)
    assert user.short_id in reason
    left = {tag for one in client.images.list(name=repository) for tag in one.tags}
    assert left == {f"{repository}:current", f"{repository}:used"}


@pytest.mark.docker
def test_an_image_that_lost_its_tag_to_another_build_is_old(
    client: docker.DockerClient, docker_image: str, repository: str
) -> None:
    text = f'FROM {docker_image}\nLABEL {images.IMAGE_LABEL}="{repository}" made-for={uuid.uuid4().hex}'
    lost, _ = client.images.build(fileobj=io.BytesIO(text.encode()), rm=True)
    assert [one.id for one in find_old_images(client, [], repository)] == [lost.id]


@pytest.mark.docker
def test_the_command_names_the_image_and_offers_to_remove_old_ones(
    client: docker.DockerClient, docker_image: str, repository: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if BASE_VARIABLE not in os.environ:
        pytest.skip(f"{BASE_VARIABLE} names no local base image")
    monkeypatch.setattr(images, "REPOSITORY", repository)
    _derived(client, docker_image, f"{repository}:old")
    built = CliRunner().invoke(command, ["build"])
    assert built.stdout.strip() in current_names(client, repository=repository)
    assert "built in" in built.stderr
    assert "sandbox build --remove-old" in built.stderr
    again = CliRunner().invoke(command, ["build", "--remove-old"])
    assert again.stdout == built.stdout
    assert "was there" in again.stderr
    assert "removed 1 of 1" in again.stderr
    assert find_old_images(client, current_names(client, repository=repository), repository) == []


ASK = """
import sys
from codegen_hpo.sandbox import image
image.REPOSITORY = sys.argv.pop()
from codegen_hpo.cli.main import main
main()
"""


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("\n", 1)])
def test_on_a_terminal_it_asks_before_it_removes(
    answer: str, left: int, client: docker.DockerClient, docker_image: str, repository: str
) -> None:
    if BASE_VARIABLE not in os.environ:
        pytest.skip(f"{BASE_VARIABLE} names no local base image")
    _derived(client, docker_image, f"{repository}:old")
    ours, theirs = os.openpty()
    os.write(ours, answer.encode())
    order = [sys.executable, "-c", ASK, "sandbox", "build", repository]
    ended = subprocess.run(order, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True, timeout=100)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    os.close(theirs)
    assert "Remove 1 older sandbox image (" in said
    assert ended.returncode == 0, said
    assert ended.stdout.strip() == image_name(client, repository=repository)
    old = find_old_images(client, current_names(client, repository=repository), repository)
    assert len(old) == left
