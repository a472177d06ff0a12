"""What the end of a command means, where a real command does not easily come to it."""

from pathlib import Path

import pytest

from codegen_hpo.objective.base import Measured
from codegen_hpo.objective.process import Ended
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.objective.verdict import judged
from codegen_hpo.records import Outcome


def verdict(tmp_path: Path, code: int | None, complaints: str = "", **options: bool) -> Measured:
    ended = Ended(code, "1.5", complaints, b"", b"")
    return judged(ended, Outcome(status="ok"), ValueSource(metric="loss"), tmp_path, **options)


@pytest.mark.parametrize(
    "complaints",
    [
        "Traceback (most recent call last):\nMemoryError",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8. EiB",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate",
        "RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory: you tried",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_a_want_of_memory_is_told_apart_from_other_errors(tmp_path: Path, complaints: str) -> None:
    measured = verdict(tmp_path, 1, complaints)
    assert measured.outcome.status == "oom"
    assert measured.outcome.error.startswith("exit code 1, out of memory (")
    assert complaints.splitlines()[-1] in measured.outcome.error


def test_what_a_command_says_of_memory_means_nothing_when_it_ended_well(tmp_path: Path) -> None:
    assert verdict(tmp_path, 0, "MemoryError was handled").value == 1.5


@pytest.mark.parametrize(
    ("said", "package"),
    [
        ("ModuleNotFoundError: No module named 'a.b'", "a.b"),
        ("/bin/python: No module named trainer", "trainer"),
    ],
)
def test_a_missing_package_is_named(tmp_path: Path, said: str, package: str) -> None:
    error = verdict(tmp_path, 1, said).outcome.error
    assert error == f"exit code 1: the package {package} is not installed where it runs\n{said}"


def test_half_a_megabyte_in_one_line_is_judged_without_searching_it_again_and_again(tmp_path: Path) -> None:
    assert verdict(tmp_path, 1, "MemoryErro" * 50_000).outcome.status == "error"
