"""What every tuner must do over any space, whatever becomes of its calls: a conformance suite.

    @pytest.mark.parametrize("case", TUNER_CASES, ids=lambda case: case.name)
    def test_my_tuner(case):
        case.check(lambda space, seed: MyTuner(space, seed), 12)

A case makes tuners as it needs them, and asks and tells each at most as often as it is told to: give fewer
trials to a tuner that thinks long.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codegen_hpo.records import Call, Outcome, Trial
from codegen_hpo.space import Arguments, Choice, Float, Int, Space, canonical
from codegen_hpo.tuner.base import NoProposal, Tuner

MakeTuner = Callable[[Space, int], Tuner]

MIXED = Space(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "dropout": Float(0.0, 0.6, default=0.1),
        "width": Int(8, 1024, log=True, default=64),
        "depth": Int(1, 6),
        "mixed": Choice((0.5, "auto", 1, True), default="auto"),
        "residual": Choice((False, True), default=True),
    }
)
FINITE = Space({"depth": Int(1, 3, default=1), "residual": Choice((False, True), default=True)})
ODD_SPACES = {
    "one number": Space({"x": Float(-1.0, 1.0)}),
    "one choice": Space({"kind": Choice(tuple("abcdefghijkl"))}),
    "choices only": Space({"kind": Choice(tuple("abcd")), "solver": Choice((1, 1.5, True, "1"))}),
    "whole numbers only": Space({"layers": Int(1, 2), "units": Int(1, 4096, log=True)}),
    "constants": Space({"a": Float(0.1, 0.1), "on": Choice((True,)), "n": Int(3, 3), "x": Float(0.0, 1.0)}),
    "wide ranges": Space({"x": Float(-1e300, 1e300), "n": Int(0, 10**15), "t": Float(1e-300, 1.0, log=True)}),
    "a default at the end": Space({"x": Float(0.0, 1.0, default=0.0), "n": Int(0, 500, default=500)}),
}


@dataclass(frozen=True, slots=True)
class TunerCase:
    """A demand on tuners. `check` asserts it of those that are made, with this many trials."""

    name: str
    check: Callable[[MakeTuner, int], None]


def told(number: int, arguments: Arguments, loss: float | None, proposed_by: str = "test") -> Trial:
    """The record of a call with this loss; one without a loss failed."""
    return Trial(
        number=number,
        call=Call(arguments=arguments, proposed_by=proposed_by),
        outcome=Outcome(status="error" if loss is None else "ok"),
        score=loss,
        loss=loss,
    )


def bowl(arguments: Arguments) -> float | None:
    """A loss over MIXED, best at a rate of 1e-3 and a dropout of 0.2; fails with a depth above 4."""
    if float(arguments["depth"]) > 4:
        return None
    return (math.log10(float(arguments["rate"])) + 3) ** 2 + (float(arguments["dropout"]) - 0.2) ** 2


def play(tuner: Tuner, trials: int, loss: Callable[[Arguments], float | None] = bowl) -> list[Trial]:
    """The trials of a run in which the tuner is told each result before it is asked again."""
    run: list[Trial] = []
    for number in range(1, trials + 1):
        call = tuner.ask(trials - number + 1)
        run.append(told(number, call.arguments, loss(call.arguments), call.proposed_by))
        tuner.tell(run[-1])
    return run


def _proposes_new_points_in_range(make: MakeTuner, trials: int) -> None:
    run = play(make(MIXED, 3), trials)
    for trial in run:
        assert list(trial.call.arguments) == list(MIXED)
        assert MIXED.check(trial.call.arguments).arguments == trial.call.arguments
    assert len({canonical(trial.call.arguments) for trial in run}) == trials


def _says_who_proposed(make: MakeTuner, trials: int) -> None:
    tuner = make(MIXED, 0)
    assert tuner.name
    assert tuner.ask(trials).proposed_by


def _goes_on_as_the_one_that_was_killed(make: MakeTuner, trials: int) -> None:
    """Failures are among the trials: depths above 4."""
    run = play(make(MIXED, 5), trials)
    for stop in {1, trials // 2, trials - 1}:
        resumed = make(MIXED, 5)
        for trial in run[:stop]:
            resumed.tell(trial)
        assert resumed.ask(trials - stop) == run[stop].call, f"after {stop} trials"


def _goes_on_with_calls_under_way(make: MakeTuner, trials: int) -> None:
    run = play(make(MIXED, 6), trials - 2)
    first, second = make(MIXED, 6), make(MIXED, 6)
    for trial in run:
        first.tell(trial)
    under_way = [first.ask(2)]
    under_way.append(first.ask(1, under_way))
    for trial in run:
        second.tell(trial)
    assert second.ask(1, under_way[:1]) == under_way[1]


def _spreads_calls_under_way(make: MakeTuner, trials: int) -> None:
    tuner = make(MIXED, 7)
    for trial in play(make(MIXED, 7), trials - 4):
        tuner.tell(trial)
    under_way: list[Call] = []
    for left in range(4, 0, -1):
        under_way.append(tuner.ask(left, under_way))
    assert len({canonical(call.arguments) for call in under_way}) == 4
    # a model of two trials may hold any one argument for irrelevant
    varied = [name for name in MIXED if len({call.arguments[name] for call in under_way}) > 1]
    assert len(varied) >= 2, varied


def _learns_from_a_call_at_the_defaults(make: MakeTuner, trials: int) -> None:
    tuner = make(MIXED, 0)
    tuner.tell(told(1, MIXED.defaults(), 0.5, "default"))
    assert canonical(tuner.ask(trials).arguments) != canonical(MIXED.defaults())


def _ends_a_finite_space(make: MakeTuner, trials: int) -> None:
    tuner = make(FINITE, 0)
    tuner.tell(told(1, FINITE.defaults(), 1.0))
    for number in range(2, 7):
        tuner.tell(told(number, tuner.ask(7 - number).arguments, None if number == 3 else 1.0 / number))
    try:
        repeated = tuner.ask(None)
    except NoProposal:
        return
    raise AssertionError(f"all 6 points were tried, and the tuner proposed {repeated.arguments}")


def _learns_nothing_from_another_space(make: MakeTuner, trials: int) -> None:
    tuner = make(MIXED, 0)
    tuner.tell(told(1, {"heads": 4}, 0.1))
    assert tuner.ask(trials) == make(MIXED, 0).ask(trials)


def _takes_a_loss_that_is_no_number_for_a_failure(make: MakeTuner, trials: int) -> None:
    run = play(make(MIXED, 1), trials - 2)
    proposals = []
    for loss in (None, math.nan, math.inf, -math.inf):
        tuner = make(MIXED, 1)
        for trial in run:
            tuner.tell(trial)
        tuner.tell(told(trials - 1, MIXED.defaults(), loss))
        proposals.append(tuner.ask(1))
    assert all(proposal == proposals[0] for proposal in proposals)


def _goes_on_when_all_fails(make: MakeTuner, trials: int) -> None:
    run = play(make(MIXED, 2), trials, lambda arguments: None)
    assert len({canonical(trial.call.arguments) for trial in run}) == trials


def _goes_on_when_all_are_equal(make: MakeTuner, trials: int) -> None:
    run = play(make(MIXED, 2), trials, lambda arguments: 1.0)
    assert len({canonical(trial.call.arguments) for trial in run}) == trials


def _goes_on_after_the_largest_losses(make: MakeTuner, trials: int) -> None:
    losses = iter([1.7e308, -1.7e308, 0.1, 1e-300] * trials)
    run = play(make(MIXED, 2), trials, lambda arguments: next(losses))
    assert len({canonical(trial.call.arguments) for trial in run}) == trials


def _takes_any_seed(make: MakeTuner, trials: int) -> None:
    for seed in (0, 2**32 - 1):
        play(make(MIXED, seed), min(trials, 4))


def _odd_space(space: Space) -> Callable[[MakeTuner, int], None]:
    def check(make: MakeTuner, trials: int) -> None:
        run: list[Trial] = []
        tuner = make(space, 4)
        for number in range(1, min(trials, 8) + 1):
            arguments = tuner.ask(None).arguments
            assert space.check(arguments).arguments == arguments
            run.append(told(number, arguments, None if number % 3 == 0 else float(number % 4)))
            tuner.tell(run[-1])
        assert len({canonical(trial.call.arguments) for trial in run}) == len(run)

    return check


def _cases() -> Sequence[TunerCase]:
    checks = (
        _proposes_new_points_in_range,
        _says_who_proposed,
        _goes_on_as_the_one_that_was_killed,
        _goes_on_with_calls_under_way,
        _spreads_calls_under_way,
        _learns_from_a_call_at_the_defaults,
        _ends_a_finite_space,
        _learns_nothing_from_another_space,
        _takes_a_loss_that_is_no_number_for_a_failure,
        _goes_on_when_all_fails,
        _goes_on_when_all_are_equal,
        _goes_on_after_the_largest_losses,
        _takes_any_seed,
    )
    return (
        *(TunerCase(check.__name__.strip("_").replace("_", " "), check) for check in checks),
        *(TunerCase(f"a space of {name}", _odd_space(space)) for name, space in ODD_SPACES.items()),
    )


TUNER_CASES = tuple(_cases())
"""All cases; each needs 6 trials or more."""
