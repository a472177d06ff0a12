"""The final analysis in the experiment log: what was best, what mattered, what to try next."""

from collections.abc import Sequence

from codegen_hpo.agenthpo.figures import Figures
from codegen_hpo.agenthpo.final_analysis import FinalAnalysis
from codegen_hpo.agenthpo.importance import BY_CHANCE, Importances
from codegen_hpo.agenthpo.markdown import code, inline, quotation, table
from codegen_hpo.agenthpo.standing import base
from codegen_hpo.agenthpo.trial_section import value_text
from codegen_hpo.objective.settings import Aim
from codegen_hpo.records import Trial


def analysis_section(aim: Aim, trials: Sequence[Trial], analysis: FinalAnalysis, figures: Figures) -> str:
    """The section without its heading.

    Args:
        aim: what was tuned.
        trials: that were made.
        analysis: of them.
        figures: the numbers of the log, in which those of the model are looked up.
    """
    parts = []
    best = next((trial for trial in trials if trial.name == analysis.best), None)
    if best:
        rows = [
            [code(name), value_text(value), value_text(base(aim.space).get(name))]
            for name, value in best.call.arguments.items()
        ]
        parts.append(f"The best values are those of trial {best.number}:")
        parts.append(table(["hyperparameter", "best", "base"], rows))
    if analysis.summary:
        said = figures.marked(analysis.summary).text
        parts.append(f"What the model says of the search:\n\n{quotation(said)}")
    if analysis.missing:
        parts.append(f"There are no words of a model: {inline(analysis.missing)}.")
    parts += ["### Influence of each hyperparameter", _computed(analysis.importances)]
    parts += [_influence(analysis, figures)]
    if analysis.directions:
        said = "\n\n".join(quotation(figures.marked(text).text) for text in analysis.directions)
        parts.append(f"### What the model would try next\n\n{said}")
    return "\n\n".join(parts)


def _computed(computed: Importances) -> str:
    if computed.reason:
        return f"The importance of the hyperparameters was not computed: {computed.reason}."
    of = f"{computed.sampled} of {computed.scored}" if computed.sampled < computed.scored else computed.scored
    return (
        f"Importance is the share in the variance of the metric, estimated from {of} trials "
        f"by functional ANOVA. From few trials it is a hint, no proof. {BY_CHANCE}"
    )


def _influence(analysis: FinalAnalysis, figures: Figures) -> str:
    rows = []
    for name, share, fact, failures in analysis.importances.influences:
        row = [
            code(name),
            "–" if share is None else f"{share:.2f}",
            inline("; ".join(filter(None, (fact, failures)))),
        ]
        if analysis.influence:
            row.append(inline(figures.marked(analysis.influence.get(name, "")).text, 800))
        rows.append(row)
    said = ["what the model says"] if analysis.influence else []
    return table(["hyperparameter", "importance", "what the trials show", *said], rows)
