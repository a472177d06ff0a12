import ctypes
import errno
import mmap
import os
import platform
import re
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from seccomp import Instruction, program
from supervise import Result
from syscalls import CALLS, FIRST_UNKNOWN

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS = ERROR | errno.EPERM, ERROR | errno.ENOSYS
PID, OTHER = 4711, 1
HERE = platform.machine() if sys.platform.startswith("linux") else ""
on_this_machine = pytest.mark.skipif(HERE not in MACHINES, reason="no filter for this machine")

NEVER = """
fork vfork execve execveat uselib ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd
pidfd_send_signal kcmp tkill socketpair connect accept accept4 sendto sendmsg sendmmsg unshare setns
mount umount2 pivot_root chroot open_tree move_mount fsopen fsmount mount_setattr swapon bpf
perf_event_open userfaultfd io_uring_setup add_key request_key keyctl seccomp personality
init_module kexec_load reboot name_to_handle_at open_by_handle_at fanotify_init shmget shmat semget
msgget mq_open memfd_secret creat truncate unlink unlinkat rename renameat2 link linkat symlink
symlinkat mknod mknodat mkdirat rmdir chmod fchmod fchmodat2 fchownat utimensat setxattr ioprio_set
""".split()  # noqa: SIM905


def run(instructions: list[Instruction], arch: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the kernel would answer: an interpreter of the part of classic BPF that seccomp allows."""
    arguments = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *(a & (1 << 64) - 1 for a in arguments))
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = instructions[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return value
        else:
            test = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}
            at += if_true if test[code] else if_false


def verdict(machine: str, name: str, *arguments: int, gpu: bool = False) -> int | None:
    """None for a call that the machine does not have."""
    number = getattr(CALLS[name], machine)
    return None if number is None else run(program(machine, PID, gpu), MACHINES[machine], number, arguments)


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("machine", MACHINES)
def test_the_kernel_would_take_the_program(machine: str, gpu: bool) -> None:
    instructions = program(machine, PID, gpu)
    assert len(instructions) < 4096
    for at, (code, if_true, if_false, value) in enumerate(instructions):
        assert code in (0x20, 0x54, 0x06, 0x15, 0x35, 0x45)
        assert 0 <= if_true < 256
        assert 0 <= if_false < 256
        assert at + 1 + max(if_true, if_false) < len(instructions) or code == 0x06
        assert 0 <= value < 1 << 32
        assert code != 0x20 or (value % 4 == 0 and value < 64)


@given(
    st.sampled_from(sorted(MACHINES)),
    st.booleans(),
    st.integers(0, 600) | st.integers(0, (1 << 32) - 1),
    st.tuples(*[st.integers(0, (1 << 64) - 1) | st.integers(0, 64)] * 6),
)
def test_any_call_is_allowed_or_an_error(
    machine: str, gpu: bool, number: int, arguments: tuple[int, ...]
) -> None:
    answer = run(program(machine, PID, gpu), MACHINES[machine], number, arguments)
    assert answer in (ALLOW, EPERM, ENOSYS)
    assert number < FIRST_UNKNOWN or answer == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_another_machine_end_the_process(machine: str) -> None:
    for arch in (0x40000003, 0x40000028, 0xC00000B7 if machine == "x86_64" else 0xC000003E, 0):
        assert run(program(machine, PID, False), arch, 1) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_calls_of_x32_and_of_the_future_do_not_exist(machine: str) -> None:
    for number in ((1 << 30) + 1, (1 << 30) + 520, FIRST_UNKNOWN, 1000, (1 << 32) - 1):
        assert run(program(machine, PID, False), MACHINES[machine], number) == ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_what_a_training_calls_is_allowed(machine: str) -> None:
    read, write, futex, exit_group = {"x86_64": (0, 1, 202, 231), "aarch64": (63, 64, 98, 94)}[machine]
    for number in (read, write, futex, exit_group):
        assert run(program(machine, PID, False), MACHINES[machine], number) == ALLOW
    assert verdict(machine, "mmap", 0, 1 << 20, 3, 0x22) == ALLOW
    assert verdict(machine, "openat", 0, 0, os.O_RDONLY | os.O_CLOEXEC) == ALLOW
    assert verdict(machine, "clone", 0x3D0F00) == ALLOW  # pthread_create of glibc
    assert verdict(machine, "prctl", 15) == ALLOW


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", NEVER)
def test_a_forbidden_call_is_refused_whatever_its_arguments(machine: str, gpu: bool, name: str) -> None:
    for first in (0, PID, (1 << 64) - 1):
        assert verdict(machine, name, first, first, first, gpu=gpu) in (EPERM, None)


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"])
def test_signals_go_to_the_process_itself_only(machine: str, gpu: bool, name: str) -> None:
    assert verdict(machine, name, PID, gpu=gpu) == ALLOW
    for other in (OTHER, 0, -1, -PID, PID + 1):
        assert verdict(machine, name, other, gpu=gpu) == EPERM


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setattr"])
def test_limits_are_those_of_the_process_itself(machine: str, name: str) -> None:
    assert [verdict(machine, name, pid) for pid in (0, PID, OTHER)] == [ALLOW, ALLOW, EPERM]


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("clone", (0x11,), EPERM),  # a fork
        ("clone", (0x4000 | 0x100 | 0x11,), EPERM),  # a vfork
        ("clone", (0x10000000,), EPERM),  # a user namespace
        ("clone", (0x10000 | 0x20000,), EPERM),  # a thread with its own mounts
        ("clone3", (0, 88), ENOSYS),
        ("openat2", (0, 0, 0, 24), ENOSYS),
        ("openat", (0, 0, os.O_WRONLY), EPERM),
        ("openat", (0, 0, os.O_RDWR), EPERM),
        ("openat", (0, 0, 0o100), EPERM),
        ("openat", (0, 0, 0o1000), EPERM),
        ("openat", (0, 0, 0o20200000 | 2), EPERM),
        ("mmap", (0, 0, 0, 0x21), EPERM),
        ("mmap", (0, 0, 0, 0x23), EPERM),
        ("mmap", (0, 0, 0, 0x122), EPERM),
        ("mmap", (0, 0, 0, 0x1), ALLOW),  # a file, which is open for reading only
        ("setpriority", (0, 0), ALLOW),
        ("setpriority", (0, OTHER), EPERM),
        ("setpriority", (2, 0), EPERM),  # all processes of the user
        ("fcntl", (1, 8), EPERM),  # SIGIO to others
        ("fcntl", (1, 10), EPERM),
        ("fcntl", (1, 3), ALLOW),
        ("ioctl", (0, 0x5412), EPERM),  # TIOCSTI
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0xC0DE), EPERM),
        ("prctl", (1,), EPERM),  # to outlive the server
        ("prctl", (4,), EPERM),
        ("prctl", (22,), EPERM),
        ("socket", (1,), EPERM),
        ("socket", (2,), EPERM),
        ("bind", (), EPERM),
    ],
)
@pytest.mark.parametrize("machine", MACHINES)
def test_arguments_decide(machine: str, name: str, arguments: tuple[int, ...], answer: int) -> None:
    assert verdict(machine, name, *arguments) == answer


@pytest.mark.parametrize("machine", MACHINES)
def test_a_gpu_may_open_devices_and_listen_to_its_own_sockets(machine: str) -> None:
    assert verdict(machine, "openat", 0, 0, os.O_RDWR, gpu=True) == ALLOW
    assert verdict(machine, "mmap", 0, 0, 3, 0x1, gpu=True) == ALLOW
    assert verdict(machine, "ioctl", 5, 0xC020462A, gpu=True) == ALLOW
    assert verdict(machine, "ioctl", 0, 0x5412, gpu=True) == EPERM
    families = [verdict(machine, "socket", family, gpu=True) for family in (1, 2, 10, 16, 17)]
    assert families == [ALLOW, EPERM, EPERM, EPERM, EPERM]
    assert verdict(machine, "bind", 3, gpu=True) == ALLOW


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")),
        ("aarch64", Path("/usr/include/asm-generic/unistd.h")),
    ],
)
def test_numbers_are_those_of_the_kernel(machine: str, header: Path) -> None:
    if not header.exists():
        pytest.skip(f"no {header}")
    names = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", header.read_text(), re.MULTILINE))
    known = {name: int(names[name]) for name in CALLS if name in names}
    assert len(known) > 100
    assert {name: getattr(CALLS[name], machine) for name in known} == known


def errors_of(calls: list[tuple[str, tuple[Any, ...]]]) -> list[int]:
    libc = ctypes.CDLL(None, use_errno=True)
    errors = []
    for name, arguments in calls:
        ctypes.set_errno(0)
        result = libc.syscall(ctypes.c_long(getattr(CALLS[name], HERE)), *map(ctypes.c_long, arguments))
        errors.append(ctypes.get_errno() if result == -1 else 0)
    return errors


@on_this_machine
def test_the_kernel_refuses_what_the_program_forbids(told: Callable[..., Any]) -> None:
    refused = [name for name in CALLS if verdict(HERE, name, 0, 0, 0) == EPERM and name != "kill"]
    calls = [(name, (-1, -1, -1, -1, -1, -1)) for name in refused if name not in ("open", "openat", "mmap")]
    assert len(calls) > 100
    errors = told(lambda: errors_of(calls))
    wrong = {call[0]: error for call, error in zip(calls, errors, strict=True) if error != errno.EPERM}
    assert not wrong
    parent = os.getpid()
    more = [("kill", (parent, 0)), ("kill", (0, 0)), ("kill", (-1, 0)), ("clone", (0x11, 0, 0, 0, 0))]
    assert told(lambda: errors_of(more)) == [errno.EPERM] * 4
    assert told(lambda: errors_of([("clone3", (0, 0)), ("openat2", (0, 0, 0, 0))])) == [errno.ENOSYS] * 2


def attempts() -> dict[str, str]:
    """What Python makes of some forbidden things, by the name of the error."""
    tried: dict[str, Callable[[], Any]] = {
        "subprocess": lambda: subprocess.run(["/bin/true"], check=False),
        "fork": os.fork,
        "write": Path("/tmp/codegen-hpo-left").touch,
        "append": lambda: os.open("/etc/hostname", os.O_WRONLY | os.O_APPEND),
        "unlink": lambda: os.unlink("/etc/hostname"),
        "chmod": lambda: os.chmod("/etc/hostname", 0o777),
        "memfd": lambda: os.memfd_create("x"),
        "shared": lambda: mmap.mmap(-1, 1 << 20),
        "nice": lambda: os.setpriority(os.PRIO_USER, 0, 19),
        "read": Path("/proc/self/status").read_text,
    }
    found = {}
    for name, attempt in tried.items():
        try:
            attempt()
            found[name] = "done"
        except OSError as error:
            found[name] = errno.errorcode[error.errno or 0]
    return found


@on_this_machine
def test_a_child_may_read_but_not_write_start_or_share(told: Callable[..., Any]) -> None:
    found = told(attempts)
    assert found.pop("read") == "done"
    assert set(found.values()) == {"EPERM"}, found


def train() -> list[float]:
    torch.set_num_threads(2)
    torch.manual_seed(0)
    x, y = torch.randn(4000, 64), torch.randn(4000, 1)
    layers = (torch.nn.Linear(64, 256), torch.nn.ReLU(), torch.nn.LayerNorm(256), torch.nn.Linear(256, 1))
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(model.parameters())
    losses = []
    for _ in range(5):
        loss = (model(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    counted: list[int] = []
    threads = [threading.Thread(target=counted.append, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [*losses, float(len(counted))]


@pytest.mark.slow
@on_this_machine
def test_threads_and_training_work_behind_the_filter(told: Callable[..., Any]) -> None:
    found = told(train)
    assert found[-1] == 4
    assert found[4] < found[0]


def call_as_32_bits(fd: int) -> None:
    code = mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid); int 0x80; ret
    ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


@pytest.mark.skipif(HERE != "x86_64", reason="an entry of x86")
def test_the_entry_for_32_bit_programs_ends_the_process(guarded: Callable[..., Result]) -> None:
    found = guarded(call_as_32_bits).verdict
    assert found.fate == "signal"
    assert found.detail in (signal.SIGSYS, signal.SIGSEGV)  # the second where the kernel has no such entry
