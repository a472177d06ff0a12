import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from codegen_hpo.agenthpo.course import Course
from codegen_hpo.agenthpo.experiment_log import experiment_log
from codegen_hpo.agenthpo.final_analysis import FinalAnalysis
from codegen_hpo.agenthpo.importance import importances
from codegen_hpo.engine.settings import Budget
from codegen_hpo.llm.ledger import Ledger, Price
from codegen_hpo.llm.messages import Reply, Usage
from codegen_hpo.objective.script.record import Script
from codegen_hpo.objective.settings import Aim, SearchSettings
from codegen_hpo.objective.value_source import ValueSource
from codegen_hpo.records import Call, Outcome, Series, Trial
from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.tuner.make import TunerOptions

SPACE = Space(
    {
        "optimizer.lr": Float(1e-5, 1e-1, log=True, default=1e-3, description="step size"),
        "epochs": Int(5, 60, default=20),
        "pool": Choice(("avg", "max"), default="avg"),
        "nesterov": Choice((False, True), default=False),
    }
)
ABOUT = "## Dataset\n1,797 images of digits, 8 by 8 pixels.\n\n## Model\na small residual network"
AIM = Aim(
    space=SPACE,
    metric="val_accuracy",
    maximize=True,
    about=ABOUT,
    start=(SPACE.defaults(),),
    script=Script(
        command="python train.py --config config.json",
        config="config.json",
        source=ValueSource(metric="val_accuracy", file="metrics.json"),
        timeout_s=600.0,
    ),
)
STEPS = tuple(float(step) for step in range(40))
CURVE = Series("val_accuracy", STEPS, tuple(0.97348 - 0.5 / (step + 1) for step in range(40)))


def trial(
    number: int,
    score: float | None,
    by: str = "llm",
    *,
    words: str = "",
    error: str = "",
    trajectory: tuple[Series, ...] = (),
    **arguments: object,
) -> Trial:
    """A trial whose reasons, reasoning, notes and analysis are `words`."""
    values = SPACE.defaults() | {
        name.replace("lr", "optimizer.lr"): value for name, value in arguments.items()
    }  # type: ignore[arg-type]
    reasons = {name: words for name in values} if words and by == "llm" else {}
    return Trial(
        number=number,
        call=Call(arguments=values, proposed_by=by, reasoning=words if by == "llm" else "", reasons=reasons),  # type: ignore[arg-type]
        outcome=Outcome(
            status="error" if score is None else "ok",
            seconds=12.34,
            error=error,
            notes=(words,) if words else (),
            trajectory=trajectory,
        ),
        score=score,
        loss=None if score is None else -score,
        analysis=words,
    )


def search(words: str) -> tuple[Trial, ...]:
    series = (Series(words or "val_loss", STEPS[:3], (2.3, math.nan, 0.5)), CURVE)
    return (
        trial(1, 0.9527, "default"),
        trial(2, 0.97348, words=words, trajectory=series, lr=0.0123, nesterov=True),
        trial(3, None, words=words, error=words, lr=0.1),
        trial(4, 0.9, "tpe", pool="max"),
    )


def final(trials: tuple[Trial, ...], words: str) -> FinalAnalysis:
    return FinalAnalysis(
        best="t002",
        importances=importances(SPACE, trials),
        summary=words,
        influence=dict.fromkeys(SPACE, words),
        directions=(words, words),
    )


def whole(words: str) -> str:
    trials = search(words)
    return experiment_log(AIM, trials, final(trials, words), Ledger())


def kinds(markdown: str) -> list[str]:
    found = []
    for token in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown):
        found += [token.type, *(child.type for child in token.children or [])]
    return found


def section(log: str, heading: str) -> str:
    """The lines under the heading, to the next one of any level."""
    return log.partition(f"\n{heading}")[2].partition("\n#")[0]


