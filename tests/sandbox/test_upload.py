"""An engine that does not see this machine's files, which a client in its own mount namespace stands for."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest
import requests
from docker.errors import APIError

from codegen_hpo.records import Job
from codegen_hpo.sandbox.containers import LABEL, OWNER, own_labels
from codegen_hpo.sandbox.docker import DockerSandbox
from codegen_hpo.sandbox.removal import sweep_orphans
from codegen_hpo.sandbox.upload import is_unseen, mount_of, tar_stream, upload
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(docker_image: str) -> Iterator[docker.DockerClient]:
    opened = docker.from_env()
    yield opened
    opened.close()


def test_the_tar_holds_every_file_for_everybody_to_read(tmp_path: Path) -> None:
    folder = write_sample_bundle(tmp_path / "bundle")
    (folder / "empty.npy").write_bytes(b"")
    (folder / "block.npy").write_bytes(bytes(1024))
    for file in folder.iterdir():
        file.chmod(0o600)
    with tarfile.open(fileobj=io.BytesIO(b"".join(tar_stream(folder)))) as tar:
        files = {member.name: member for member in tar.getmembers() if member.isfile()}
        assert set(files) == {file.name for file in folder.iterdir()}
        for name, member in files.items():
            opened = tar.extractfile(member)
            assert opened is not None
            assert opened.read() == (folder / name).read_bytes()
            assert member.mode == 0o444
            assert member.uid == 0


def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    with (tmp_path / "large.npy").open("wb") as file:
        file.truncate(256 << 20)
    tracemalloc.start()
    length = sum(len(piece) for piece in tar_stream(tmp_path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length > 256 << 20
    assert peak < 16 << 20


@pytest.mark.parametrize(
    ("text", "unseen"),
    [
        ('invalid mount config for type "bind": bind source path does not exist: {}', True),
        ("Mounts denied: The path {} is not shared from the host and is not known to Docker.", True),
        ("error while creating mount source path '{}': mkdir /x: read-only file system", True),
        ("statfs {}: no such file or directory", True),
        ('exec: "python3": stat /usr/bin/python3: no such file or directory', False),
        ("No such container: abc", False),
    ],
)
def test_an_unseen_folder_is_told_from_other_faults(text: str, unseen: bool, tmp_path: Path) -> None:
    error = APIError("", response=requests.Response(), explanation=text.format(tmp_path))
    assert is_unseen(error, tmp_path) == unseen


CLIENT = """
import json, os, subprocess, sys
from pathlib import Path
from codegen_hpo.records import Job
from codegen_hpo.sandbox.docker import DockerSandbox
from codegen_hpo.testing.bundles import write_sample_bundle
from codegen_hpo.testing.sandbox_cases import CASE_LIMITS, sample_source
import docker
from codegen_hpo.sandbox.containers import OWNER, own_labels

def state():
    filters = {"label": f"{OWNER}={own_labels()[OWNER]}"}
    return (len(client.containers.list(all=True, ignore_removed=True, filters=filters)),
            len(client.volumes.list(filters=filters)))

hidden, folder = sys.argv[1], Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "none", hidden], check=True)
write_sample_bundle(folder, rows=400)
for file in folder.iterdir():
    file.chmod(0o600)
client, job = docker.from_env(), Job(kind="train", source=sample_source())
sandbox = DockerSandbox(CASE_LIMITS)
facts = []
for _ in range(int(sys.argv[3])):
    worker = sandbox.open(folder)
    first = worker.run(job)
    for container in client.containers.list(filters={"label": f"{OWNER}={own_labels()[OWNER]}"}):
        container.kill()  # its successor must see the same volume
    again = worker.run(job)
    open_state = state()
    worker.close()
    facts.append({"statuses": [first.status, again.status], "error": first.error + again.error,
                  "rows": len(first.outputs), "notices": worker.hello.notices, "open": open_state,
                  "closed": state()})
print(json.dumps(facts))
"""


def _run_apart(hidden: Path, bundle: Path, workers: int) -> list[dict[str, Any]]:
    """What a client says whose folder `hidden` is not the one that the engine sees."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    apart = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*apart, "mount", "-t", "tmpfs", "none", str(hidden)], check=False).returncode != 0:
        pytest.skip("no mount namespace here")
    order = [*apart, sys.executable, "-c", CLIENT, str(hidden), str(bundle), str(workers)]
    ended = subprocess.run(order, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr
    facts: list[dict[str, Any]] = json.loads(ended.stdout)
    return facts


@pytest.mark.docker
@pytest.mark.parametrize("seen", ["nothing", "an empty folder", "an older bundle"])
def test_a_bundle_that_the_engine_does_not_see_is_sent(seen: str, docker_image: str, tmp_path: Path) -> None:
    bundle = tmp_path / "place" / "bundle"
    bundle.parent.mkdir()
    if seen != "nothing":
        write_sample_bundle(bundle, rows=200)
    if seen == "an empty folder":
        for file in bundle.iterdir():
            file.unlink()
    workers = 2 if seen == "nothing" else 1  # one that meets the fault, one that knows of it
    facts = _run_apart(bundle.parent if seen == "nothing" else bundle, bundle, workers)
    assert len(facts) == workers
    for opened in facts:
        assert opened["statuses"] == ["ok", "ok"], opened["error"]
        assert opened["rows"] == 100  # of the client's bundle, not the older one's 50
        (notice,) = opened["notices"]
        assert "does not see this machine's files" in notice
        assert opened["open"] == [1, 1]
        assert opened["closed"] == [0, 0]


@pytest.mark.docker
def test_only_the_volumes_of_dead_owners_are_removed(client: docker.DockerClient) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = socket.gethostname()
    owners = {
        "dead": f"{here}/{dead.pid}/12345",
        "alive": own_labels()[OWNER],
        "elsewhere": f"not-{here}/{dead.pid}/12345",
    }
    made = {name: client.volumes.create(labels={LABEL: "1", OWNER: owner}) for name, owner in owners.items()}
    try:
        sweep_orphans(client)
        left = {one.name for one in client.volumes.list()}
        assert {name for name, one in made.items() if one.name in left} == {"alive", "elsewhere"}
    finally:
        for one in client.volumes.list():
            if one.name in {made_one.name for made_one in made.values()}:
                one.remove()


@pytest.mark.docker
def test_a_volume_is_mounted_read_only(client: docker.DockerClient, docker_image: str, bundle: Path) -> None:
    volume = upload(client, docker_image, bundle)
    try:
        with pytest.raises(docker.errors.ContainerError, match="Read-only file system"):
            client.containers.run(
                docker_image,
                ["-c", "import os; assert os.listdir('/data'); open('/data/x', 'w')"],
                entrypoint="python3",
                user="0:0",
                mounts=[mount_of(volume)],
                network_mode="none",
                remove=True,
            )
    finally:
        volume.remove()


@pytest.fixture
def engine_port(client: docker.DockerClient) -> Iterator[int]:
    """A port of this machine behind which the engine answers."""
    place = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not place.startswith("unix://"):
        pytest.skip(f"the engine is at {place}")
    listening = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(place.removeprefix("unix://"))
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


@pytest.mark.docker
def test_an_engine_is_reached_over_the_network(
    engine_port: int, docker_image: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{engine_port}")
    worker = DockerSandbox(CASE_LIMITS, image=docker_image).open(bundle)
    try:
        for _ in range(2):
            outcome = worker.run(Job(kind="train", source=sample_source()))
            assert outcome.status == "ok", outcome.error
    finally:
        worker.close()
