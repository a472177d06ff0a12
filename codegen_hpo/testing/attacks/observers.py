"""What is planted on the host to be found, reached or changed by a program that gets out."""

import ctypes
import os
import secrets
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

_VARIABLE = "CODEGEN_HPO_ATTACK_CANARY"
_LEFT = tuple(f"{place}/codegen-hpo-left" for place in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"))
_LEFT_KEY = 0x636F6465  # of System V objects, see `leftovers`


class Observers:
    """Secrets, listeners, a process and a folder of this user; `breaches` says what became of them.

        with Observers() as observers:
            run_something(observers.bait)
            assert not observers.breaches()

    A secret stands in the environment of this process and of the victim, and in files of the home folder,
    of the working directory and of a folder that must not change.
    """

    def __init__(self) -> None:
        # what a program may know of the secret, so that it can look for it, and the rest
        self._mark = f"canary-{secrets.token_hex(6)}"
        self.secret = f"{self._mark}-{secrets.token_hex(16)}"
        self.bait: dict[str, str] = {}  # names that a program may hold as $name
        self._undo = ExitStack()
        self._reached: list[str] = []
        self._victim: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Observers":
        try:
            self._plant()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    @property
    def victim(self) -> int:
        """The process that must stay alive and as it is."""
        assert self._victim is not None
        return self._victim.pid

    def breaches(self) -> list[str]:
        """What happened since the last call; all is put back as it was."""
        found, self._reached[:] = list(self._reached), []
        found += self._look_at_victim() + self._look_at_folder()
        return found

    def _plant(self) -> None:
        os.environ[_VARIABLE] = self.secret
        self._undo.callback(os.environ.pop, _VARIABLE, None)
        self._undo.callback(_sweep)
        home, here = self._hide_in(Path.home()), self._hide_in(Path.cwd())
        self._folder = Path(
            self._undo.enter_context(tempfile.TemporaryDirectory(prefix="codegen-hpo-watched-"))
        )
        self._refill()
        self._start_victim()
        self._undo.callback(self._end_victim)
        port, file, abstract = self._listen()
        self.bait = {
            "mark": self._mark,
            "secret_home": str(home),
            "secret_here": str(here),
            "secret_folder": str(self._folder),
            "port": str(port),
            "unix_socket": file,
            "abstract_socket": abstract,
            "victim": str(self.victim),
        }

    def _hide_in(self, folder: Path) -> Path:
        path = folder / f".codegen-hpo-canary-{os.getpid()}-{secrets.token_hex(3)}"
        try:
            path.write_text(self.secret)
        except OSError:  # a home that cannot be written: the other places must do
            return self._folder / "canary" if hasattr(self, "_folder") else path
        self._undo.callback(path.unlink, missing_ok=True)
        return path

    def _refill(self) -> None:
        for path in self._folder.iterdir():
            with suppress(OSError):
                path.unlink() if not path.is_dir() else path.rmdir()
        canary = self._folder / "canary"
        canary.write_text(self.secret)
        os.utime(canary, (1e9, 1e9))
        self._expected = _facts(self._folder)

    def _look_at_folder(self) -> list[str]:
        facts = _facts(self._folder)
        changed = sorted(set(facts.items()) ^ set(self._expected.items()))
        if not changed:
            return []
        self._refill()
        return [f"the watched folder was changed: {changed[0][0]}"]

    def _start_victim(self) -> None:
        # its environment holds the secret from its start, where /proc shows it; this process's may not
        self._victim = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(1e6)"],
            env={_VARIABLE: self.secret, "PATH": os.defpath},
            start_new_session=True,
        )
        self._rank = _rank(self._victim.pid)

    def _look_at_victim(self) -> list[str]:
        assert self._victim is not None
        pid, found = self._victim.pid, []
        if self._victim.poll() is not None:
            found.append("the victim was killed")
        elif _state(pid) in "Tt":
            found.append("the victim was stopped")
        elif _rank(pid) != self._rank:
            found.append("the victim's priority was changed")
        if found:
            self._end_victim()
            self._start_victim()
            self.bait["victim"] = str(self.victim)
        return found

    def _end_victim(self) -> None:
        assert self._victim is not None
        self._victim.kill()
        self._victim.wait()

    def _listen(self) -> tuple[int, str, str]:
        """Port, path and abstract name of listeners that note whoever connects or sends."""
        folder = self._undo.enter_context(tempfile.TemporaryDirectory(prefix="codegen-hpo-socket-"))
        os.chmod(folder, 0o755)
        abstract = f"codegen-hpo-{secrets.token_hex(8)}"
        tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        file = socket.socket(socket.AF_UNIX)
        file.bind(f"{folder}/socket")
        os.chmod(f"{folder}/socket", 0o777)
        listeners = {tcp: "the TCP listener", udp: "the UDP listener", file: "the unix socket"}
        if sys.platform == "linux":
            hidden = socket.socket(socket.AF_UNIX)
            hidden.bind(f"\0{abstract}")
            listeners[hidden] = "the abstract socket"
        chooser, ended = selectors.DefaultSelector(), threading.Event()
        for listener, name in listeners.items():
            if listener is not udp:
                listener.listen(16)
            listener.setblocking(False)
            chooser.register(listener, selectors.EVENT_READ, name)
        thread = threading.Thread(target=self._note, args=(chooser, ended), daemon=True)
        thread.start()

        def end() -> None:
            ended.set()
            thread.join()
            for listener in listeners:
                listener.close()

        self._undo.callback(end)
        return port, f"{folder}/socket", abstract

    def _note(self, chooser: selectors.BaseSelector, ended: threading.Event) -> None:
        while not ended.is_set():
            for key, _ in chooser.select(0.1):
                self._reached.append(f"{key.data} was reached")
                listener = key.fileobj
                assert isinstance(listener, socket.socket)
                with suppress(OSError):
                    if listener.type == socket.SOCK_DGRAM:
                        listener.recv(100)
                    else:
                        listener.accept()[0].close()
        chooser.close()


def _facts(folder: Path) -> dict[str, object]:
    """Each entry's name, and all of it that a program could change."""
    facts: dict[str, object] = {}
    for path in folder.iterdir():
        status = path.lstat()
        text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        facts[path.name] = (status.st_mode, status.st_uid, status.st_nlink, status.st_mtime_ns, text)
    return facts


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "?"


def _rank(pid: int) -> object:
    if not hasattr(os, "sched_getaffinity"):
        return os.getpriority(os.PRIO_PROCESS, pid)
    rank = os.getpriority(os.PRIO_PROCESS, pid), os.sched_getscheduler(pid)
    return (*rank, tuple(sorted(os.sched_getaffinity(pid))))


def _sweep() -> None:
    """Removes what programs of `leftovers` leave where nothing stops them."""
    for path in (*_LEFT, "/dev/shm/sem.codegen-hpo-left"):
        with suppress(OSError):
            os.unlink(path)
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mq_unlink"):
        libc.mq_unlink(b"/codegen-hpo-left")
    # get: key, size or number, flags; remove: id, number, IPC_RMID is 0
    for get, remove in (("shmget", "shmctl"), ("semget", "semctl")):
        if hasattr(libc, get) and (found := getattr(libc, get)(_LEFT_KEY, 0, 0)) != -1:
            getattr(libc, remove)(found, 0, 0)
    if hasattr(libc, "msgget") and (found := libc.msgget(_LEFT_KEY, 0)) != -1:
        libc.msgctl(found, 0, 0)
