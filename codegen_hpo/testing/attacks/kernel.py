"""Programs that ask the kernel for what no trial needs."""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of, attempting

_make = attacks_of("system calls")

KERNEL: tuple[Attack, ...] = (
    _make(
        "makes-namespaces",
        attempting("""
for name, flag in (("user", 0x10000000), ("mount", 0x20000), ("network", 0x40000000), ("pid", 0x20000000),
                   ("user and mount", 0x10020000), ("uts", 0x4000000), ("ipc", 0x8000000), ("cgroup", 0x2000000)):
    attempt(f"unshare {name}", lambda: syscall((272, 97), flag))
for name in ("mnt", "net", "pid", "user"):
    attempt(f"enter {name} of the parent",
            lambda: syscall((308, 268), os.open(f"/proc/{os.getppid()}/ns/{name}", os.O_RDONLY), 0))
"""),
    ),
    _make(
        "mounts",
        attempting("""
attempt("a tmpfs", lambda: syscall((165, 40), b"none", b"$secret_folder", b"tmpfs", 0, 0))
attempt("a bind", lambda: syscall((165, 40), b"$secret_folder", b"$secret_folder", b"", 4096, 0))
attempt("a change of a mount", lambda: syscall((165, 40), b"none", b"$secret_folder", b"", 32 | 1 | 4096, 0))
for _ in range(3):  # what was mounted goes again
    attempt("umount", lambda: syscall((166, 39), b"$secret_folder", 2))
attempt("open_tree", lambda: syscall((428, 428), -100, b"/", 1))
attempt("fsopen", lambda: syscall((430, 430), b"tmpfs", 0))
"""),
    ),
    _make(
        "sets-up-io-uring",
        attempting("""
attempt("io_uring_setup", lambda: syscall((425, 425), 8, ctypes.create_string_buffer(120)))
attempt("io_setup", lambda: syscall((206, 0), 8, (ctypes.c_ulong * 1)(0)))
"""),
        statuses=ANY,
    ),
    _make(
        "programs-the-kernel",
        attempting("""
attempt("bpf map", lambda: syscall((321, 280), 0, (ctypes.c_uint32 * 18)(2, 4, 4, 1), 72))
attempt("perf_event_open", lambda: syscall((298, 241), (ctypes.c_uint32 * 32)(1, 128), 0, -1, -1, 0))
attempt("userfaultfd", lambda: syscall((323, 282), 1))
attempt("fanotify", lambda: syscall((300, 262), 0, 0))
attempt("a module", lambda: syscall((313, 273), 0, b"", 0))
attempt("kexec", lambda: syscall((246, 104), 0, 0, 0, 0))
attempt("the kernel's log", lambda: syscall((103, 116), 3, ctypes.create_string_buffer(100), 100))
attempt("ports", lambda: syscall(173, 0x80, 1, 1) if platform.machine() == "x86_64" else 1 / 0)
"""),
    ),
    _make(
        "keeps-keys-in-the-kernel",
        attempting("""
attempt("add_key", lambda: syscall((248, 217), b"user", b"codegen-hpo-attack", b"kept", 4, -3))
attempt("a session keyring", lambda: syscall((250, 219), 1, b"codegen-hpo-attack"))
attempt("request_key", lambda: syscall((249, 218), b"user", b"codegen-hpo-attack", 0, -4))
"""),
    ),
    _make(
        "becomes-somebody-else",
        attempting("""
me = os.getuid()
if me != 0:
    attempt("setuid", lambda: os.setuid(0) or os.getuid())
attempt("setgroups", lambda: os.setgroups([0]) or os.getgroups())
for uid in {0, 1000, 65534} - {me}:
    attempt(f"setresuid {uid}", lambda: os.setresuid(-1, uid, -1) or os.geteuid())
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(1 << 21, 1 << 21, 1 << 21)
attempt("capset", lambda: syscall((126, 91), header, data))
"""),
    ),
    _make(
        "makes-itself-readable",  # harmless alone; the control and the observers tell
        attempting("""
libc = _LIBC
for option, value in ((4, 1), (0x59616d61, -1), (36, 0), (22, 0)):
    print("prctl", option, libc.prctl(option, value, 0, 0, 0))
print("personality", libc.personality(0x0440000))
"""),
        statuses=ANY,
    ),
    _make(
        "installs-its-own-filter",  # filters add up: a second one takes nothing away
        attempting("""
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
allow = (ctypes.c_uint64 * 1)(0x7FFF000000000006)
program = Program(1, ctypes.addressof(allow))
print("seccomp", _LIBC.syscall(317 if platform.machine() == "x86_64" else 277, 1, 0, ctypes.byref(program)))
attempt("fork after it", lambda: os.fork() or os._exit(0))
attempt("socket after it", lambda: checked(_LIBC.socket(2, 1, 0)))
"""),
        statuses=ANY,
    ),
    _make(
        "dumps-core",
        attempting("""
import resource
attempt("a core limit", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20)) or "raised")
_LIBC.prctl(4, 1, 0, 0, 0)
ctypes.string_at(0)
"""),
        statuses=("killed",),
    ),
    _make(
        "calls-every-number",  # with no arguments: what it may call does nothing, what it may not is refused
        attempting("""
# left out: those that end, stop or block the process, or fork it when they succeed, and reboot-like ones
skipped = {0, 15, 16, 34, 35, 56, 57, 58, 59, 60, 61, 62, 112, 119, 130, 153, 162, 169, 200, 201, 219, 231,
           68, 232, 234, 247, 270, 271, 281, 7, 23, 24, 246, 128, 202, 322, 435, 441, 449, 78, 3, 87, 101, 163, 436}
if platform.machine() == "x86_64":
    counts = {}
    for number in sorted(set(range(470)) - skipped):
        ctypes.set_errno(0)
        _LIBC.syscall.restype = ctypes.c_long
        result = _LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)
        counts[ctypes.get_errno() if result == -1 else 0] = counts.get(ctypes.get_errno() if result == -1 else 0, 0) + 1
    print(counts)
"""),
        statuses=ANY,
        timeout_s=3.0,
    ),
)
