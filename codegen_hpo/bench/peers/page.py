"""The results page of `bench peers`: ranks and scores, a table a time limit."""

from statistics import fmean, median

from codegen_hpo.bench.peers.arms import ARMS
from codegen_hpo.bench.peers.results import Cell, Results
from codegen_hpo.bench.peers.table import Facts
from codegen_hpo.bench.summary import table
from codegen_hpo.task import METRICS

_NOTES = """\
- All arms learn from the same rows and predict the same test rows, of which they are told no label; scores
  are computed here from their predictions. Each runs in a fresh process with the same number of threads.
- The limit is what an arm is given for fitting. Seconds are the wall time of its whole process: imports,
  reading, fitting and predicting. Default boosting takes the time it takes and has no limit.
- In brackets: the rank on that table, 1 the best. An arm that failed is last.
- `codegen-hpo`: `fit --cookbook --tuner tpe`, no language model, no limit but the time.
- Tuned boosting: TPE with a fifth of its rows held out, rounds stopped by these rows, then the best arguments
  fitted on all rows with the best number of rounds. It begins with the library's defaults.
- For boosting and FLAML dates become seconds, month, day, weekday and hour, texts become categories;
  AutoGluon and codegen-hpo read the rows as they are."""


def page(results: Results) -> str:
    """The page."""
    typed = "\n".join(results.commands) or "(not recorded)"
    blocks = ["# Benchmark: peers", f"Made by:\n\n```\n{typed}\n```", _tables(results)]
    for limit_s in results.limits:
        blocks += [f"## {limit_s:g} seconds", _ranking(results, limit_s)]
        blocks += _failures(results, limit_s)
    facts = ", ".join(f"{name} {value}" for name, value in results.facts.items())
    blocks += [_NOTES, f"Conditions: {facts}.", _versions(results)]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _tables(results: Results) -> str:
    head = ["table", "target", "left out", "task", "columns", "rows to learn from", "test rows", "split"]
    rows = [
        [
            facts.name,
            facts.target,
            ", ".join(facts.drop),
            facts.kind,
            str(facts.columns),
            str(facts.train_rows),
            str(facts.test_rows),
            facts.split,
        ]
        for facts in results.tables
    ]
    return table(head, rows)


def _ranking(results: Results, limit_s: float) -> str:
    """One row an arm, the best mean rank first."""
    cells, ranks = results.scored(limit_s), results.ranked(limit_s)
    arms = list(dict.fromkeys(arm for arm, _ in cells))
    means = {arm: fmean(ranks[name][arm] for name in ranks) if ranks else float("nan") for arm in arms}
    shown = [facts for facts in results.tables if any(name == facts.name for _, name in cells)]
    head = ["", "mean rank", *(_heading(facts) for facts in shown), "seconds, median", "most"]
    rows = []
    for arm in sorted(arms, key=lambda arm: means[arm]):
        own = [cells[arm, facts.name] for facts in shown if (arm, facts.name) in cells]
        seconds = [cell.seconds for cell in own]
        scores = [_cell(cells.get((arm, f.name)), f, ranks.get(f.name, {}).get(arm)) for f in shown]
        mean = f"{means[arm]:.1f}" if ranks else ""
        rows.append([ARMS[arm].title, mean, *scores, f"{median(seconds):.0f}", f"{max(seconds):.0f}"])
    return table(head, rows)


def _heading(facts: Facts) -> str:
    arrow = "↑" if METRICS[facts.metric].higher_is_better else "↓"
    return f"{facts.name}, {facts.metric} {arrow}"


def _cell(cell: Cell | None, facts: Facts, rank: float | None) -> str:
    if cell is None:
        return "–"
    place = f" ({rank:g})" if rank is not None else ""
    if cell.score is None:
        return cell.status + place
    digits = 4 if METRICS[facts.metric].higher_is_better or abs(cell.score) < 1 else 5
    return f"{cell.score:.{digits}g}{place}"


def _failures(results: Results, limit_s: float) -> list[str]:
    lines = [
        f"- {ARMS[cell.arm].title}, {cell.table}: {cell.status}: {cell.error}"
        for cell in results.cells
        if cell.limit_s == limit_s and cell.status != "ok"
    ]
    return ["\n".join(lines)] if lines else []


def _versions(results: Results) -> str:
    found: dict[str, str] = {}
    for cell in results.cells:
        found |= cell.versions
    return f"Versions of the peers: {', '.join(f'{name} {number}' for name, number in found.items())}."