def row(text: str, first: str) -> list[str]:
    """The cells of the table's row that begins with this one."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("| ").split(" | ")]


def test_the_log_tells_the_task_in_the_users_words_and_what_is_run() -> None:
    task = section(whole("words"), "## The task")
    assert "> \\## Dataset" in task
    assert "> 1,797 images of digits, 8 by 8 pixels." in task
    assert "Goal: the highest `val_accuracy`." in task
    assert "Command: `python train.py --config config.json`" in task
    assert "`config.json` holds its values" in task
    assert "The metric is read from `metrics.json`." in task
    assert "Time limit of a trial: 600 s. Sandbox: none." in task


def test_the_log_tells_the_space_its_base_and_who_proposed_it() -> None:
    space = section(whole("words"), "## The hyperparameters")
    assert row(space, "`optimizer.lr`") == ["`optimizer.lr`", "0.001", "1e-05 to 0.1, log scale", "step size"]
    assert row(space, "`pool`")[1:3] == ["`avg`", "`avg`, `max`"]
    assert row(space, "`nesterov`")[1:3] == ["false", "false, true"]
    assert "given by the user" in space
    proposed = Aim(space=SPACE, metric="loss", space_by="llm:some-model")
    assert "proposed by llm:some-model" in experiment_log(proposed, (), None, Ledger())


def test_a_trials_analysis_may_state_what_its_script_printed() -> None:
    trials = [trial(1, 0.9, words="train_loss 0.3117"), trial(2, 0.8, words="train_loss 0.3117")]
    trials = [replace(one, outcome=replace(one.outcome, notes=())) for one in trials]
    printed = {"t001": "train_loss=0.3117", "t002": "train_loss=0.4"}
    log = experiment_log(AIM, trials, None, Ledger(), lambda one: printed[one.name])
    assert "not in the log" not in section(log, "### Trial 1")
    assert "not in the log" in section(log, "### Trial 2")


def test_the_leaderboard_ranks_the_trials_and_tells_the_failed_ones() -> None:
    standing = section(whole("words"), "## Where it stands")
    assert "Trial 2 is the best of 4, with 0.97348: +0.0208 (+2.2 %) against the base's 0.9527." in standing
    assert [row(standing, place)[1:3] for place in "123"] == [
        ["2", "the model"],
        ["1", "the base"],
        ["4", "tpe"],
    ]
    assert row(standing, "–") == ["–", "3", "the model", "failed (error)", "12.3"]
    assert row(standing, "trials") == ["trials", "1", "3"]
    assert row(standing, "best") == ["best", "0.9527", "0.97348"]


def test_what_was_asked_of_the_search_and_why_it_ended_is_told() -> None:
    settings = SearchSettings(
        tuner="llm",
        tuning=TunerOptions(reasons=True, history="chat"),
        steps=8,
        seed=7,
        model="some-model",
        budget=Budget(trials=5, tokens=123_000),
    )
    trials = search("")[:2]

    def log(ended: str) -> str:
        course = Course(settings=settings, ended=ended)
        return experiment_log(AIM, trials, None, Ledger(), course=course)

    task = section(log(""), "## The task")
    assert "- Tuner: `agenthpo`; seed 7, at most 8 replies of the Executor a trial, history chat." in task
    assert "- Model: `some-model`." in task
    assert "- At most 5 trials, 123000 tokens of the model; 1 at a time." in task
    standing = "\n\n2 of 5 trials are done{}\n"
    assert standing.format("; the search had not ended when this was written.") in log("")
    early = ". The search ended early: the budget of 123000 tokens is used up."
    assert standing.format(early) in log("the budget of 123000 tokens is used up")


def test_one_step_that_repeats_the_result_is_no_course() -> None:
    single = Series("val_accuracy", (1.0,), (0.9,))

    def log(*trajectory: Series) -> str:
        return experiment_log(AIM, (trial(1, 0.9, trajectory=trajectory),), None, Ledger())

    assert "How it went" not in log(single)
    assert "How it went" in log(single, Series("val_loss", (1.0,), (0.3,)))
    assert "How it went" in log(Series("val_accuracy", (1.0, 2.0), (0.8, 0.9)))


def test_each_trial_names_its_folder() -> None:
    trials = search("")
    log = experiment_log(AIM, trials, None, Ledger(), folder=lambda one: f"trials/{one.name}.1")
    assert "What it printed and left is in `trials/t003.1`." in section(log, "### Trial 3")
    assert "What it printed" not in whole("")


def test_a_trial_tells_each_value_what_it_was_before_and_the_reason() -> None:
    told = section(whole("a bold step"), "### Trial 2: 0.97348")
    assert "before (trial 1, the best so far)" in told
    assert row(told, "`optimizer.lr`") == ["`optimizer.lr`", "0.0123", "0.001", "a bold step"]
    assert row(told, "`epochs`") == ["`epochs`", "20", "the same", "a bold step"]
    assert row(told, "`nesterov`")[1:3] == ["true", "false"]
    assert "+0.0208 (+2.2 %) against the base; the best so far." in told
    assert "What the model had in mind:\n\n> a bold step" in told
    assert "after reading the script's log:\n\n> a bold step" in told


def test_the_first_trial_is_compared_with_the_base() -> None:
    told = section(whole(""), "### Trial 1: 0.9527")
    assert "| hyperparameter | value | base | reason |" in told
    assert row(told, "`epochs`") == ["`epochs`", "20", "the same", "as the user left it"]


def test_a_later_trial_is_compared_with_the_best_before_it_and_not_with_later_ones() -> None:
    trials = (trial(1, 0.5, "tpe"), trial(2, 0.4, "tpe", epochs=30), trial(3, 0.9, "tpe", epochs=40))
    log = experiment_log(AIM, trials, None, Ledger())
    assert "before (trial 1, the best so far)" in section(log, "### Trial 2")
    assert "trial 1 stays the best" in section(log, "### Trial 2")
    assert row(section(log, "### Trial 3"), "`epochs`")[1:3] == ["40", "20"]


def test_what_a_classical_tuner_chose_says_so() -> None:
    told = section(whole("words"), "### Trial 4: 0.9")
    assert "Proposed by tpe." in told
    assert row(told, "`pool`") == ["`pool`", "`max`", "`avg`", "chosen by tpe"]


def test_a_value_without_a_reason_says_so() -> None:
    assert row(section(whole(""), "### Trial 2"), "`epochs`")[3] == "none was given"


def test_a_turn_of_the_model_that_another_tuner_took_says_why() -> None:
    call = Call(arguments=SPACE.defaults(), proposed_by="tpe", fallback="no usable call in 6 replies")
    taken = Trial(number=1, call=call, outcome=Outcome(status="ok"), score=0.5, loss=-0.5)
    log = experiment_log(AIM, (taken,), None, Ledger())
    assert "It was the model's turn, which tpe took: no usable call in 6 replies." in log


def test_a_failed_trial_shows_its_error_in_a_fence_that_it_cannot_end() -> None:
    told = section(whole("Traceback\n```\nescaped"), "### Trial 3: failed")
    assert "**Failed** after 12.3 s: it ended with an error." in told
    assert "````\nTraceback\n```\nescaped\n````" in told


def test_a_trajectory_is_a_small_table_with_the_metric_first() -> None:
    told = section(whole("words"), "### Trial 2")
    lines = told.partition("as the script tells it:\n\n")[2].split("\n\n")[0].splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["| step", "| ---", "| `val_accuracy`", "| `words`"]
    steps = row(told, "step")[1:]
    assert len(steps) <= 12
    assert (steps[0], steps[-1]) == ("0", "39")
    assert row(told, "`val_accuracy`")[-1] == "0.961"
    assert row(told, "`words`")[1] == "2.3"


def test_numbers_of_a_models_analysis_that_are_not_in_the_log_are_marked() -> None:
    said = "Trial 2 reached 0.973, 2.2 % above trial 1; trial 9 got 0.99."
    marked = said.replace("9 got 0.99", r"9 \[not in the log\] got 0.99 \[not in the log\]")
    trials = (trial(1, 0.9527, "default"), replace(trial(2, 0.97348, epochs=33), analysis=said))
    log = experiment_log(AIM, trials, final(trials, said), Ledger())
    assert f"> {marked}" in section(log, "### Trial 2")
    assert section(log, "## Final analysis").count(marked) == 1
    assert section(log, "### Influence of each hyperparameter").count(marked) == len(SPACE)
    assert section(log, "### What the model would try next").count(marked) == 2


def test_the_computed_importance_stands_beside_the_models_words() -> None:
    trials = tuple(trial(n, 0.5 + 0.04 * n, lr=1e-4 * n, epochs=20 + n % 2) for n in range(1, 13))
    log = experiment_log(AIM, trials, final(trials, "it mattered"), Ledger())
    told = section(log, "### Influence of each hyperparameter")
    assert "estimated from 12 trials" in told
    assert "add up to 1 even where nothing matters" in told
    _, importance, fact, words = row(told, "`optimizer.lr`")
    assert float(importance) > 0.5
    assert "rank correlation of a higher value with a better metric: +1.00 over 12 trials" in fact
    assert words == "it mattered"
    assert row(told, "`pool`")[1:3] == ["–", "always avg (12 times), so nothing is known of it"]


def test_an_analysis_without_words_of_a_model_says_why() -> None:
    trials = search("")
    computed = FinalAnalysis(
        best="t002", importances=importances(SPACE, trials), missing="the budget for the model is used up"
    )
    log = experiment_log(AIM, trials, computed, Ledger())
    assert "There are no words of a model: the budget for the model is used up." in log
    assert "3 trials have a value, too few to tell: 10 are needed" in log
    assert "what the model says" not in log
    assert row(section(log, "## Final analysis"), "`optimizer.lr`") == ["`optimizer.lr`", "0.0123", "0.001"]


@pytest.mark.parametrize(
    "hostile",
    [
        "# Heading\n\n## Final analysis\n\n- item\n1. item",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "[link](http://evil.example) ![image](http://evil.example/x.png) <http://evil.example>",
        "<script>alert(1)</script> <b>bold</b> &lt;i&gt;",
        "```\nfence\n~~~\n**bold** _slanted_ `code`",
        "end of cell | next\n\n---\n\n> quoted\n\n***",
    ],
)
def test_no_text_of_a_model_or_a_script_forges_structure(hostile: str) -> None:
    plain = "".join(" " if c == "\n" else c if c.isalnum() else "x" for c in hostile)

    def structure(words: str) -> list[str]:
        """All but how a text is divided inside a quotation."""
        loose = {
            "text",
            "softbreak",
            "hardbreak",
            "code_inline",
            "inline",
            "paragraph_open",
            "paragraph_close",
        }
        return [kind for kind in kinds(whole(words)) if kind not in loose]

    assert structure(hostile) == structure(plain)


def test_a_search_without_trials_has_a_log() -> None:
    log = experiment_log(AIM, (), None, Ledger())
    assert "No trial was made." in section(log, "## Where it stands")
    assert "### Trial" not in log
    ended = FinalAnalysis(best="", importances=importances(SPACE, ()), missing="no trial was made")
    assert "no trial was made" in section(experiment_log(AIM, (), ended, Ledger()), "## Final analysis")


def test_the_cost_is_told_by_purpose_and_an_unknown_one_is_not_zero(make_reply: Callable[..., Reply]) -> None:
    ledger = Ledger(price=Price(input_per_million=10.0, output_per_million=30.0))
    ledger.add("tune", make_reply(1000, 100))
    ledger.add("analyse", make_reply(2000, 200))
    cost = section(experiment_log(AIM, (), None, ledger), "## What the model cost")
    assert row(cost, "tune") == ["tune", "1", "1000", "100", "0.0130"]
    assert row(cost, "in all") == ["in all", "2", "3000", "300", "0.0390"]
    unknown = Ledger()
    unknown.add("tune", make_reply(1000, 100))
    assert "unknown" in section(experiment_log(AIM, (), None, unknown), "## What the model cost")
    assert "No model was asked." in experiment_log(AIM, (), None, Ledger())


@pytest.fixture
def make_reply() -> Callable[..., Reply]:
    def make(prompt: int, completion: int) -> Reply:
        usage = Usage(prompt, completion)
        return Reply(text="", call=None, finish="stop", usage=usage, model="m", seconds=0.1)

    return make
