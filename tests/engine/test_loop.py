"""The main loop, over scripted seams."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from codegen_hpo.author.base import Draft
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import NoCandidateError, NoModelError
from codegen_hpo.records import Call, Finding, Job, Outcome, Trial
from codegen_hpo.run import Run
from codegen_hpo.testing import ScriptedAuthor, ScriptedSandbox
from codegen_hpo.testing.sandboxes import ScriptedWorker
from codegen_hpo.tuner.base import NoProposal

Start = Callable[..., Run]


def test_a_run_ends_with_the_best_trial_scored_once_on_the_test_rows(
    start: Start, sandbox: ScriptedSandbox
) -> None:
    history = start().history
    assert history.state == "done"
    assert [trial.call.proposed_by for trial in history.trials] == ["default"] + ["tpe"] * 5
    assert history.final is not None
    assert history.final.trial == min(history.trials, key=lambda t: t.loss or 0.0).name
    assert history.final.reason == "6 trials are done"
    assert history.final.openings == 1
    assert [job.kind for job in sandbox.jobs].count("predict") == 1


def test_findings_go_back_until_a_source_passes(start: Start, source: str) -> None:
    author = ScriptedAuthor(["import os\n", "def f(:\n", source], trusted=False)
    run = start(author=author)
    assert [bool(attempt.findings) for attempt in run.history.attempts] == [True, True, False]
    assert author.briefs[1].previous == "import os\n"
    assert author.briefs[1].findings
    assert author.briefs[2].findings[0].gate == "syntax"


def test_an_error_of_the_first_training_goes_back_to_the_author(
    start: Start, source: str, sandbox: ScriptedSandbox
) -> None:
    usual = sandbox.script

    def first_fails(job: Job) -> Outcome:
        if job.kind == "train" and "# mended" not in job.source:
            return Outcome(status="error", stage="step", error="RuntimeError: shapes", line=15)
        return usual(job)

    author = ScriptedAuthor([source, source + "# mended\n"], trusted=False)
    run = start(author=author, sandbox=ScriptedSandbox(first_fails))
    assert author.briefs[1].findings[0].rule == "first-trial-error"
    assert author.briefs[1].findings[0].line == 15
    statuses = [trial.outcome.status for trial in run.history.trials]
    assert statuses == ["error"] + ["ok"] * 5
    assert run.best.candidate.source.endswith("# mended\n")


def test_a_fresh_start_follows_when_repairs_are_used_up_and_then_a_clear_failure(start: Start) -> None:
    author = ScriptedAuthor(["import os\n"] * 6, trusted=False)
    with pytest.raises(NoCandidateError, match="6 attempts") as caught:
        start(author=author, repairs=2)
    assert [brief.previous is None for brief in author.briefs] == [True, False, False, True, False, False]
    assert caught.value.run is not None
    assert len(Run.open(caught.value.run).history.attempts) == 6


def test_every_candidate_is_tried_before_the_best_one_takes_the_rest(start: Start, source: str) -> None:
    other = source.replace("0.99] = 0.9", "0.99] = 0.5").replace("= 1e-2,", "= 3e-2,")
    run = start(author=ScriptedAuthor([source, other]), candidates=2, budget=Budget(trials=8))
    # two each (8 // (2 * 2)), then the four that are left go to the leader, whose default is the better one
    assert [trial.candidate for trial in run.history.trials] == ["c01"] * 2 + ["c02"] * 6


def test_a_second_candidate_is_told_of_the_first(start: Start, source: str) -> None:
    author = ScriptedAuthor([source, source + "# another\n"])
    start(author=author, candidates=2)
    assert [candidate.title for candidate in author.briefs[1].existing] == ["A linear model."]


def test_failed_trials_are_kept_and_never_win(start: Start, sandbox: ScriptedSandbox) -> None:
    usual = sandbox.script
    seen: list[Job] = []

    def some_fail(job: Job) -> Outcome:
        seen.append(job)
        if job.kind == "train" and sum(j.kind == "train" for j in seen) % 2 == 0:
            return Outcome(status="oom", stage="step", error="out of memory")
        return usual(job)

    history = start(sandbox=ScriptedSandbox(some_fail)).history
    assert [t.outcome.status for t in history.trials] == ["ok", "oom"] * 3
    assert history.final is not None
    assert history.final.trial in {t.name for t in history.trials if t.outcome.status == "ok"}


def test_predictions_that_are_not_finite_are_a_bad_result(start: Start, sandbox: ScriptedSandbox) -> None:
    usual = sandbox.script

    def nan_after_first(job: Job) -> Outcome:
        outcome = usual(job)
        if job.kind == "train" and job.arguments["momentum"] != 0.9 and outcome.outputs is not None:
            return replace(outcome, outputs=outcome.outputs * float("nan"))
        return outcome

    history = start(sandbox=ScriptedSandbox(nan_after_first)).history
    assert {t.outcome.status for t in history.trials} == {"ok", "bad_result"}


def test_a_winner_that_cannot_predict_afresh_is_disqualified(start: Start, sandbox: ScriptedSandbox) -> None:
    usual = sandbox.script
    refused: list[Job] = []

    def refuse_once(job: Job) -> Outcome:
        if job.kind == "predict" and not refused:
            refused.append(job)
            return Outcome(status="error", stage="load", error="missing key")
        return usual(job)

    run = start(sandbox=ScriptedSandbox(refuse_once))
    kinds = [event.kind for event in run.folder.events if event.kind != "trial"]
    assert kinds[kinds.index("disqualified") :] == ["disqualified", "selected", "opened", "final", "finished"]
    ranked = sorted(run.history.trials, key=lambda t: t.loss or 0.0)
    assert run.best.trial.name == ranked[1].name


def test_a_run_without_a_usable_model_says_so_and_is_kept(start: Start, sandbox: ScriptedSandbox) -> None:
    usual = sandbox.script

    def never_predicts(job: Job) -> Outcome:
        return Outcome(status="error", error="no") if job.kind == "predict" else usual(job)

    with pytest.raises(NoModelError) as caught:
        start(sandbox=ScriptedSandbox(never_predicts))
    assert caught.value.run is not None
    assert Run.open(caught.value.run).history.state == "failed"


class _Exhausted:
    """A tuner that knows one call."""

    name = "one"

    def __init__(self) -> None:
        self.told: list[Trial] = []

    def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
        if len(self.told) > 1:
            raise NoProposal("all calls are known")
        return Call(arguments={"learning_rate": 0.05, "momentum": 0.1}, proposed_by="one")

    def tell(self, trial: Trial) -> None:
        self.told.append(trial)


def test_a_tuner_with_nothing_left_ends_the_search_and_the_run_is_finished(start: Start) -> None:
    tuner = _Exhausted()
    history = start(tuner=lambda candidate: tuner).history
    assert [trial.call.proposed_by for trial in tuner.told] == ["default", "one"]
    assert history.final is not None
    assert history.final.reason == "all calls are known"


@pytest.mark.parametrize(
    ("budget", "trials", "reason"),
    [
        (Budget(trials=3), 3, "3 trials are done"),
        (Budget(trials=30, patience=2), None, "no improvement in 2 trials"),
        (Budget(trials=30, seconds=0.0001), None, "s of 0 s are spent"),
    ],
)
def test_the_first_limit_that_is_reached_ends_the_search(
    start: Start, budget: Budget, trials: int | None, reason: str
) -> None:
    if budget.seconds:
        with pytest.raises(NoModelError, match="are spent"):
            start(budget=budget)
        return
    history = start(budget=budget).history
    assert history.final is not None
    assert reason in history.final.reason
    assert trials is None or len(history.trials) == trials


def test_no_label_of_validation_or_test_is_in_what_a_sandbox_sees(
    start: Start, sandbox: ScriptedSandbox
) -> None:
    seen: list[set[str]] = []
    opened = sandbox.open

    def look(bundle: Path) -> ScriptedWorker:
        seen.append({path.name for path in bundle.iterdir()})
        return opened(bundle)

    sandbox.open = look  # type: ignore[method-assign]
    start()
    *training, last = seen
    assert training
    assert not {name for names in training for name in names if name.startswith("eval") and "_y" in name}
    assert last == {"meta.json", "quantiles.npy", "eval_num.npy", "eval_cat.npy"}


def test_a_reply_without_a_function_leaves_the_earlier_complaints_standing(start: Start, source: str) -> None:
    empty = Draft(source=None, findings=(Finding(gate="reply", rule="no-code", message="no code"),))
    author = ScriptedAuthor(["import os\n", empty, source], trusted=False)
    start(author=author)
    rules = [finding.rule for finding in author.briefs[2].findings]
    assert rules[0] == "no-code"
    assert rules[1:] == [finding.rule for finding in author.briefs[1].findings]
    assert author.briefs[2].previous == "import os\n"


def test_the_same_text_again_is_told_so(start: Start, source: str) -> None:
    author = ScriptedAuthor(["import os\n", "import os\n", source], trusted=False)
    start(author=author)
    assert [brief.findings[0].rule == "unchanged" for brief in author.briefs if brief.findings] == [
        False,
        True,
    ]


def test_the_last_trial_is_announced_for_the_whole_budget_only(start: Start, source: str) -> None:
    class Listener:
        name = "listener"
        left: list[int | None] = []  # noqa: RUF012 - shared by both candidates' tuners on purpose

        def ask(self, trials_left: int | None, running: Sequence[Call] = ()) -> Call:
            self.left.append(trials_left)
            return Call(arguments={"learning_rate": 0.01, "momentum": 0.1}, proposed_by=self.name)

        def tell(self, trial: Trial) -> None:
            pass

    start(
        author=ScriptedAuthor([source, source + "# another\n"]),
        candidates=2,
        budget=Budget(trials=8),
        tuner=lambda _: Listener(),
    )
    assert Listener.left == [7, 5, 4, 3, 2, 1]


def test_a_second_candidate_that_is_the_first_again_is_sent_back(start: Start, source: str) -> None:
    author = ScriptedAuthor([source, source, source + "# another\n"], trusted=False)
    run = start(author=author, candidates=2)
    assert [finding.rule for finding in author.briefs[2].findings] == ["twin"]
    assert len(run.history.candidates) == 2
