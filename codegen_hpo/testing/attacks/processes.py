"""Programs that want to touch the processes that are there."""

from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of, attempting

_other = attacks_of("other processes")

OTHERS: tuple[Attack, ...] = (
    _other(
        "kills-the-victim",
        attempting("""
import signal
for number in (0, signal.SIGUSR1, signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
    attempt(f"signal {int(number)}", lambda: os.kill($victim, number) or "sent")
"""),
    ),
    _other(
        "kills-its-parent",
        attempting("""
import signal
parent = os.getppid()
attempt("signal 0 to PID 1", lambda: os.kill(1, 0) or "may be killed")
for number in (signal.SIGURG, signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
    attempt(f"signal {int(number)} to {parent}", lambda: os.kill(parent, number) or "sent")
"""),
    ),
    _other(
        "kills-groups",  # signal 0 asks for the permission alone: the machine must survive a success
        attempting("""
attempt("everybody", lambda: os.kill(-1, 0) or "may be killed")
attempt("the parent's group", lambda: os.killpg(os.getpgid(os.getppid()), 0) or "may be killed")
attempt("the victim's group", lambda: os.kill(-$victim, 0) or "may be killed")
attempt("the parent's thread", lambda: syscall((234, 131), os.getppid(), os.getppid(), 23))
attempt("tkill", lambda: syscall((200, 130), os.getppid(), 23))
attempt("sigqueue", lambda: syscall((129, 138), os.getppid(), 23, bytes(128)))
attempt("pidfd_send_signal", lambda: syscall((424, 424), os.pidfd_open(os.getppid()), 23, 0, 0))
"""),
    ),
    _other(
        "signals-by-a-pipe",  # the kernel sends the signal, so a filter of kill() does not see it
        attempting("""
import fcntl
def send(pid, number, high=0):
    reading, writing = os.pipe()
    checked(_LIBC.fcntl(reading, ctypes.c_long(high | 10), number))  # F_SETSIG
    checked(_LIBC.fcntl(reading, ctypes.c_long(high | 8), pid))  # F_SETOWN
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_NONBLOCK | 0o20000)
    os.write(writing, b"x")
    return "sent"
_LIBC.fcntl.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_long]
for pid in ($victim, os.getppid()):
    attempt(f"SIGKILL to {pid}", lambda: send(pid, 9))
    attempt(f"SIGKILL to {pid}, with a number that is longer", lambda: send(pid, 9, 1 << 32))
    owner = (ctypes.c_int * 2)(1, pid)
    attempt(f"F_SETOWN_EX {pid}", lambda: syscall((72, 25), os.pipe()[0], 15, owner))
"""),
    ),
    _other(
        "hides-numbers-in-high-bits",  # the kernel drops them, a filter may compare them
        attempting("""
high = 1 << 32
parent, victim = os.getppid(), $victim
for pid in (parent, victim):
    attempt(f"kill {pid}", lambda: syscall((62, 129), high | pid, 0))
    attempt(f"tgkill {pid}", lambda: syscall((234, 131), high | pid, high | pid, 0))
    attempt(f"prlimit {pid}", lambda: syscall((302, 261), high | pid, 4, (ctypes.c_uint64 * 2)(0, 0), 0))
    attempt(f"affinity {pid}", lambda: syscall((203, 122), high | pid, 8, (ctypes.c_uint64 * 1)(1)))
    attempt(f"priority {pid}", lambda: syscall((141, 140), high, high | pid, 19))
attempt("socket", lambda: syscall((41, 198), high | 2, high | 1, 0))
attempt("clone", lambda: syscall((56, 220), high | 17, 0, 0, 0, 0) or os._exit(0))
attempt("TIOCSTI", lambda: syscall((16, 29), 0, high | 0x5412, b"x"))
"""),
    ),
    _other(
        "traces",
        attempting("""
for pid in (os.getppid(), $victim):
    attempt(f"seize {pid}", lambda: syscall((101, 117), 0x4206, pid, 0, 0))
attempt("be traced", lambda: syscall((101, 117), 0, 0, 0, 0))
"""),
    ),
    _other(
        "reads-memory-of-others",
        attempting("""
buffer = ctypes.create_string_buffer(64)
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
here, there = Vector(ctypes.addressof(buffer), 64), Vector(id(os) & ~7, 64)
for pid in (os.getppid(), $victim):
    attempt(f"process_vm_readv {pid}", lambda: syscall((310, 270), pid, here, 1, there, 1, 0))
    attempt(f"process_vm_writev {pid}", lambda: syscall((311, 271), pid, here, 1, there, 1, 0))
    attempt(f"mem of {pid}", lambda: open(f"/proc/{pid}/mem", "r+b", buffering=0).fileno())
    attempt(f"kcmp {pid}", lambda: syscall((312, 272), os.getpid(), pid, 1, 0, 0))
"""),
    ),
    _other(
        "takes-descriptors-of-others",
        attempting("""
for pid in (os.getppid(), $victim):
    def take(number):
        return syscall((438, 438), os.pidfd_open(pid), number, 0)
    for number in range(6):
        attempt(f"descriptor {number} of {pid}", lambda: take(number))
"""),
    ),
    _other(
        "uses-inherited-descriptors",
        attempting("""
import stat, struct
for fd in range(4, 1024):
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        continue
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        attempt(f"descriptor {fd}", lambda: os.write(fd, struct.pack("<cI", b"V", 2) + b"{}"))
_REFUSED.append("no pipe but the result's")
"""),
    ),
    _other(
        "slows-others-down",
        attempting("""
import resource
for pid in (os.getppid(), $victim):
    attempt(f"nice {pid}", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19) or "slowed")
    attempt(f"nice group {pid}", lambda: os.setpriority(os.PRIO_PGRP, os.getpgid(pid), 19) or "slowed")
    attempt(f"affinity {pid}", lambda: os.sched_setaffinity(pid, {0}) or "moved")
    attempt(f"limits {pid}", lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0)))
    attempt(f"policy {pid}", lambda: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)) or "idle")
    attempt(f"io priority {pid}", lambda: syscall((251, 30), 1, pid, 3 << 13))
    attempt(f"memory of {pid} paged out", lambda: syscall((440, 440), os.pidfd_open(pid), 0, 0, 21, 0))
"""),
    ),
    _other(
        "raises-its-own-rank",
        attempting("""
import resource
attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, 0, -5) or "raised")
attempt("real time", lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)) or "real time")
for name in ("RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_CORE", "RLIMIT_NOFILE"):
    limit, (_, hard) = getattr(resource, name), resource.getrlimit(getattr(resource, name))
    if hard != resource.RLIM_INFINITY:
        attempt(name, lambda: resource.setrlimit(limit, (-1, -1)) or "without limit")
def spare():
    with open("/proc/self/oom_score_adj", "r+") as file:
        before = int(file.read())
        file.seek(0)
        file.write(str(before - 1000))
    return "spared by the out-of-memory killer"
attempt("oom_score_adj", spare)
"""),
    ),
    _other(
        "types-into-the-terminal",
        attempting("""
import fcntl
for fd in (0, 1, 2):
    attempt(f"TIOCSTI on {fd}", lambda: fcntl.ioctl(fd, 0x5412, b"x"))
attempt("/dev/tty", lambda: fcntl.ioctl(os.open("/dev/tty", os.O_RDWR), 0x5412, b"x"))
attempt("a new terminal", lambda: os.openpty())
"""),
    ),
    _other(
        "outlives-its-parent",
        attempting("""
libc = _LIBC
attempt("no signal at the parent's death", lambda: checked(libc.prctl(1, 0, 0, 0, 0)))
for fd in range(3):
    os.close(fd)
"""),
        statuses=ANY,
    ),
)
