"""The results page of `bench ablation`: one row an ingredient, one column a table."""

from statistics import median

from codegen_hpo.bench.ablation.ingredients import INGREDIENTS
from codegen_hpo.bench.ablation.results import Effect, Results, error
from codegen_hpo.bench.peers.table import Facts
from codegen_hpo.bench.summary import table

_NOTES = """\
- Each cell: the median over seeds of the relative change of the test error by the ingredient, in brackets the
  lowest and the highest; below zero is better. The error is the metric itself, or 1 less the metric where
  higher is better. A pair has the same rows and the same seed.
- A training is one of a shipped function at its defaults, but for what the row names: nothing is tuned. The
  last two rows are of whole searches, `fit --cookbook --tuner tpe`. The test rows choose nothing. A seed
  draws the rows held out of the training rows, and the weights' start.
- A change whose brackets hold zero is not told apart from the seeds by so few of them."""


def page(results: Results) -> str:
    """The page."""
    typed = "\n".join(results.commands) or "(not recorded)"
    facts = ", ".join(f"{name} {value}" for name, value in results.facts.items())
    blocks = [
        "# Benchmark: ablation",
        f"Made by:\n\n```\n{typed}\n```",
        _effects(results),
        _levels(results),
        _NOTES,
        f"Conditions: {facts}.",
    ]
    return "\n\n".join(blocks) + "\n"


def _effects(results: Results) -> str:
    rows = [
        [ingredient.name, *(_effect(results.effect(ingredient, facts)) for facts in results.tables)]
        for ingredient in INGREDIENTS
    ]
    return table(["ingredient", *(facts.name for facts in results.tables)], rows)


def _effect(effect: Effect | None) -> str:
    if effect is None:
        return ""
    low, high = min(effect.changes), max(effect.changes)
    return f"{100 * effect.change:+.1f} % ({100 * low:+.1f} to {100 * high:+.1f})"


def _levels(results: Results) -> str:
    """Each setup's median test error and seconds: what the changes are changes of."""
    names = {name for seeds in results.trainings.values() for rows in seeds.values() for name in rows}
    head = ["training", *(f"{facts.name}, error (seconds)" for facts in results.tables)]
    return table(
        head, [[name, *(_level(results, name, f) for f in results.tables)] for name in sorted(names)]
    )


def _level(results: Results, setup: str, facts: Facts) -> str:
    rows = [rows[setup] for rows in results.trainings.get(facts.name, {}).values() if setup in rows]
    errors = [error(facts, row.score) for row in rows if row.score is not None]
    if not errors:
        return ""
    failed = f", {len(rows) - len(errors)} failed" if len(errors) < len(rows) else ""
    return f"{median(errors):.4g} ({median(row.seconds for row in rows):.1f}{failed})"
