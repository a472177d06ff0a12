"""How many trials run at once, and what each of them gets."""

from pathlib import Path

import pytest

from codegen_hpo.engine.capacity import Capacity, Shares, devices, read_capacity, share
from codegen_hpo.errors import ConfigError

GIB = 1 << 30


def shares(
    cores: int, *, gib: int | None = 64, gpus: int = 0, device: str = "auto", **given: int | None
) -> Shares:
    memory = None if gib is None else gib * GIB
    return share(Capacity(cores, memory, gpus), device=device, memory_bytes=4 * GIB, **given)


@pytest.mark.parametrize(
    ("cores", "expected"), [(1, (1, 1)), (2, (2, 1)), (3, (3, 1)), (8, (4, 2)), (16, (4, 4)), (64, (4, 4))]
)
def test_without_a_gpu_there_is_a_trial_a_core_up_to_four(cores: int, expected: tuple[int, int]) -> None:
    assert shares(cores) == expected


@pytest.mark.parametrize(("gib", "expected"), [(3, 1), (7, 1), (8, 2), (15, 3), (None, 4)])
def test_there_are_no_more_trials_than_memory_for_them(gib: int | None, expected: int) -> None:
    assert shares(8, gib=gib).parallel == expected


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [("auto", 2, 2), ("cuda", 2, 2), ("cuda:1", 2, 1), ("auto", 1, 1), ("cpu", 2, 4), ("cuda:1", 0, 1)],
)
def test_each_gpu_has_one_trial(device: str, gpus: int, expected: int) -> None:
    assert shares(8, gpus=gpus, device=device).parallel == expected


@pytest.mark.parametrize(
    ("cores", "given", "expected"),
    [
        (2, {}, (2, 1)),
        (8, {}, (5, 1)),
        (8, {"gib": 8}, (2, 4)),
        (8, {"gpus": 1}, (1, 4)),
        (8, {"parallel": 9}, (5, 1)),
    ],
)
def test_folds_train_side_by_side(cores: int, given: dict[str, int], expected: tuple[int, int]) -> None:
    assert shares(cores, folds=5, **given) == expected


def test_what_is_given_stays_as_it_is() -> None:
    assert shares(2, parallel=3, threads=4) == (3, 4)
    assert shares(2, gib=1, parallel=2).parallel == 2
    assert shares(8, threads=4) == (2, 4)
    assert shares(2, threads=2) == (1, 2)
    assert shares(8, parallel=1) == (1, 4)


@pytest.mark.parametrize("given", [{"parallel": 0}, {"threads": -1}])
def test_less_than_one_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(given))} is"):
        shares(2, **given)


@pytest.mark.parametrize(
    ("device", "gpus", "parallel", "expected"),
    [
        ("auto", 0, 2, ["auto"]),
        ("auto", 1, 2, ["auto"]),
        ("auto", 3, 2, ["auto:0", "auto:1"]),
        ("cuda", 2, 4, ["cuda:0", "cuda:1"]),
        ("cuda:1", 2, 4, ["cuda:1"]),
        ("cuda", 2, 1, ["cuda"]),
        ("cpu", 2, 4, ["cpu"]),
    ],
)
def test_workers_at_once_have_a_gpu_each(device: str, gpus: int, parallel: int, expected: list[str]) -> None:
    assert devices(Capacity(8, None, gpus), device, parallel) == expected


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMORY = {"proc/meminfo": "MemTotal:       33554432 kB\nMemAvailable:   16777216 kB\n"}


def test_this_machine_has_something() -> None:
    capacity = read_capacity()
    assert capacity.cores >= 1
    assert capacity.memory_bytes is None or capacity.memory_bytes > 0


def test_a_machine_that_tells_nothing_has_a_core_and_unknown_memory(tmp_path: Path) -> None:
    capacity = read_capacity(tmp_path)
    assert capacity.cores >= 1
    assert capacity[1:] == (None, 0)


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/cpu.max": "100000 100000\n"},
        {"sys/fs/cgroup/cpu.max": "50000 100000\n"},
        {
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
    ],
)
def test_a_quota_bounds_the_cores(files: dict[str, str], tmp_path: Path) -> None:
    assert read_capacity(write(tmp_path, files)).cores == 1


@pytest.mark.parametrize(
    "files",
    [
        {"sys/fs/cgroup/cpu.max": "max 100000\n"},
        {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
    ],
)
def test_a_group_without_a_quota_bounds_none(files: dict[str, str], tmp_path: Path) -> None:
    assert read_capacity(write(tmp_path, files)).cores >= read_capacity().cores


@pytest.mark.parametrize(
    ("files", "gib"),
    [
        ({}, 16),
        ({"sys/fs/cgroup/memory.max": "max", "sys/fs/cgroup/memory.current": "1"}, 16),
        ({"sys/fs/cgroup/memory.max": str(8 * GIB), "sys/fs/cgroup/memory.current": str(6 * GIB)}, 2),
        (
            {
                "sys/fs/cgroup/memory.max": str(8 * GIB),
                "sys/fs/cgroup/memory.current": str(6 * GIB),
                "sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {3 * GIB}\nactive_file 1\n",
            },
            5,
        ),
        (
            {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(8 * GIB),
                "sys/fs/cgroup/memory/memory.usage_in_bytes": str(5 * GIB),
                "sys/fs/cgroup/memory/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB}\n",
            },
            4,
        ),
    ],
)
def test_memory_is_what_is_available_or_left_in_the_group(
    files: dict[str, str], gib: int, tmp_path: Path
) -> None:
    found = read_capacity(write(tmp_path, MEMORY | files)).memory_bytes
    assert found is not None
    assert round(found / GIB) == gib


@pytest.mark.parametrize(
    ("visible", "expected"),
    [(None, 2), ("0", 1), ("1,0", 2), ("", 0), ("-1", 0), ("0,-1,1", 1), ("7,8,9", 2)],
)
def test_gpus_are_those_of_the_driver_that_are_visible(
    visible: str | None, expected: int, tmp_path: Path
) -> None:
    for address in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / "proc/driver/nvidia/gpus" / address).mkdir(parents=True)
    assert read_capacity(tmp_path, visible).gpus == expected
