"""The experiment log of a search, in Markdown, for a person who was not there.

It is written after "Large Language Model Agent for Hyper-Parameter Optimization" (arXiv 2402.01881, section
3.3 and appendix D): what was tried and why, what came of it, what is said of it, and at the end what to make
of all. Numbers are the host's; what a model or a script wrote is quoted, and can forge no structure.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from codegen_hpo.agenthpo.analysis_section import analysis_section
from codegen_hpo.agenthpo.course import Course
from codegen_hpo.agenthpo.figures import Figures
from codegen_hpo.agenthpo.final_analysis import FinalAnalysis
from codegen_hpo.agenthpo.markdown import code, inline, quotation, table
from codegen_hpo.agenthpo.standing import base, compared, milestones, standing
from codegen_hpo.agenthpo.trial_section import proposer, trial_section, value_text
from codegen_hpo.llm.ledger import Ledger
from codegen_hpo.objective.settings import Aim
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.records import Trial, ranked
from codegen_hpo.space import range_text

_ABOUT_CHARACTERS = 9000

_HOW_TO_READ = """\
Written by codegen-hpo anew after each trial. Lines with a bar in front are the words of the user or of a
model, and so are the reasons for the model's values. All other numbers are measured or recorded by
codegen-hpo. Each number in a model's analysis was looked up in the log, and of a trial's also in what the
script printed; `[not in the log]` follows one that is not there.\
"""


def experiment_log(
    aim: Aim,
    trials: Sequence[Trial],
    analysis: FinalAnalysis | None,
    ledger: Ledger,
    printed: Callable[[Trial], str] = lambda trial: "",
    folder: Callable[[Trial], str] = lambda trial: "",
    course: Course | None = None,
) -> str:
    """The log as Markdown.

    Args:
        aim: what is tuned.
        trials: so far.
        analysis: of the whole search; None as long as it goes on.
        ledger: what the model cost so far.
        printed: gives what the script printed in a trial.
        folder: gives where a trial left it, relative to the run; empty if nowhere.
        course: what was asked of the search, and how it ended.
    """
    asked = course.asked() if course else []
    figures = _figures(aim, trials, analysis, asked)
    goal = "highest" if aim.maximize else "lowest"
    parts = [f"# Experiments: the {goal} {code(aim.metric)}", _HOW_TO_READ, "## The task", _task(aim, asked)]
    parts += ["## The hyperparameters", _space(aim), "## Where it stands"]
    if course:
        parts.append(course.progress(len(trials)))
    parts.append(_leaderboard(aim, trials))
    if trials:
        parts.append("## The trials")
    parts += [
        trial_section(aim, trial, against, figures, printed, folder(trial))
        for trial, against in zip(trials, compared(aim.space, trials), strict=True)
    ]
    if analysis:
        parts += ["## Final analysis", analysis_section(aim, trials, analysis, figures)]
    parts += ["## What the model cost", _cost(ledger), "## How to go on", _go_on(aim)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _figures(
    aim: Aim, trials: Sequence[Trial], analysis: FinalAnalysis | None, asked: Sequence[str]
) -> Figures:
    """The numbers that the log holds without the words of a model."""
    told = [aim.about, standing(aim, trials), _command(aim), *asked]
    if analysis:
        computed = analysis.importances
        told += [
            computed.reason,
            *(text for part in computed.influences for text in (part.fact, part.failures)),
        ]
        told += [
            f"{part.share:.2f} {part.share:.0%}" for part in computed.influences if part.share is not None
        ]
    return Figures.of_run(aim.space, trials, told)


def _task(aim: Aim, asked: Sequence[str]) -> str:
    told = quotation(aim.about, _ABOUT_CHARACTERS) if aim.about.strip() else "The user said nothing of it."
    facts = [f"Goal: the {'highest' if aim.maximize else 'lowest'} {code(aim.metric)}."]
    if command := _command(aim):
        facts.append(f"Command: {code(command)}")
    if script := aim.script:
        if changed := script.config or script.constants:
            facts.append(
                f"Each trial runs in a copy of the folder, in which {code(changed)} holds its values."
            )
        facts.append(f"The metric is read from {_place(script.source)}.")
        limit = "none" if script.timeout_s is None else f"{script.timeout_s:.6g} s"
        facts.append(f"Time limit of a trial: {limit}. Sandbox: {script.sandbox}.")
    return f"{told}\n\n" + "\n".join(f"- {fact}" for fact in [*facts, *asked])


def _command(aim: Aim) -> str:
    return aim.script.command if aim.script else aim.command.text if aim.command else ""


def _place(source: ValueSource) -> str:
    if source.file:
        return code(source.file)
    if source.pattern:
        return f"the output, by the pattern {code(source.pattern)}"
    return f"the lines of the output that {'name it' if source.named else 'name it or are a number'}"


def _space(aim: Aim) -> str:
    by = f"It was proposed by {inline(aim.space_by, 100)}" if aim.space_by else "It was given by the user"
    rows = [
        [
            code(name),
            value_text(base(aim.space).get(name)),
            range_text(dimension, value_text),
            inline(dimension.description),
        ]
        for name, dimension in aim.space.items()
    ]
    listed = table(["hyperparameter", "base", "range", "meaning"], rows)
    told = f"The space that is searched. {by}, and stays the same for the whole run."
    return "\n\n".join([told, *(f"- Note: {inline(note)}" for note in aim.notes), listed])


def _leaderboard(aim: Aim, trials: Sequence[Trial]) -> str:
    said = standing(aim, trials)
    parts = [f"{said[:1].upper()}{said[1:]}."]
    if edited := _edited(trials):
        parts.append(
            f"The script's folder is not the same in all trials: it changed before {edited}, whose notes "
            "tell how. Values from before and after it are those of different scripts."
        )
    best = ranked(trials)
    failed = [trial for trial in trials if trial.loss is None]
    rows = [[str(place), *_row(trial)] for place, trial in enumerate(best, 1)]
    rows += [["–", *_row(trial)] for trial in failed]
    if rows:
        parts.append(table(["place", "trial", "chosen by", code(aim.metric), "seconds"], rows))
    if reached := milestones(trials):
        scores = [
            "–" if best is None or best.score is None else f"{best.score:.5g}" for best in reached.values()
        ]
        header = ["trials", *map(str, reached)]
        parts.append(f"The best after so many trials:\n\n{table(header, [['best', *scores]])}")
    return "\n\n".join(parts)


def _edited(trials: Sequence[Trial]) -> str:
    """The trials of which the script is not that of the trial before; empty if there are none."""
    known = [trial for trial in trials if trial.code_hash]
    changed = [trial for before, trial in pairwise(known) if trial.code_hash != before.code_hash]
    return ", ".join(f"trial {trial.number}" for trial in changed)


def _row(trial: Trial) -> list[str]:
    result = f"failed ({trial.outcome.status})" if trial.score is None else f"{trial.score:.5g}"
    return [str(trial.number), proposer(trial), result, f"{trial.outcome.seconds:.1f}"]


def _cost(ledger: Ledger) -> str:
    if not ledger.total.requests:
        return "No model was asked."
    data = ledger.to_json()
    rows = []
    for purpose, part in [*data["by_purpose"].items(), ("in all", data)]:
        cost = "unknown" if part["cost_usd"] is None else f"{part['cost_usd']:.4f}"
        counts = [str(part[name]) for name in ("requests", "prompt_tokens", "completion_tokens")]
        rows.append([inline(purpose), *counts, cost])
    about = "\n\nSome tokens were not counted by the server, but estimated." if data["estimated"] else ""
    return table(["for", "requests", "tokens in", "tokens out", "cost in USD"], rows) + about


def _go_on(aim: Aim) -> str:
    lines = [
        "`codegen-hpo show RUN --trials` lists every call; RUN is the folder of this file.",
        "Trial 1 is `t001` there; what a trial left is in the folder that its section names.",
    ]
    if aim.script or aim.command:
        lines.append("`codegen-hpo resume RUN --trials N` goes on until there are N trials in all.")
    lines.append('`codegen-hpo ask RUN "…"` answers a question from the record.')
    return "\n".join(f"- {line}" for line in lines)
