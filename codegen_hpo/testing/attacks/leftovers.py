"""Programs that leave something for the next trial, and one that looks for it.

The control after each shows whether a trial that does not look for it is touched.
"""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of, attempting

_make = attacks_of("state left behind")


def _leaves(name: str, body: str) -> Attack:
    return _make(name, attempting(body), statuses=ANY, timeout_s=6.0)


LEFTOVERS: tuple[Attack, ...] = (
    _leaves(
        "leaves-names",
        """
import builtins, linecache, math
builtins.LEFT = sys.LEFT = torch.LEFT = torch.nn.LEFT = math.pi = 3
sys.modules["left_module"] = sys
sys.path.insert(0, "/left")
os.environ["LEFT"] = "1"
linecache.cache["left.py"] = (1, None, ["left"], "left.py")
""",
    ),
    _leaves(
        "leaves-settings",
        """
torch.set_default_dtype(torch.float64)
torch.set_num_threads(2)
torch.manual_seed(999)
import gc, random, signal, locale
random.seed(999)
gc.disable()
os.umask(0o777)
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.setrecursionlimit(60)
os.chdir("/proc")
""",
    ),
    _leaves(
        "leaves-shared-memory",
        """
attempt("SysV memory", lambda: checked(_LIBC.shmget(0x636F6465, 4096, 0o1666)))
attempt("SysV queue", lambda: checked(_LIBC.msgget(0x636F6465, 0o1666)))
attempt("SysV semaphore", lambda: checked(_LIBC.semget(0x636F6465, 1, 0o1666)))
def posix():
    fd = checked(_LIBC.shm_open(b"/codegen-hpo-left", 0o102, 0o600))
    return fd
attempt("POSIX memory", posix)
attempt("POSIX queue", lambda: syscall((240, 180), b"codegen-hpo-left", 0o102, 0o600, 0))
attempt("POSIX semaphore", lambda: __import__("_multiprocessing").SemLock(1, 1, 1, "/codegen-hpo-left", False))
tell()
""",
    ),
    _leaves(
        "leaves-files",
        """
for path in ("/tmp/codegen-hpo-left", "/dev/shm/codegen-hpo-left", "/var/tmp/codegen-hpo-left", "/data/left"):
    attempt(path, lambda: os.close(os.open(path, os.O_CREAT | os.O_WRONLY)) or "left")
tell()
""",
    ),
    _leaves(
        "leaves-changed-pages",
        """
import numpy
for array in bundle_arrays():
    attempt("setflags", lambda: array.setflags(write=True) or "writable")
    page = array.ctypes.data & ~4095
    _LIBC.mmap.restype = ctypes.c_void_p
    _LIBC.mmap(ctypes.c_void_p(page), ctypes.c_size_t(4096), 3, 0x32, -1, 0)
""",
    ),
    _leaves(
        "leaves-a-freed-page-cache",
        """
for array in bundle_arrays():
    _LIBC.madvise(ctypes.c_void_p(array.ctypes.data & ~4095), ctypes.c_size_t(4096), 9)
    _LIBC.madvise(ctypes.c_void_p(array.ctypes.data & ~4095), ctypes.c_size_t(4096), 4)
""",
    ),
    _make(
        "looks-for-what-was-left",
        attempting("""
import builtins, gc, math, linecache, signal
# nothing here is a success unless an earlier program left it
def there(what, found):
    if found:
        print("ESCAPED found", what, flush=True)
    else:
        _REFUSED.append(f"no {what}")
there("a builtin", hasattr(builtins, "LEFT") or hasattr(torch, "LEFT") or hasattr(sys, "LEFT"))
there("another pi", math.pi != 3.141592653589793)
there("a module", "left_module" in sys.modules or "/left" in sys.path)
there("a variable", "LEFT" in os.environ)
there("a line", "left.py" in linecache.cache)
there("a default", torch.get_default_dtype() != torch.float32)
there("a collector that is off", not gc.isenabled())
there("a recursion limit", sys.getrecursionlimit() == 60)
there("a signal's handler", signal.getsignal(signal.SIGINT) == signal.SIG_IGN)
there("a SysV segment", _LIBC.shmget(0x636F6465, 4096, 0o600) != -1)
there("a SysV queue", _LIBC.msgget(0x636F6465, 0o600) != -1)
there("POSIX memory", _LIBC.shm_open(b"/codegen-hpo-left", 0, 0o600) != -1)
for path in ("/tmp/codegen-hpo-left", "/dev/shm/codegen-hpo-left", "/var/tmp/codegen-hpo-left", "/data/left"):
    there(path, os.path.exists(path))
keys = _LIBC.syscall(249 if platform.machine() == "x86_64" else 218, b"user", b"codegen-hpo-attack", 0, 0)
there("a key", keys != -1)
"""),
    ),
)
