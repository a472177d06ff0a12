"""How many trials a minute one worker does, and several: on a Ray cluster of this machine, and without Ray.

Each fit is a process of its own with the same function and the same calls, as in `fit_overhead`; counted are
the minutes from the dry-run's end to the last trial's. All ways take turns, so that a busy machine slows them
alike. More workers than free cores show the machine, not the scaling.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from codegen_hpo.bench import fit_overhead
from codegen_hpo.bench.fit_overhead import Plan

WAYS = {True: "Ray", False: "without Ray"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One fit."""

    way: str  # one of WAYS
    workers: int
    trials: int
    trials_s: float  # that they took side by side

    @property
    def a_minute(self) -> float:
        return 60 * self.trials / self.trials_s


def measure(plan: Plan, workers: Sequence[int], *, repeats: int) -> Iterator[Pace]:
    """Each way with each number of workers `repeats` times, in turn. Raises ConfigError if a fit fails."""
    for _ in range(repeats):
        for on_ray, way in WAYS.items():
            for fit in fit_overhead.measure(replace(plan, on_ray=on_ray), workers, repeats=1):
                yield Pace(
                    way=way, workers=fit.workers, trials=len(fit.trials), trials_s=fit.phases["trials"]
                )


def to_json(plan: Plan, paces: Sequence[Pace], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was measured, as the page is made of."""
    return fit_overhead.to_json(plan, [], facts) | {
        "suite": "workers",
        "fits": [asdict(pace) for pace in paces],
    }


def page(data: Mapping[str, Any]) -> str:
    """The page of what `to_json` gave: medians, and their ratios to the fewest workers of the same way."""
    paces = [Pace(**fit) for fit in data["fits"]]
    plan = data["plan"]
    rows = ["| workers | trials a minute | of each fit | times the fewest |", "|---" * 4 + "|"]
    for way in WAYS.values():
        own = [pace for pace in paces if pace.way == way]
        counts = sorted({pace.workers for pace in own})
        for workers in counts:
            found = [pace.a_minute for pace in own if pace.workers == workers]
            fewest = median(pace.a_minute for pace in own if pace.workers == counts[0])
            each = ", ".join(f"{value:.1f}" for value in found)
            rows.append(f"| {workers}, {way} | {median(found):.1f} | {each} | {median(found) / fewest:.2f} |")
    facts = [f"- {name}: {value}" for name, value in data["facts"].items()]
    return "\n".join(
        [
            "# Benchmark: trials a minute by number of workers",
            "",
            f"`fit` of {plan['data']} (target {plan['target']}), {plan['trials']} trials of the cookbook's "
            f"`{plan['recipe']}` with random arguments, proposed at once by a scripted model. Medians; the "
            "minutes are those from the end of the dry-run to that of the last trial.",
            "",
            *rows,
            "",
            *facts,
            "",
        ]
    )
