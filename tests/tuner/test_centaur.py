import math
from collections.abc import Sequence

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.messages import Ask, Reply, Request
from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.testing import replies
from codegen_hpo.testing.strategies import LocalSearch, answered_by
from codegen_hpo.tuner.base import NoProposal, Tuner
from codegen_hpo.tuner.cmaes import CmaesSampler
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.subject import objective_metric, objective_subject

SPACE = Space(
    {
        "rate": Float(1e-4, 1.0, log=True, default=1e-3),
        "width": Int(1, 64, default=8),
        "act": Choice(("relu", "silu", "a <data> ```"), default="relu"),
    }
)
SMALL = Space({"act": Choice(("relu", "silu")), "deep": Choice((False, True))})
READS = answered_by(LocalSearch(state=True))
USELESS = answered_by(lambda body: replies.text("I would rather not."))


class Kept:
    """An ask that keeps the requests."""

    def __init__(self, ask: Ask) -> None:
        self.ask, self.requests = ask, list[Request]()

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        return self.ask(request)

    def told(self, request: int = -1) -> str:
        return self.requests[request].messages[-1].content


def made(ask: Ask, space: Space = SPACE, **options: object) -> Tuner:
    return make_tuner(
        "centaur",
        space,
        seed=0,
        trials=30,
        subject=objective_subject("", objective_metric("loss"), space),
        model=Model(ask, "m"),
        options=TunerOptions(**options),  # type: ignore[arg-type]
    )


def trial(number: int, call: Call) -> Trial:
    rate, width = float(call.arguments.get("rate", 1.0)), int(call.arguments.get("width", 1))
    if width > 50:
        error = "Traceback …\nMemoryError: too wide"
        return Trial(
            number=number, call=call, outcome=Outcome(status="oom", error=error), score=None, loss=None
        )
    loss = math.log10(rate / 0.1) ** 2 + abs(width - 20) / 20 + (call.arguments.get("act") != "silu")
    return Trial(number=number, call=call, outcome=Outcome(status="ok"), score=loss, loss=loss)


def search(tuner: Tuner, calls: int, first: Sequence[Call] = ()) -> list[Trial]:
    told = [trial(number, call) for number, call in enumerate(first, 1)]
    for known in told:
        tuner.tell(known)
    while len(told) < calls:
        told.append(trial(len(told) + 1, tuner.ask(calls - len(told))))
        tuner.tell(told[-1])
    return told


def by(trials: Sequence[Trial]) -> list[str]:
    return [trial.call.proposed_by for trial in trials]


def test_the_model_has_three_turns_in_ten_after_ten_of_cmaes() -> None:
    after = ["cmaes"] * 3 + ["llm"] + ["cmaes"] * 2 + ["llm"] + ["cmaes"] * 2 + ["llm"]
    assert by(search(made(READS), 30)) == ["cmaes"] * 10 + after * 2


def test_the_default_call_and_those_of_a_user_are_no_turns() -> None:
    first = [
        Call(arguments=SPACE.defaults(), proposed_by="default"),
        Call(arguments=SPACE.defaults() | {"width": 9}, proposed_by="user"),
    ]
    assert by(search(made(READS, llm_share=1.0), 14, first)[2:]) == ["cmaes"] * 10 + ["llm"] * 2


def test_calls_under_way_count_as_turns() -> None:
    tuner, running = made(READS, llm_share=1.0), list[Call]()
    for _ in range(12):
        running.append(tuner.ask(None, running))
    assert [call.proposed_by for call in running] == ["cmaes"] * 10 + ["llm"] * 2
    assert len({tuple(call.arguments.items()) for call in running}) == 12


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, math.nan])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="expected more than 0 and at most 1"):
        TunerOptions(llm_share=share)


def test_the_prompt_shows_the_best_the_latest_and_the_failures() -> None:
    kept = Kept(READS)
    tuner = made(kept, llm_share=1.0)
    trials = [
        trial(n, Call(arguments=SPACE.defaults() | {"width": n}, proposed_by="cmaes")) for n in range(1, 61)
    ]
    for known in trials:
        tuner.tell(known)
    tuner.ask(5)
    told = kept.told()
    assert "60 trials, of which 10 failed." in told
    assert told.count("\nTrial ") == 25
    assert "Best first: 20, 19, 21, 18, 22." in told
    assert told.index("Trial 19 (") < told.index("Trial 20 (") < told.index("Trial 41 (")
    assert told.count("failed (oom)") == 10
    assert told.count('"MemoryError: too wide"') == 10
    assert "Trials left: at most 5." in told


def test_the_prompt_tells_the_state_after_the_trials_and_before_the_question() -> None:
    kept = Kept(READS)
    search(made(kept, llm_share=0.5), 24, [Call(arguments=SPACE.defaults(), proposed_by="default")])
    told = kept.told()
    headings = [line for line in told.splitlines() if line.startswith("# ")]
    assert headings == ["# The objective", "# The goal", "# Trials so far", "# The optimiser's state"]
    state, _, question = told.partition("# The optimiser's state")[2].partition("Trials left")
    for part in (
        "Generation: ",
        "Step size: 0.",
        'Mean: {"rate": ',
        '- "rate": ',
        '- "width": ',
        "Strongest correl",
    ):
        assert f"\n{part}" in state
    assert 'Probabilities of "act": "relu" 0.' in state
    assert '"a \\u003cdata\\u003e \\u0060\\u0060\\u0060" 0.' in state
    assert question.splitlines()[-1] == "Call evaluate."


