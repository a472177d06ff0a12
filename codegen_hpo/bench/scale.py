"""What `fit` takes on tables of rising length: seconds of each phase, and memory against the table's own."""

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codegen_hpo.bench.plots import load_pyplot
from codegen_hpo.bench.scale_table import TARGET, write_scale_table
from codegen_hpo.errors import ConfigError

# (what is told, the lap of scale_fit that it is)
PHASES = (
    ("read", "read"),
    ("profile and split", "task"),
    ("encode, bundle, baselines", "prepared"),
    ("gates and dry-run", "candidate"),
    ("first trial", "trial"),
    ("final", "finished"),
)
_LARGE = 100_000  # rows: from here on what is constant no longer hides the slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """One fit of one table."""

    format: str  # "parquet" or "csv"
    rows: int
    file_bytes: int
    table_bytes: int  # of the frame as read, deep
    peak_bytes: int  # of the host process, above what it had with its libraries loaded
    peak_phase: str
    seconds: dict[str, float]  # of each of PHASES, on the wall
    cpu_s: dict[str, float]  # the same of the host process's processor time, all threads
    baselines: list[dict[str, Any]]

    @property
    def host_s(self) -> float:
        """Processor time of the host in all."""
        return sum(self.cpu_s.values())

    @property
    def peak(self) -> float:
        """In tables."""
        return self.peak_bytes / self.table_bytes


def measure_scale(rows: Sequence[int], formats: Sequence[str], *, trial_s: float) -> Iterator[Scaled]:
    """A fit a size and format, each in a fresh process. Raises ConfigError if one fails."""
    for count in rows:
        for suffix in formats:
            with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
                path = Path(place) / f"table.{suffix}"
                write_scale_table(path, count)
                yield _measured(path, suffix, trial_s)


def _measured(path: Path, suffix: str, trial_s: float) -> Scaled:
    command = [sys.executable, "-m", "codegen_hpo.bench.scale_fit", str(path), TARGET, str(trial_s)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(f"the fit of {path.name} failed: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout)
    laps: dict[str, dict[str, float]] = told["laps"]
    peak_phase = max(laps, key=lambda lap: laps[lap]["peak_bytes"])
    return Scaled(
        format=suffix,
        rows=told["rows"],
        file_bytes=told["file_bytes"],
        table_bytes=told["table_bytes"],
        peak_bytes=int(laps[peak_phase]["peak_bytes"]),
        peak_phase=next(name for name, lap in PHASES if lap == peak_phase),
        seconds={name: laps[lap]["seconds"] for name, lap in PHASES if lap in laps},
        cpu_s={name: laps[lap]["cpu_s"] for name, lap in PHASES if lap in laps},
        baselines=told["baselines"],
    )


def slope(fits: Sequence[Scaled]) -> float | None:
    """Of the logarithm of processor time over that of rows, from 100,000 rows on; None of a single size."""
    large = [fit for fit in fits if fit.rows >= _LARGE]
    if len({fit.rows for fit in large}) < 2:
        return None
    rows, seconds = (
        [math.log(value) for value in values]
        for values in zip(*((fit.rows, fit.host_s) for fit in large), strict=True)
    )
    return float(np.polyfit(rows, seconds, 1)[0])


def to_json(fits: Sequence[Scaled], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as the page is made of."""
    return {"suite": "scale", "facts": dict(facts), "fits": [asdict(fit) for fit in fits]}


def page(data: Mapping[str, Any], picture: Path | None = None) -> str:
    """The page of what `to_json` gave, which shows the picture that lies beside it."""
    fits = [Scaled(**fit) for fit in data["fits"]]
    names = [name for name, _ in PHASES]
    lines = [
        "# Benchmark: tables of rising length",
        "",
        "`fit` of a generated table with twenty columns (numbers, counts, categories of 5, 200 and 20,000 "
        "levels, codes, a boolean, two dates; the target is a number): the cookbook's first function at its "
        "defaults, one trial of bounded time. Each fit has a process of its own, in which a small table was "
        "fitted before.",
        "",
        "Seconds of processor time of the host's process, so that a busy machine does not shift them; what "
        "workers take is not in it. The last column is wall time of everything, the workers' too.",
        "",
        f"| rows | format | {' | '.join(names)} | all | wall |",
        "|---" * (len(names) + 4) + "|",
    ]
    for fit in fits:
        cells = [f"{fit.cpu_s[name]:.1f}" if name in fit.cpu_s else "–" for name in names]
        wall = sum(fit.seconds.values())
        lines.append(f"| {fit.rows:,} | {fit.format} | {' | '.join(cells)} | {fit.host_s:.1f} | {wall:.0f} |")
    bounded = [
        f"{fit.rows:,} rows, {fit.format}: "
        + ", ".join(f"{one['name']} {one['seconds']:.1f} s" for one in fit.baselines)
        for fit in fits
    ]
    lines += ["", "Baselines, on the wall:", "", *(f"- {line}" for line in bounded)]
    for suffix in dict.fromkeys(fit.format for fit in fits):
        steep = slope([fit for fit in fits if fit.format == suffix])
        if steep is not None:
            lines += [
                "",
                f"{suffix}: from 100,000 rows on, `all` grows with the rows to the power of {steep:.2f}.",
            ]
    lines += [
        "",
        "Peak memory of the host's process, above what it had with its libraries loaded, against the table's "
        "own: the frame as it was read, every text counted. Pages of mapped files are in the peak, workers "
        "are not.",
        "",
        "| rows | format | file | table | peak | in tables | during |",
        "|---" * 7 + "|",
    ]
    for fit in fits:
        sizes = [f"{size / 1e6:,.0f} MB" for size in (fit.file_bytes, fit.table_bytes, fit.peak_bytes)]
        lines.append(
            f"| {fit.rows:,} | {fit.format} | {' | '.join(sizes)} | {fit.peak:.2f} | {fit.peak_phase} |"
        )
    if picture:
        lines += ["", f"![{picture.stem}]({picture.name})"]
    lines += ["", *(f"- {name}: {value}" for name, value in data["facts"].items()), ""]
    return "\n".join(lines)


def plot(data: Mapping[str, Any], file: Path) -> None:
    """Draws seconds and peak memory over rows, both axes logarithmic, of what `to_json` gave."""
    plt = load_pyplot()
    fits = [Scaled(**fit) for fit in data["fits"]]
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5))
    for suffix in dict.fromkeys(fit.format for fit in fits):
        own = [fit for fit in fits if fit.format == suffix]
        rows = [fit.rows for fit in own]
        left.plot(rows, [fit.host_s for fit in own], "-o", label=suffix)
        left.plot(rows, [fit.cpu_s["read"] for fit in own], ":o", label=f"{suffix}: read")
        right.plot(rows, [fit.peak_bytes / 1e6 for fit in own], "-o", label=f"{suffix}: peak")
        right.plot(rows, [fit.table_bytes / 1e6 for fit in own], ":", label=f"{suffix}: the table")
    for panel, title in ((left, "processor time of the host, s"), (right, "host memory, MB")):
        panel.set(xscale="log", yscale="log", xlabel="rows", title=title)
        panel.grid(which="both", alpha=0.3)
        panel.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=90)
    plt.close(figure)
