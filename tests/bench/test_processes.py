import os
import signal
import subprocess
import sys

import pytest

from codegen_hpo.bench.processes import begin
from codegen_hpo.testing.processes import alive, none_left

_PARENT = """
import multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
from codegen_hpo.bench.processes import begin

with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), begin) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 60).result()
"""


def test_the_processes_of_a_benchmark_that_was_killed_end_with_it() -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert alive(worker)
        parent.send_signal(signal.SIGKILL)

    assert none_left(lambda: [worker] if alive(worker) else []) == []


def test_each_process_keeps_to_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_info, threadpool_limits

    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with threadpool_limits(2):  # gives back what there was
        begin()

        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert {library["num_threads"] for library in threadpool_info()} == {1}
