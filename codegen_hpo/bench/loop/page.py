"""The results of `bench loop` as text: ratios to the DataLoader loop, and to the bare one."""

from codegen_hpo.bench.loop.measure import COLUMNS, INNER_ROWS, ROWS, LoopResults, arms_of

STANDARD, BARE = "DataLoader", "bare"
_OPTIONAL = ("skorch", "Lightning")


def table(results: LoopResults, width: int) -> str:
    """Rows a second of the DataLoader loop, and how many times as many the others train, in Markdown."""
    arms = [arm for arm in arms_of(results.measurements) if arm != STANDARD]
    missing = [arm for arm in _OPTIONAL if arm not in arms]
    ours = [arm for arm in arms if arm.startswith("ours") and "bfloat16" not in arm]
    header = ["batch", f"{STANDARD}, rows/s", *arms, *missing, *(f"{arm} / {BARE}" for arm in ours)]
    lines = ["| " + " | ".join(header) + " |", "| ---: " * len(header) + "|"]
    for batch in results.plan.batches:
        standard = results.rate(STANDARD, width, batch)
        cells = [
            str(batch),
            f"{standard:,.0f}" if standard else "",
            *(_times(results.ratio(arm, STANDARD, width, batch)) for arm in arms),
            *("not installed" for _ in missing),
            *(_times(results.ratio(arm, BARE, width, batch)) for arm in ours),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page(results: LoopResults) -> str:
    """The page."""
    plan = results.plan
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    blocks = [
        "# Benchmark: loop",
        "Rows a second of training loops, as multiples of those of a loop over a `DataLoader`: "
        f"{ROWS:,} rows by {COLUMNS} numeric columns, two hidden layers, AdamW, mean squared error. "
        f"Made by `codegen-hpo bench loop` on {plan.device} with {plan.threads} threads.",
        *(f"## Width {width}\n\n{table(results, width)}" for width in plan.widths),
        _NOTES.format(repeats=plan.repeats, steps=plan.steps, inner=INNER_ROWS),
        f"Machine: {machine}.",
    ]
    return "\n\n".join(blocks) + "\n"


_NOTES = """\
- Each figure is the median over {repeats} repeats of the ratio within a repeat; all loops take turns in one
  process with a worker's environment. A measurement is one pass to warm up, then whole passes of about
  {steps} steps together.
- `ours` is the `Trainer` of the sandbox's worker, with deterministic algorithms as in each trial and one
  evaluation of {inner} early-stopping rows a pass; the others evaluate nothing. `bare` shuffles once a pass,
  takes contiguous slices and steps by a fused AdamW, and does nothing else. The other loops use AdamW as it
  comes."""


def _times(ratio: float | None) -> str:
    return f"{ratio:.2f}" if ratio is not None else ""
