"""Programs that want to start processes, programs and threads."""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of, attempting

_start, _many = attacks_of("starting processes"), attacks_of("threads")

# A bound on what a program that gets through can do: 64 children that end by themselves or are killed.
_FORK = """
import signal, time
def fork():
    pid = os.fork()
    if pid == 0:
        time.sleep(20)
        os._exit(0)
    return pid
"""

STARTING: tuple[Attack, ...] = (
    _start(
        "forks-without-end",
        attempting(
            _FORK
            + """
children = []
for _ in range(64):
    try:
        children.append(fork())
    except OSError as error:
        _REFUSED.append(f"fork {len(children) + 1}: {error}")
        break
for pid in children:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
if children:
    print("ESCAPED", len(children), "processes", flush=True)
"""
        ),
    ),
    _start(
        "forks-by-raw-calls",
        attempting("""
def child_ends(pid):
    if pid == 0:
        os._exit(0)
    return pid
if platform.machine() == "x86_64":
    attempt("fork", lambda: child_ends(syscall(57)))
attempt("clone", lambda: child_ends(syscall((56, 220), 17, 0, 0, 0, 0)))
attempt("clone with a shared parent", lambda: child_ends(syscall((56, 220), 0x8000 | 17, 0, 0, 0, 0)))
attempt("clone with new namespaces", lambda: child_ends(syscall((56, 220), 0x10000000 | 0x20000 | 17, 0, 0, 0, 0)))
attempt("clone3", lambda: child_ends(syscall((435, 435), (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17), 88)))
"""),
    ),
    _start(
        "calls-with-other-numbers",  # the 32-bit gate and the x32 table, which filters forget
        attempting("""
import mmap
def run(code):
    page = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    page.write(code)
    result = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    if result == 0:
        os._exit(0)
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result
if platform.machine() == "x86_64":
    attempt("x32 fork", lambda: syscall(0x40000000 | 57) or os._exit(0))
    attempt("x32 socket", lambda: syscall(0x40000000 | 41, 2, 1, 0))
    attempt("int 0x80 fork", lambda: run(bytes.fromhex("53b802000000cd805bc3")))
"""),
    ),
    _start(
        "runs-a-shell",
        attempting("""
def shell():
    status = os.system("echo shell-ran")
    if status != 0:
        raise OSError(f"exit status {status}")
    return status
attempt("os.system", shell)
attempt("os.popen", lambda: os.popen("echo popen-ran").read() or 1 / 0)
"""),
    ),
    _start(
        "spawns",
        attempting("""
import multiprocessing, subprocess
attempt("subprocess", lambda: subprocess.run(["/bin/true"], check=True))
attempt("posix_spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
def job():
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join(5)
    return process.pid
attempt("multiprocessing", job)
attempt("spawned python", lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
attempt("pty.fork", lambda: __import__("pty").fork()[0] or os._exit(0))
"""),
    ),
    _start(
        "becomes-another-program",
        attempting("""
attempt("execv", lambda: os.execv("/bin/echo", ["echo", "ESCAPED", "execv"]))
attempt("python", lambda: os.execv(sys.executable, ["python3", "-c", "print('ESCAPED python')"]))
attempt("execveat", lambda: syscall((322, 281), -100, b"/bin/echo",
    (ctypes.c_char_p * 3)(b"echo", b"ESCAPED execveat", None), (ctypes.c_char_p * 1)(None), 0))
"""),
    ),
    _start(
        "becomes-a-program-in-memory",
        attempting("""
def program():
    fd = os.memfd_create("program")
    os.write(fd, b"#!/bin/echo ESCAPED memfd\\n")
    return fd
attempt("fexecve", lambda: os.execve(program(), ["x"], {}))
attempt("by its path", lambda: os.execv(f"/proc/self/fd/{program()}", ["x"]))
attempt("execveat", lambda: syscall((322, 281), program(), b"",
    (ctypes.c_char_p * 2)(b"x", None), (ctypes.c_char_p * 1)(None), 0x1000))
"""),
        statuses=ANY,
    ),
    _start(
        "leaves-a-daemon",
        attempting("""
import time
def daemon():
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(30)
        os._exit(0)
    return pid
attempt("a daemon", daemon)
"""),
    ),
)

THREADS: tuple[Attack, ...] = (
    _many(
        "starts-threads-without-end",
        attempting("""
import threading, time
threading.stack_size(64 << 10)
started = 0
try:
    for _ in range(3000):
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        started += 1
except (RuntimeError, MemoryError, OSError) as error:
    _REFUSED.append(f"thread {started + 1}: {error}")
if started >= 3000:
    print("ESCAPED", started, "threads", flush=True)
"""),
    ),
    _many(
        "asks-torch-for-threads",
        attempting("""
torch.set_num_threads(1000)
x = torch.randn(2000, 2000)
for _ in range(2):
    x = x @ x
"""),
        statuses=ANY,
        timeout_s=5.0,
    ),
    _many(
        "leaves-a-thread-running",
        attempting("""
import threading, time
def spin():
    while True:
        time.sleep(0.001)
for _ in range(8):
    threading.Thread(target=spin, daemon=False).start()
"""),
        statuses=ANY,
    ),
)
