"""A Docker engine of a test's own, which it may stop: the machine's engine belongs to its user."""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

_START_S = 60
_COPY_S = 600


class SecondEngine:
    """An engine below `folder` without network, as root on Linux only; its address is `host`.

    It knows a runtime `nvidia` that is the ordinary one: a container with it starts and has no GPU.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.host = f"unix://{folder}/engine.sock"

    @staticmethod
    def possible() -> bool:
        """Whether this machine and user can have one."""
        tools = all(map(shutil.which, ("dockerd", "runc", "unshare")))
        return tools and hasattr(os, "geteuid") and os.geteuid() == 0

    def start(self) -> None:
        """Starts it and waits until it answers. Raises RuntimeError with its last words if it does not."""
        folder = self._folder
        log = folder / "engine.log"
        # left by one that was killed: where nobody reaps it, its containerd seems to be alive
        (folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)
        # in a network of its own: an engine without a bridge removes the bridge of the machine's engine
        order = ["unshare", "--net", "dockerd"]
        order += ["--host", self.host, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        order += ["--pidfile", f"{folder}/engine.pid", "--bridge", "none", "--iptables=false"]
        order += ["--add-runtime", f"nvidia={shutil.which('runc')}"]
        with log.open("ab") as said:
            self._process = subprocess.Popen(order, stdout=said, stderr=said, start_new_session=True)
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self.client().close()
                return
            except (DockerException, requests.RequestException):
                time.sleep(0.1)
        self.kill()
        raise RuntimeError(f"no second engine: {log.read_text(errors='replace')[-500:]}")

    def client(self) -> docker.DockerClient:
        """A client of it that has been answered."""
        client = docker.DockerClient(base_url=self.host)
        client.ping()
        return client

    def stop(self) -> None:
        """Asks it to end, which ends its containers first."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once; its containers live on until it is started again."""
        self._end(signal.SIGKILL)

    def take_image(self, source: docker.DockerClient, name: str) -> None:
        """Copies an image from another engine."""
        client = docker.DockerClient(base_url=self.host, timeout=_COPY_S)
        try:
            client.images.load(source.images.get(name).save(named=True))  # type: ignore[arg-type]  # streamed
        finally:
            client.close()

    def remove(self) -> None:
        """Ends it and removes all that it kept."""
        self.kill()
        for process in Path("/proc").glob("[0-9]*"):
            # what a killed engine leaves behind: the processes that hold its containers
            with suppress(OSError):
                if str(self._folder).encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for place in sorted(mounted, reverse=True):
            if place.startswith(f"{self._folder}/"):
                subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(number)
            process.wait(timeout=60)
