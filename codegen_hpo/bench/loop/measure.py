"""Measures the loops in a process of their own, and keeps every measurement."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from codegen_hpo.errors import CodegenHpoError, ConfigError, reading
from codegen_hpo.sandbox.environment import worker_environment

ROWS, COLUMNS = 50_000, 20
INNER_ROWS = 256  # early-stopping rows: few, since the other loops evaluate nothing
STEPS = 200  # that a measurement takes, about: whole passes, and one at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured."""

    batches: tuple[int, ...]
    widths: tuple[int, ...]
    repeats: int
    threads: int
    device: str  # "cpu" or "cuda"
    steps: int = STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One arm, once."""

    arm: str
    width: int
    batch: int
    repeat: int
    seconds: float
    rows: int  # trained in these seconds

    @property
    def rows_s(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopResults:
    """All measurements of one run of the benchmark."""

    plan: Plan
    machine: Mapping[str, str]
    measurements: tuple[Measurement, ...]

    def rate(self, arm: str, width: int, batch: int) -> float | None:
        """Median rows a second; None where it was not measured."""
        found = self._of(arm, width, batch)
        return statistics.median(m.rows_s for m in found) if found else None

    def ratio(self, arm: str, to: str, width: int, batch: int) -> float | None:
        """Median over the repeats of an arm's rate against another's of the same repeat."""
        base = {m.repeat: m.rows_s for m in self._of(to, width, batch)}
        found = [m.rows_s / base[m.repeat] for m in self._of(arm, width, batch) if m.repeat in base]
        return statistics.median(found) if found else None

    def _of(self, arm: str, width: int, batch: int) -> list[Measurement]:
        return [m for m in self.measurements if (m.arm, m.width, m.batch) == (arm, width, batch)]

    def to_json(self) -> dict[str, Any]:
        return {
            "suite": "loop",
            "plan": asdict(self.plan),
            "machine": dict(self.machine),
            "measurements": [asdict(m) for m in self.measurements],
        }


def measure_loops(plan: Plan, told: Callable[[Measurement], None]) -> LoopResults:
    """Measures; `told` hears of each measurement as it comes.

    Raises:
        ConfigError: there is no such device.
        CodegenHpoError: the measuring process failed.
    """
    if plan.device == "cuda":
        from torch import cuda

        if not cuda.is_available():
            raise ConfigError(
                "this PyTorch sees no CUDA device", hint="codegen-hpo doctor tells what is missing"
            )
    measurements = []
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        folder = Path(place)
        _write_bundle(folder / "bundle")
        (folder / "plan.json").write_text(json.dumps(asdict(plan)), encoding="utf-8")
        command = [sys.executable, "-m", "codegen_hpo.bench.loop.process", str(folder)]
        variables = worker_environment(plan.device)
        if "PYTHONPATH" in os.environ:  # where the other loops' libraries may be
            variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=variables, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith("{"):
                    measurements.append(Measurement(**json.loads(line)))
                    told(measurements[-1])
        if process.returncode:
            raise CodegenHpoError(f"the measuring process ended with status {process.returncode}")
    return LoopResults(plan=plan, machine=_machine(), measurements=tuple(measurements))


def read_loops(path: Path) -> LoopResults:
    """The results in a file. Raises ConfigError."""
    with reading(path):
        data = json.loads(path.read_text(encoding="utf-8"))
        plan = data["plan"]
        return LoopResults(
            plan=Plan(**plan | {name: tuple(plan[name]) for name in ("batches", "widths")}),
            machine=data["machine"],
            measurements=tuple(Measurement(**fields) for fields in data["measurements"]),
        )


def _write_bundle(folder: Path, seed: int = 0) -> None:
    """A regression on numeric columns alone, as `codegen_hpo/bundle.py` describes it; no rows to predict."""
    folder.mkdir()
    generator = np.random.default_rng(seed)
    for part, rows in (("train", ROWS), ("inner", INNER_ROWS)):
        num = generator.standard_normal((rows, COLUMNS)).astype(np.float32)
        np.save(folder / f"{part}_num.npy", num)
        np.save(folder / f"{part}_cat.npy", np.empty((rows, 0), dtype=np.int64))
        np.save(folder / f"{part}_y.npy", num[:, :5].sum(axis=1, dtype=np.float64) / 5**0.5)
    np.save(folder / "quantiles.npy", np.zeros((COLUMNS, 65), dtype=np.float32))
    identity = {"formula": "identity", "scale": 1.0, "mean": 0.0, "std": 1.0, "low": -20.0, "high": 20.0}
    meta = {
        "version": 1,
        "kind": "regression",
        "n_numeric": COLUMNS,
        "cardinalities": [],
        "n_outputs": 1,
        "stop_on": "mse",
        "target": {"default": "none", "transforms": {"none": identity}},
    }
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _machine() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def arms_of(measurements: Sequence[Measurement]) -> list[str]:
    """The arms, in the order in which they were first measured."""
    return list(dict.fromkeys(m.arm for m in measurements))