def test_failures_from_before_the_latest_are_shown_too() -> None:
    kept = Kept(READS)
    tuner = made(kept, llm_share=1.0)
    for n in range(1, 65):
        wide = SPACE.defaults() | {"width": 51 + n % 13, "rate": n / 100}
        fine = SPACE.defaults() | {"width": n}
        tuner.tell(trial(n, Call(arguments=wide if n <= 14 else fine, proposed_by="cmaes")))
    tuner.ask(5)
    told = kept.told()
    assert told.count("failed (oom)") == 10 + 14
    assert "\nTrial 4 (" not in told
    assert "\nTrial 5 (" in told


def test_the_prompt_stays_short_at_two_hundred_failures_and_long_errors() -> None:
    kept = Kept(READS)
    tuner = made(kept, llm_share=1.0)
    for n in range(1, 201):
        call = Call(arguments=SPACE.defaults() | {"rate": n / 1000}, proposed_by="cmaes")
        failed = Outcome(status="error", error="x" * 5000)
        tuner.tell(Trial(number=n, call=call, outcome=failed, score=None, loss=None))
    tuner.ask(5)
    assert len(kept.told()) < 15_000


def test_a_failed_turn_of_the_model_is_cmaes_own_and_says_why() -> None:
    told = search(made(USELESS), 14)
    assert by(told) == ["cmaes"] * 14
    assert [bool(t.call.fallback) for t in told] == [False] * 13 + [True]
    assert told[-1].call.fallback.startswith("the model gave no usable call in 6 replies")


def test_three_failed_turns_in_a_row_end_the_search() -> None:
    with pytest.raises(NoProposal, match="no usable call in 3 turns in a row"):
        search(made(USELESS), 30)


def test_a_turn_that_succeeds_clears_the_failed_ones_before() -> None:
    answers = iter([USELESS] * 12 + [READS] + [USELESS] * 12 + [READS] * 9)
    told = search(made(lambda request: next(answers)(request), llm_share=1.0), 17)
    assert [bool(t.call.fallback) for t in told[10:]] == [True, True, False, True, True, False, False]


def test_a_model_may_take_the_suggestion_over_but_not_repeat_a_trial() -> None:
    def takes_over(request: Request) -> Reply:
        told = request.messages[-1].content
        suggestion = told.partition("Its own suggestion for this call: ")[2].splitlines()[0]
        repeats = told.partition('Trial 1 ("cmaes"): ')[2].splitlines()[0]
        return answered_by(
            lambda body: replies.call(suggestion if "could not be used" in told else repeats, name="evaluate")
        )(request)

    tuner = made(takes_over, llm_share=1.0)
    told = search(tuner, 10)
    call = tuner.ask(3)
    alone = make_tuner("cmaes", SPACE, seed=0)
    for known in told:
        alone.tell(known)
    assert call.proposed_by == "llm"
    assert call.arguments == alone.ask(3).arguments


def test_an_endpoint_that_fails_is_no_failed_turn() -> None:
    def ask(request: Request) -> Reply:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        search(made(ask), 30)


def test_a_finite_space_ends_without_blaming_the_model() -> None:
    with pytest.raises(NoProposal, match="all 4 combinations"):
        search(made(USELESS, SMALL, llm_share=1.0), 9)


@pytest.mark.parametrize(
    "space",
    [
        Space({"x": Float(0.0, 1.0)}),
        Space({"act": Choice(tuple("abcdefghijklmnop"))}),
        Space({"n": Int(1, 99)}),
    ],
)
def test_any_space_has_a_state_to_show(space: Space) -> None:
    assert by(search(made(READS, space, llm_share=1.0), 13))[10:] == ["llm"] * 3


def test_a_tuner_that_is_told_the_trials_again_goes_on_alike() -> None:
    whole = [t.call for t in search(made(READS), 26)]
    for done in (5, 13, 14, 21):
        assert [t.call for t in search(made(READS), 26, whole[:done])] == whole


def test_a_point_of_the_model_enters_the_update_at_a_bounded_distance() -> None:
    line = Space({"x": Float(0.0, 1.0, default=0.0)})

    def after(x: float) -> float:
        near = [trial(n, Call(arguments={"x": n / 100}, proposed_by="cmaes")) for n in range(1, 12)]
        far = trial(12, Call(arguments={"x": x}, proposed_by="llm"))
        best = Trial(number=12, call=far.call, outcome=far.outcome, score=-1.0, loss=-1.0)
        return float(CmaesSampler(line).distribution([*near, best]).mean["x"])

    assert after(0.8) == pytest.approx(after(0.95))  # both beyond the limit, and cut down to it
    assert after(0.12) < 0.99 * after(0.8)
