"""One fit of one table, watched by its own process: time and peak memory of each phase, as JSON on stdout.

    python -m codegen_hpo.bench.scale_fit TABLE TARGET TRIAL_SECONDS

Memory is the resident set that Linux reports (VmHWM), less what the process had with its libraries loaded; it
includes the pages of files that are mapped, as pandas maps a CSV file. What workers take is not in it.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from codegen_hpo.bench.scale_table import TARGET, write_scale_table
from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.records import Event
from codegen_hpo.table.read import read_table
from codegen_hpo.task import Task

_WARM = 400  # rows of a table that is fitted first, after which every library is loaded


class Watch:
    """Laps of seconds and of peak memory; a sink that ends the laps of a fit."""

    ENDS = ("prepared", "candidate", "trial", "finished")

    def __init__(self) -> None:
        self.laps: dict[str, dict[str, float]] = {}
        self.baselines: list[dict[str, object]] = []
        self._base = _resident("VmRSS")
        self._reset()

    def lap(self, name: str) -> None:
        self.laps[name] = {
            "seconds": time.perf_counter() - self._began,
            "cpu_s": time.process_time() - self._cpu_began,
            "peak_bytes": max(0, _resident("VmHWM") - self._base),
        }
        self._reset()

    def receive(self, event: Event) -> None:
        if event.kind in self.ENDS and event.kind not in self.laps:
            self.lap(event.kind)
        if event.kind == "prepared":
            self.baselines = event.data["baselines"]

    def _reset(self) -> None:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self._began, self._cpu_began = time.perf_counter(), time.process_time()


def _resident(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) << 10


def main(path: Path, target: str, trial_s: float) -> None:
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        small = Path(place) / f"small{path.suffix}"
        write_scale_table(small, _WARM)
        _fit(Task.from_table(read_table(small), TARGET), 1.0, Path(place), ())
        watch = Watch()
        table = read_table(path)
        watch.lap("read")
        rows, table_bytes = len(table.frame), int(table.frame.memory_usage(deep=True).sum())
        task = Task.from_table(table, target)
        del table
        watch.lap("task")
        _fit(task, trial_s, Path(place), (watch,))
    result = {
        "rows": rows,
        "table_bytes": table_bytes,
        "file_bytes": path.stat().st_size,
        "laps": watch.laps,
        "baselines": watch.baselines,
    }
    print(json.dumps(result))


def _fit(task: Task, trial_s: float, runs: Path, sinks: tuple[Watch, ...]) -> None:
    fit(
        task,
        cookbook=True,
        candidates=1,
        folds=1,
        parallel=1,
        budget=Budget(trials=1),
        trial_s=trial_s,
        runs=runs,
        sinks=sinks,
        environ={},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
