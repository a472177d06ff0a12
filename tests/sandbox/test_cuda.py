"""On a CUDA machine: a trial that fails on the GPU is one failed trial, and leaves the GPU clean.

Skipped without one; these have not run yet (docs/gpu.md).
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from codegen_hpo.errors import SandboxError
from codegen_hpo.records import Job
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.sandbox.choose import choose_sandbox
from codegen_hpo.sandbox.limits import GIB, Limits
from codegen_hpo.testing.sandbox_cases import sample_source

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(torch.cuda.device_count() == 0, reason="no CUDA device"),
]

GOOD = Job(kind="train", source=sample_source(), device="cuda", timeout_s=60)
NOT_TOO_MUCH_MIB = 64  # that may be in use beside what was before


WALLS = ["none", "bubblewrap", pytest.param("docker", marks=pytest.mark.docker)]
LIMITS = Limits(memory_bytes=8 * GIB)  # CUDA alone takes more than one


@pytest.fixture(scope="module", params=WALLS)
def cuda_worker(request: pytest.FixtureRequest, bundle: Path) -> Iterator[Worker]:
    try:
        worker = choose_sandbox(request.param, trusted=True, device="cuda", limits=LIMITS).open(bundle)
    except SandboxError as error:
        pytest.skip(str(error))
    yield worker
    worker.close()


def memory_in_use_mib() -> int:
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return int(subprocess.run(query, capture_output=True, text=True, check=True).stdout.split()[0])


def test_a_worker_names_its_gpu_and_trains_on_it(cuda_worker: Worker) -> None:
    assert cuda_worker.hello.cuda
    outcome = cuda_worker.run(GOOD)
    assert (outcome.status, outcome.device) == ("ok", "cuda"), outcome.error


def test_a_gpu_trial_is_behind_the_same_filter(cuda_worker: Worker) -> None:
    statement = "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)"
    job = Job(kind="train", source=sample_source(construct=statement), device="cuda", timeout_s=60)
    outcome = cuda_worker.run(job)
    assert outcome.status == "error"
    assert "PermissionError" in outcome.error


ASSERT = "return self.layer(x_num) + torch.ones(3, device='cuda')[x_cat[:, :1] + 99]"
HOG = "kept = [torch.ones(1 << 28, device='cuda') for _ in range(1 << 10)]"
HANG = "big = torch.ones(4096, 4096, device='cuda')\nwhile True: big @ big"


@pytest.mark.parametrize(
    ("source", "statuses"),
    [
        (sample_source(forward=ASSERT), {"error", "killed"}),
        (sample_source(construct=HOG), {"oom"}),
        (sample_source(forward=HANG), {"timeout"}),
    ],
    ids=["device-assert", "out-of-memory", "hang"],
)
def test_a_failure_on_the_gpu_ends_with_its_trial(
    cuda_worker: Worker, source: str, statuses: set[str]
) -> None:
    before = memory_in_use_mib()
    outcome = cuda_worker.run(Job(kind="train", source=source, device="cuda", timeout_s=15))
    assert outcome.status in statuses, outcome.error
    assert cuda_worker.run(GOOD).status == "ok"
    assert memory_in_use_mib() <= before + NOT_TOO_MUCH_MIB
