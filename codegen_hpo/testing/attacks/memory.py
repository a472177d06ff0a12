"""Programs that want more memory than they may have.

Each stops by itself at three GiB, three times the limit of `sandbox_cases.CASE_LIMITS`, and says that it
got there: a machine survives it where nothing else stops it.
"""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.records import Status
from codegen_hpo.testing.attacks.attack import Attack, attacks_of, attempting
from codegen_hpo.testing.sandbox_cases import sample_source

_make = attacks_of("memory")

_ENDED: tuple[Status, ...] = ("oom", "error", "killed", "timeout")
_GOT = 'print("ESCAPED held", held >> 20, "MiB", flush=True)\nraise RuntimeError("held it all")'

# Maps `flags`, 256 MiB at a time, and writes to every page.
_MAP = """
libc = _LIBC
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
SIZE, held = 256 << 20, 0
def take(flags, fd=-1, size=SIZE):
    at = libc.mmap(None, size, 3, flags, fd, 0)
    if at == ctypes.c_void_p(-1).value:
        raise MemoryError(os.strerror(ctypes.get_errno()))
    libc.memset(at, 1, size)
    return size
"""

MEMORY: tuple[Attack, ...] = (
    _make("asks-at-once", sample_source(construct="torch.empty(1 << 40).fill_(1)"), statuses=_ENDED),
    _make(
        "asks-numpy-at-once",
        sample_source(construct="import numpy\nnumpy.ones((1 << 38,), dtype=numpy.int8)"),
        statuses=_ENDED,
    ),
    _make(
        "fills-slowly",
        sample_source(
            construct="kept, held = [], 0\nwhile held < 3 << 30:\n"
            "    kept.append(torch.ones(1 << 20))\n    held += 4 << 20\n" + _GOT
        ),
        statuses=_ENDED,
    ),
    _make(
        "fills-in-forward",
        sample_source(
            forward="kept = self.__dict__.setdefault('kept', [])\n"
            "kept += [torch.ones(1 << 24) for _ in range(16)]\nheld = len(kept) << 26\n"
            "if held >= 3 << 30:\n    " + _GOT.replace("\n", "\n    ") + "\nreturn self.layer(x_num)"
        ).replace("max_epochs=3", "max_epochs=40"),
        statuses=_ENDED,
    ),
    _make(
        "fills-with-python-objects",
        sample_source(
            construct="kept, held = [], 0\nwhile held < 3 << 30:\n"
            "    kept.append(bytes(1 << 16))\n    held += 1 << 16\n" + _GOT
        ),
        statuses=_ENDED,
    ),
    _make(
        "maps-shared-memory",
        attempting(_MAP + "while held < 3 << 30:\n    held += take(0x21)\n" + _GOT),
        statuses=_ENDED,
    ),
    _make(
        "maps-memory-as-a-stack",  # MAP_GROWSDOWN: the kernel does not count it as data
        attempting(_MAP + "while held < 3 << 30:\n    held += take(0x0122)\n" + _GOT),
        statuses=_ENDED,
    ),
    _make(
        "maps-the-device-of-zeros",
        attempting(
            _MAP + 'fd = os.open("/dev/zero", os.O_RDWR)\n'
            "while held < 3 << 30:\n    held += take(0x01, fd)\n" + _GOT
        ),
        statuses=_ENDED,
    ),
    _make(
        "maps-a-file-in-memory",
        attempting(
            _MAP + 'fd = os.memfd_create("big")\nos.ftruncate(fd, SIZE)\n'
            "while held < 3 << 30:\n"
            '    fd = os.memfd_create("big")\n    os.ftruncate(fd, SIZE)\n    held += take(0x01, fd)\n' + _GOT
        ),
        statuses=_ENDED,
    ),
    _make(
        "fills-page-tables",  # one page of tables for two MiB of map: 1.5 GiB of them
        attempting("""
libc = _LIBC
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
SIZE = 768 << 30
at = libc.mmap(None, SIZE, 1, 0x4022, -1, 0)
if at == ctypes.c_void_p(-1).value:
    raise MemoryError(os.strerror(ctypes.get_errno()))
libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(SIZE), 15)
pages = (ctypes.c_char * SIZE).from_address(at)
for place in range(0, SIZE, 2 << 20):
    pages[place]
print("ESCAPED filled", SIZE >> 29, "MiB of page tables", flush=True)
raise RuntimeError("held it all")
"""),
        statuses=_ENDED,
        timeout_s=6.0,
    ),
    _make(
        "takes-sysv-segments",
        attempting(
            """
libc = _LIBC
libc.shmat.restype, libc.memset.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
libc.shmat.argtypes, libc.shmdt.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int], [ctypes.c_void_p]
libc.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
segments, held = [], 0
try:
    while held < 3 << 30:
        segment = checked(libc.shmget(0, 256 << 20, 0o1600))
        segments.append(segment)
        at = libc.shmat(segment, None, 0)
        libc.memset(at, 1, 256 << 20)
        libc.shmdt(at)
        held += 256 << 20
finally:
    for segment in segments:
        libc.shmctl(segment, 0, None)
"""
            + _GOT
        ),
        statuses=_ENDED,
    ),
    _make(
        "shares-tensors",
        sample_source(
            construct="kept, held = [], 0\nwhile held < 3 << 30:\n"
            "    kept.append(torch.ones(1 << 24).share_memory_())\n    held += 1 << 26\n" + _GOT
        ),
        statuses=_ENDED,
    ),
    _make(
        "fills-pipes",
        attempting("""
import fcntl
held, ends = 0, []
while True:
    try:
        ends.append(os.pipe())
    except OSError as error:
        _REFUSED.append(f"pipe {len(ends) + 1}: {error}")
        break
    try:
        fcntl.fcntl(ends[-1][1], 1031, 1 << 20)
    except OSError:
        pass
    os.set_blocking(ends[-1][1], False)
    try:
        while True:
            held += os.write(ends[-1][1], bytes(1 << 16))
    except BlockingIOError:
        pass
if held > 512 << 20:
    print("ESCAPED held", held >> 20, "MiB in pipes", flush=True)
"""),
        statuses=_ENDED,
    ),
    _make(
        "grows-its-stack",
        attempting("""
import resource
try:
    resource.setrlimit(resource.RLIMIT_STACK, (resource.getrlimit(resource.RLIMIT_STACK)[1],) * 2)
except (OSError, ValueError) as error:
    print(error)
sys.setrecursionlimit(1 << 30)
def deeper(n):
    return max([n], key=lambda m: deeper(m + 1))
deeper(0)
"""),
        statuses=_ENDED,
        timeout_s=4.0,
    ),
    _make(
        "has-a-huge-layer",
        sample_source(construct="Net.more = None").replace(
            "nn.Linear(n_numeric, n_outputs)",
            "nn.Linear(n_numeric, n_outputs); self.big = nn.Linear(1 << 16, 1 << 16)",
        ),
        statuses=_ENDED,
    ),
)
