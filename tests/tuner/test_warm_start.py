from collections.abc import Sequence

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.messages import Ask, Reply, Request
from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.testing import replies
from codegen_hpo.testing.strategies import LocalSearch, answered_by
from codegen_hpo.tuner.base import NoProposal, Tuner
from codegen_hpo.tuner.make import Model, TunerOptions, make_tuner
from codegen_hpo.tuner.subject import objective_metric, objective_subject

SPACE = Space({"x": Float(-1.0, 1.0, default=0.5), "n": Int(1, 9, default=5)})
SMALL = Space({"act": Choice(("relu", "silu")), "deep": Choice((False, True))})
DEFAULT = Call(arguments=SPACE.defaults(), proposed_by="default")


def made(ask: Ask, trials: int | None = 12, space: Space = SPACE, seed: int = 0, **options: object) -> Tuner:
    subject = objective_subject("", objective_metric("loss"), space)
    return make_tuner(
        "llm+tpe",
        space,
        seed=seed,
        trials=trials,
        subject=subject,
        model=Model(ask, "m"),
        options=TunerOptions(**options),  # type: ignore[arg-type]
    )


def trial(number: int, call: Call) -> Trial:
    loss = float(call.arguments.get("x", 0.0)) ** 2
    return Trial(number=number, call=call, outcome=Outcome(status="ok"), score=loss, loss=loss)


def search(tuner: Tuner, calls: int, first: Sequence[Call] = (DEFAULT,)) -> list[Call]:
    made = list(first)
    for number, call in enumerate(first, 1):
        tuner.tell(trial(number, call))
    while len(made) < calls:
        made.append(tuner.ask(calls - len(made)))
        tuner.tell(trial(len(made), made[-1]))
    return made


def by(calls: Sequence[Call]) -> list[str]:
    return [call.proposed_by for call in calls]


GOOD = answered_by(LocalSearch())


USELESS = answered_by(lambda body: replies.text("I would rather not."))


def test_a_third_of_the_budget_is_the_models() -> None:
    assert by(search(made(GOOD), 12)) == ["default", *["llm"] * 4, *["tpe"] * 7]


@pytest.mark.parametrize(("trials", "expected"), [(1, 1), (2, 1), (3, 1), (30, 10), (31, 10), (None, 10)])
def test_the_model_has_at_least_one_turn_and_ten_without_a_limit(trials: int | None, expected: int) -> None:
    tuner = made(GOOD, trials)
    assert by(search(tuner, 14)).count("llm") == expected


def test_the_number_of_the_models_turns_can_be_set() -> None:
    assert by(search(made(GOOD, llm_trials=7), 12)).count("llm") == 7
    with pytest.raises(ConfigError, match="first calls are 0"):
        TunerOptions(llm_trials=0)


def test_a_call_from_outside_is_no_turn() -> None:
    first = [DEFAULT, Call(arguments={"x": 0.1, "n": 2}, proposed_by="user")]
    assert by(search(made(GOOD, llm_trials=3), 7, first)[2:]) == ["llm"] * 3 + ["tpe"] * 2


def test_the_classical_tuner_learns_from_the_models_trials() -> None:
    tuner, alone = made(GOOD), make_tuner("tpe", SPACE, seed=0, trials=12)
    calls = search(tuner, 12)
    for number, call in enumerate(calls[:8], 1):
        alone.tell(trial(number, call))
    assert alone.ask(4).arguments == calls[8].arguments


def test_the_model_is_told_that_another_tuner_goes_on() -> None:
    told: list[str] = []

    def ask(request: Request) -> Reply:
        told.append(request.messages[-1].content)
        return GOOD(request)

    search(made(ask, llm_trials=2), 5)
    assert "The first calls are yours: 2 with this one. Then tpe goes on" in told[0]
    assert "The first calls are yours: 1 more, this one." in told[1]


def test_without_a_usable_call_the_classical_tuner_stands_in_and_says_why() -> None:
    failing = iter([True] * 6 + [False])

    def ask(request: Request) -> Reply:
        return USELESS(request) if next(failing, False) else GOOD(request)

    calls = search(made(ask, llm_trials=3), 6)
    assert by(calls) == ["default", "tpe", "llm", "llm", "tpe", "tpe"]
    assert calls[1].fallback.startswith(
        "the model gave no usable call in 6 replies; the last complaint: no call"
    )
    assert [bool(call.fallback) for call in calls] == [False, True, False, False, False, False]


def test_three_failed_turns_in_a_row_end_the_search() -> None:
    tuner = made(USELESS, llm_trials=5)
    calls = search(tuner, 3)
    assert [bool(call.fallback) for call in calls] == [False, True, True]
    with pytest.raises(NoProposal, match="in 3 turns in a row; the last time: the model gave no usable call"):
        tuner.ask(5)


@pytest.mark.parametrize(("turns", "said"), [(1, "in its only turn"), (2, "in 2 turns in a row")])
def test_a_model_that_failed_in_all_its_turns_ends_the_search(turns: int, said: str) -> None:
    tuner = made(USELESS, llm_trials=turns)
    calls = search(tuner, turns)
    with pytest.raises(NoProposal, match=f"the model gave no usable call {said}"):
        tuner.ask(5)
    assert sum(bool(call.fallback) for call in calls) == turns - 1


def test_failed_turns_under_way_count_as_well() -> None:
    tuner = made(USELESS, llm_trials=5)
    tuner.tell(trial(1, DEFAULT))
    running: list[Call] = []
    for _ in range(2):
        running.append(tuner.ask(5, running))
    assert all(call.fallback for call in running)
    with pytest.raises(NoProposal, match="3 turns in a row"):
        tuner.ask(5, running)


def test_a_turn_under_way_is_a_turn() -> None:
    tuner = made(GOOD, llm_trials=3)
    running: list[Call] = []
    for _ in range(5):
        running.append(tuner.ask(None, running))
    assert by(running) == ["llm"] * 3 + ["tpe"] * 2


def test_a_tuner_that_is_told_the_trials_again_goes_on_alike() -> None:
    whole = search(made(GOOD), 12)
    for done in (1, 3, 5, 9):
        assert search(made(GOOD), 12, whole[:done]) == whole


def test_an_endpoint_that_fails_is_no_failed_turn() -> None:
    def ask(request: Request) -> Reply:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        made(ask).ask(5)


def test_a_finite_space_ends_without_blaming_the_model() -> None:
    tuner = made(GOOD, None, SMALL)
    with pytest.raises(NoProposal, match="all 4 combinations of the arguments have been tried"):
        search(tuner, 9, [Call(arguments=SMALL.defaults(), proposed_by="default")])


def test_trials_of_another_space_are_no_turns() -> None:
    tuner = made(GOOD, llm_trials=2)
    tuner.tell(trial(1, DEFAULT))
    tuner.tell(trial(1, Call(arguments={"y": 1}, proposed_by="llm")))
    assert tuner.ask(11).proposed_by == "llm"
