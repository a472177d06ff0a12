"""Programs that want to read, write or link files."""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of, attempting

_reads, _writes = attacks_of("files and secrets"), attacks_of("writing")

# The secret begins with a word that a program may know: what it must not get is the rest.
_SEARCH = """
import time
end = time.monotonic() + 4
def look(path):
    with open(path, "rb") as file:
        data = file.read(1 << 16)
    at = data.find(b"$mark")
    if at >= 0:
        print("ESCAPED read", path, data[at:at + 60], flush=True)
"""

FILES: tuple[Attack, ...] = (
    _reads(
        "reads-the-secrets",
        attempting("""
for path in ("$secret_home", "$secret_here", "$secret_folder/canary"):
    attempt(path, lambda: open(path).read())
"""),
    ),
    _reads(
        "reads-keys",
        attempting("""
import glob
for path in ("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/root/.bashrc", "/root/.netrc",
             *glob.glob("/home/*/.*rc"), *glob.glob("/root/.ssh/*"), "/var/lib/docker/engine-id"):
    attempt(path, lambda: len(open(path).read(50)))
"""),
    ),
    _reads(
        "walks-the-file-system",
        attempting(
            _SEARCH
            + """
import os.path
for top in (os.path.expanduser("~"), "$secret_folder", "/tmp", "/home", "/root", "/run", "/var", "/mnt"):
    for folder, _, names in os.walk(top):
        for name in names:
            if time.monotonic() > end:
                break
            try:
                look(os.path.join(folder, name))
            except OSError:
                pass
"""
        ),
    ),
    _reads(
        "prints-its-environment",
        attempting("""
print(dict(os.environ))
try:
    print(open("/proc/self/environ", "rb").read().decode(errors="replace"))
except OSError as error:
    print(error)
block = ctypes.cast(ctypes.c_void_p.in_dll(_LIBC, "environ"), ctypes.POINTER(ctypes.c_char_p))
at = 0
while block and block[at]:
    print(block[at].decode(errors="replace"))
    at += 1
"""),
    ),
    _reads(
        "reads-other-processes",
        attempting("""
me = str(os.getpid())
for name in [n for n in os.listdir("/proc") if n.isdigit() and n != me]:
    attempt(f"environ of {name}", lambda: len(open(f"/proc/{name}/environ", "rb").read()))
    attempt(f"memory map of {name}", lambda: len(open(f"/proc/{name}/maps").read()))
    attempt(f"descriptors of {name}", lambda: [os.readlink(f"/proc/{name}/fd/{n}") for n in range(3)])
    attempt(f"root of {name}", lambda: len(os.listdir(f"/proc/{name}/root/")))
    attempt(f"memory of {name}", lambda: open(f"/proc/{name}/mem", "rb").fileno())
    if len(_REFUSED) > 200:
        break
"""),
    ),
    _reads(
        "opens-devices",
        attempting("""
import glob
for path in ("/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/proc/kcore", "/dev/fuse",
             "/dev/kvm", "/dev/net/tun", "/proc/kmsg", "/sys/kernel/debug/tracing/trace", "/dev/console",
             *glob.glob("/dev/[svx]d?"), *glob.glob("/dev/nvme?n?"), *glob.glob("/dev/loop?")):
    attempt(path, lambda: os.open(path, os.O_RDONLY | os.O_NONBLOCK))
"""),
    ),
    _reads(
        "climbs-out",
        attempting("""
for path in ("/proc/1/root/etc/shadow", "/proc/1/cwd/etc/shadow", f"/proc/{os.getppid()}/root/etc/shadow",
             "/data/../../../../etc/shadow", "/proc/self/root/etc/shadow", "/proc/self/task/1/root/etc/shadow"):
    attempt(path, lambda: len(open(path).read(20)))
attempt("chroot", lambda: os.chroot("/"))
attempt("a file handle", lambda: syscall((304, 265), -100, bytes(8) + bytes(64), 0))
"""),
    ),
    _reads(
        "watches-files",
        attempting("""
for path in ("$secret_folder", "$secret_home", "/tmp", "/home"):
    attempt(path, lambda: checked(_LIBC.inotify_add_watch(checked(_LIBC.inotify_init1(0)), path.encode(), 0xFFF)))
    attempt(f"notices of {path}", lambda: __import__("fcntl").fcntl(os.open(path, os.O_RDONLY), 1026, 2))
    attempt(f"a lease of {path}", lambda: __import__("fcntl").fcntl(os.open(path, os.O_RDONLY), 1024, 0))
"""),
    ),
    _writes(
        "writes-where-it-can",
        attempting("""
import os.path
def write(folder):
    path = os.path.join(folder, f"codegen-hpo-attack-{os.getpid()}")
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.close(fd)
    os.unlink(path)
    return path
for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/", "/data", "$bundle", "$secret_folder",
               os.getcwd(), os.path.expanduser("~"), "/dev", "/proc/self", "/sys/fs/cgroup", "/dev/mqueue",
               os.path.dirname(torch.__file__), os.environ.get("TORCHINDUCTOR_CACHE_DIR", "/nowhere")):
    attempt(folder, lambda: write(folder))
"""),
    ),
    _writes(
        "fills-the-disk",
        attempting("""
def fill(folder):
    path, block = f"{folder}/codegen-hpo-fill", b"x" * (1 << 20)
    try:
        with open(path, "wb") as file:
            for _ in range(256):
                file.write(block)
    finally:
        if os.path.exists(path):
            os.unlink(path)
for folder in ("/tmp", "/var/tmp", "/dev/shm", "$secret_folder"):
    attempt(f"256 MiB in {folder}", lambda: fill(folder))
attempt("a temporary file without a name", lambda: os.write(os.open("/tmp", os.O_TMPFILE | os.O_RDWR), b"x" * 9))
"""),
    ),
    _writes(
        "changes-a-file",
        attempting("""
path = "$secret_folder/canary"
attempt("append", lambda: open(path, "a").write("x"))
attempt("truncate", lambda: os.truncate(path, 0))
attempt("chmod", lambda: os.chmod(path, 0o777))
attempt("utime", lambda: os.utime(path, (1, 1)))
attempt("rename", lambda: os.rename(path, path + "2"))
attempt("mkdir", lambda: os.mkdir("$secret_folder/new"))
attempt("xattr", lambda: os.setxattr(path, "user.attack", b"1"))
attempt("chown", lambda: os.chown(path, 1, 1))
"""),
    ),
    _writes(
        "links",
        attempting("""
def make(call, *given):
    path = f"{folder}/codegen-hpo-attack-link"
    call(*given, path) if call in (os.symlink, os.link) else call(path, *given)
    os.unlink(path)
    return path
for folder in ("$secret_folder", "/tmp", "/dev/shm", "/data"):
    attempt(f"symlink in {folder}", lambda: make(os.symlink, "/etc/passwd"))
    attempt(f"hard link in {folder}", lambda: make(os.link, "$secret_folder/canary"))
    attempt(f"fifo in {folder}", lambda: make(os.mkfifo))
    attempt(f"device in {folder}", lambda: make(os.mknod, 0o20666, os.makedev(1, 3)))
"""),
    ),
    _writes(
        "changes-the-bundle",
        attempting("""
import glob
for path in glob.glob("/data/*") + glob.glob("$bundle/*"):
    attempt(path, lambda: os.open(path, os.O_RDWR))
for array in bundle_arrays():
    attempt("a byte of a mapping", lambda: array.base.__setitem__(0, 0))
    attempt("a value of an array", lambda: array.__setitem__(0, 0))
"""),
    ),
    _writes(
        "changes-the-bundle-s-pages",
        attempting("""
arrays = bundle_arrays()
for array in arrays[:12]:
    page = array.ctypes.data & ~4095
    attempt("mprotect of the bundle", lambda: checked(_LIBC.mprotect(ctypes.c_void_p(page), 4096, 3)))
    def through_proc():
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(array.ctypes.data)
            return memory.write(b"\\x7f" * 8)
    attempt("/proc/self/mem onto the bundle", through_proc)
if not arrays:
    _REFUSED.append("no mapped array was found")
"""),
    ),
    _writes(
        "changes-the-worker-s-files",
        attempting("""
import glob
for path in [m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)][:400:20]:
    attempt(path, lambda: os.open(path, os.O_WRONLY | os.O_APPEND))
for name in ("child", "frames", "supervise", "guard", "worker"):
    path = getattr(sys.modules.get(name), "__file__", None)
    if path:
        attempt(path, lambda: os.open(path, os.O_WRONLY | os.O_APPEND))
"""),
    ),
    _writes(
        "changes-the-kernel-s-knobs",
        attempting("""
for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/vm/overcommit_memory",
             "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/cgroup.procs",
             "/sys/fs/cgroup/memory/release_agent", "/proc/self/uid_map", "/proc/self/attr/current"):
    attempt(path, lambda: os.close(os.open(path, os.O_WRONLY)) or "opened to write")
"""),
    ),
    _writes(
        "opens-its-own-memory-as-a-file",
        attempting("""
attempt("a file in memory", lambda: os.write(os.memfd_create("kept"), b"x" * 4096))
attempt("a secret memory file", lambda: os.ftruncate(syscall((447, 447), 0), 1 << 20))
"""),
        statuses=ANY,
    ),
)
