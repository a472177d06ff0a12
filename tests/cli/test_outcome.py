"""What the end of a run tells: the comparison, the counts, the command that goes on."""

import pytest

from codegen_hpo.cli.follow import Follow
from codegen_hpo.cli.outcome import resume_command
from codegen_hpo.cli.terminal import counted
from codegen_hpo.engine.settings import Budget, Settings
from codegen_hpo.objective.settings import SearchSettings
from codegen_hpo.records import Event
from codegen_hpo.report.verdict import against
from codegen_hpo.scoring.baselines import Baseline
from codegen_hpo.store.history import History
from codegen_hpo.task import METRICS


def baseline(name: str, test_score: float | None) -> Baseline:
    return Baseline(name=name, seconds=0.1, validation_score=test_score, test_score=test_score)


def history(budget: Budget, elapsed_s: float = 48.2) -> History:
    return History(
        name="r",
        state="done",
        settings=Settings(budget=budget).to_json(),
        versions={},
        attempts=(),
        candidates=(),
        trials=(),
        baselines=(),
        final=None,
        disqualified={},
        ended="",
        limit="",
        elapsed_s=elapsed_s,
    )


@pytest.mark.parametrize(
    ("score", "said"),
    [
        (0.9, ": better than the best baseline there, linear (0.8)."),
        (0.8, ": level with the best baseline there, linear (0.8)."),
        (0.7, ": NOT better than the baseline linear (0.8)."),
    ],
)
def test_a_winner_is_better_than_level_with_or_not_better_than_the_best_baseline(
    score: float, said: str
) -> None:
    rows = (baseline("majority", 0.5), baseline("linear", 0.8))
    assert against(METRICS["accuracy"], score, rows) == said


def test_baselines_without_a_test_score_are_not_compared_with() -> None:
    assert against(METRICS["rmse"], 1.0, (baseline("mean", None),)) == "."


def test_the_resume_command_raises_the_trials_alone_where_nothing_else_is_limited() -> None:
    assert resume_command("runs/r", history(Budget(trials=3))) == "codegen-hpo resume runs/r --trials 10"


def test_the_resume_command_raises_every_limit_of_the_run() -> None:
    spent = history(Budget(trials=3, seconds=40.0, tokens=4000, usd=0.5))
    assert resume_command("runs/r", spent) == (
        "codegen-hpo resume runs/r --trials 10 --time 89s --max-tokens 8000 --max-cost 1"
    )


@pytest.mark.parametrize(("count", "said"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials")])
def test_one_of_a_kind_is_named_in_the_singular(count: int, said: str) -> None:
    assert counted(count, "trial") == said


def test_the_marks_of_better_trials_stand_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    follow = Follow("rmse")
    for score in (0.67451, 0.6609, 12.0):
        follow.receive(trial_event(score))
    lines = capsys.readouterr().err.splitlines()
    assert [line.rstrip() for line in lines] == [
        "    1.0s  c01  t001 tpe     rmse 0.67451 *  2.0s  width=64",
        "    1.0s  c01  t001 tpe     rmse 0.6609  *  2.0s  width=64",
        "    1.0s  c01  t001 tpe     rmse 12         2.0s  width=64",
    ]


def test_a_turn_that_another_tuner_took_says_why_on_a_line_that_nothing_can_forge(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Follow("rmse").receive(trial_event(1.0, fallback="no usable call\n    2.0s  c01  t002 llm" + "x" * 200))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("          in the model's place: no usable call 2.0s c01")
    assert len(lines[1]) < 140


def test_a_long_error_keeps_its_kind_and_the_name_of_the_file_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = f"FileNotFoundError: [Errno 2] No such file or directory: '{'folder/' * 30}train.csv'"
    Follow("rmse").receive(trial_event(None, error=error))
    (line,) = capsys.readouterr().err.splitlines()
    assert "error: FileNotFoundError: [Errno 2]" in line
    assert "folder/train.csv'  2.0s" in line
    assert len(line) < 230


@pytest.mark.parametrize(("steps", "told"), [(8, "tuner agenthpo, m at u"), (None, "tuner llm, m at u")])
def test_the_model_with_its_executor_is_called_agenthpo(
    capsys: pytest.CaptureFixture[str], steps: int | None, told: str
) -> None:
    settings = SearchSettings(tuner="llm", steps=steps, model="m", endpoint="u").to_json()
    event = Event(number=1, kind="settings", key="", data=settings, elapsed_s=0.0, time="")
    Follow("rmse").receive(event)
    assert capsys.readouterr().err.strip().endswith(told)


def trial_event(score: float | None, fallback: str = "", error: str = "") -> Event:
    call = {"arguments": {"width": 64}, "proposed_by": "tpe", "reasoning": "", "fallback": fallback}
    outcome = {"status": "error", "error": error, "stopped": ""}
    data = {"number": 1, "call": call, "outcome": outcome, "loss": score, "score": score, "wall_s": 2.0}
    return Event(number=1, kind="trial", key="c01/1", data=data, elapsed_s=1.0, time="")
