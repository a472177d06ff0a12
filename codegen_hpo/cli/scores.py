"""The table of a run's best trials and its baselines."""

from typing import TYPE_CHECKING

from codegen_hpo.cli.terminal import counted, number, print_table
from codegen_hpo.report.verdict import with_noise

if TYPE_CHECKING:
    from codegen_hpo.records import Trial
    from codegen_hpo.store.history import Final, History

_SHOWN = 5  # trials, the best ones


def print_scores(history: "History", metric: str) -> None:
    """Prints the final model, the best trials and the baselines, ordered by validation."""
    from codegen_hpo.records import ranked
    from codegen_hpo.task import METRICS

    final, direction = history.final, METRICS[metric]
    rows = [(trial.loss, _trial(trial, final)) for trial in ranked(history.trials)[:_SHOWN]]
    if final and final.is_ensemble:
        score = with_noise(final.validation_score, final.noise)
        cells = [f"ensemble of {len(final.members)}", "", score, number(final.test_score), "", ""]
        rows.append((direction.loss(final.validation_score), cells))
    for baseline in history.baselines:
        loss = None if baseline.validation_score is None else direction.loss(baseline.validation_score)
        scores = [number(baseline.validation_score), number(baseline.test_score)]
        rows.append((loss, [baseline.name, "baseline", *scores, f"{baseline.seconds:.1f}", ""]))
    rows.sort(key=lambda row: float("inf") if row[0] is None else row[0])
    print_table(
        ["model", "proposed by", "validation", "test", "seconds", "parameters"],
        [row[1] for row in rows],
        title=_title(history, metric, higher=direction.higher_is_better),
    )


def _trial(trial: "Trial", final: "Final | None") -> list[str]:
    is_best, score = final is not None and final.trial == trial.name, number(trial.score)
    if final and is_best and not final.is_ensemble:
        score = with_noise(trial.score, final.noise)
    elif final and trial.name in final.level:
        score += f" level with {final.trial}"
    return [
        f"{trial.name} {trial.candidate}",
        trial.call.proposed_by,
        score,
        number(final.single_test_score) if final and is_best else "",
        f"{trial.outcome.seconds:.1f}",
        str(trial.outcome.parameters),
    ]


def _title(history: "History", metric: str, *, higher: bool) -> str:
    statuses = [trial.outcome.status for trial in history.trials if trial.loss is None]
    refused = statuses.count("refused")
    pruned = sum(trial.outcome.stopped == "pruned" for trial in history.trials)
    title = f"{metric}, {'higher' if higher else 'lower'} is better; "
    title += f"{counted(len(history.trials) - refused, 'trial')}, {len(statuses) - refused} failed"
    title += f", {pruned} pruned" if pruned else ""
    return title + (f"; {counted(refused, 'call')} refused for want of time" if refused else "")
