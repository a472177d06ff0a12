"""The tables of a report: cells are text that the page escapes."""

from collections.abc import Sequence
from typing import NamedTuple

from codegen_hpo.records import Trial, ranked
from codegen_hpo.report.figure import limits
from codegen_hpo.report.verdict import with_noise
from codegen_hpo.shown import number
from codegen_hpo.store.history import Final, History
from codegen_hpo.task import Metric

_ARGUMENTS = 600  # characters
_TRIALS = 300  # in the table of all of them


class Row(NamedTuple):
    """A model on the leaderboard."""

    name: str
    candidate: str
    proposed_by: str
    validation: str
    test: str
    seconds: str
    parameters: str
    note: str
    kind: str  # "final", "trial" or "baseline"
    share: float  # of the width of a bar: 1 for the best, 0 for the worst shown


class TrialRow(NamedTuple):
    """A trial in the table of all of them."""

    name: str
    candidate: str
    proposed_by: str
    score: str
    seconds: str
    call: str
    said: str  # the model's own reason, and what it said of the result
    error: str


def leaderboard(history: History, metric: Metric, most: int = 15) -> list[Row]:
    """The final model, the best trials and the baselines, ordered by validation."""
    final = history.final
    rows: list[tuple[float | None, Row]] = [
        (trial.loss, _trial(trial, history)) for trial in ranked(history.trials)[:most]
    ]
    if final and final.is_ensemble:
        row = Row(
            name=f"ensemble of {len(final.members)}",
            candidate="",
            proposed_by="",
            validation=with_noise(final.validation_score, final.noise),
            test=number(final.test_score),
            seconds="",
            parameters="",
            note="the final model",
            kind="final",
            share=0.0,
        )
        rows.append((metric.loss(final.validation_score), row))
    for baseline in history.baselines:
        loss = None if baseline.validation_score is None else metric.loss(baseline.validation_score)
        row = Row(
            name=baseline.name,
            candidate="",
            proposed_by="baseline",
            validation=number(baseline.validation_score),
            test=number(baseline.test_score),
            seconds=f"{baseline.seconds:.1f}",
            parameters="",
            note="",
            kind="baseline",
            share=0.0,
        )
        rows.append((loss, row))
    return _with_bars(rows)


def _with_bars(rows: Sequence[tuple[float | None, Row]]) -> list[Row]:
    """The rows in their order, with a bar that ends at nothing for the worst, or for those far behind."""
    losses = [loss for loss, _ in rows if loss is not None]
    best, worst = (min(losses), limits(losses)[1]) if losses else (0.0, 0.0)
    ordered = sorted(rows, key=lambda row: float("inf") if row[0] is None else row[0])
    return [
        row._replace(share=0.0 if loss is None else max(0.0, (worst - loss) / (worst - best)))
        for loss, row in ordered
    ]


def _trial(trial: Trial, history: History) -> Row:
    final = history.final
    alone = final is not None and final.trial == trial.name and not final.is_ensemble
    return Row(
        name=trial.name,
        candidate=trial.candidate,
        proposed_by=trial.call.proposed_by,
        validation=with_noise(trial.score, final.noise) if alone and final else number(trial.score),
        test=number(final.single_test_score) if final and final.trial == trial.name else "",
        seconds=f"{trial.outcome.seconds:.1f}",
        parameters=f"{trial.outcome.parameters:,}" if trial.outcome.parameters else "",
        note=_note(trial, history, final),
        kind="final" if alone else "trial",
        share=0.0,
    )


def _note(trial: Trial, history: History, final: Final | None) -> str:
    if trial.name in history.disqualified:
        return f"disqualified: {history.disqualified[trial.name]}"
    if final is None:
        return ""
    weight = final.members.get(trial.name)
    notes = ["the final model"] if weight is not None and not final.is_ensemble else []
    notes += [f"{100 * weight:.0f} % of the ensemble"] if weight is not None and final.is_ensemble else []
    notes += [f"level with {final.trial}"] if trial.name in final.level else []
    return ", ".join(notes)


def trial_rows(trials: Sequence[Trial]) -> list[TrialRow]:
    """A row a trial, in their order; of very many, the first ones."""
    return [
        TrialRow(
            name=trial.name,
            candidate=trial.candidate,
            proposed_by=trial.call.proposed_by,
            score=number(trial.score) if trial.loss is not None else trial.outcome.status,
            seconds=f"{trial.outcome.seconds:.1f}",
            call=_cut(" ".join(f"{name}={number(value)}" for name, value in trial.call.arguments.items())),
            said=_cut(" ".join(filter(None, (trial.call.reasoning, trial.analysis)))),
            error=_cut("; ".join(filter(None, (trial.outcome.error, trial.call.fallback)))),
        )
        for trial in trials[:_TRIALS]
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _ARGUMENTS else f"{text[: _ARGUMENTS - 1]}…"
