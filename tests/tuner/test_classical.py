"""The rules around a sampler's proposals."""

import pytest

from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.testing.tuner_cases import told
from codegen_hpo.tuner.base import NoProposal
from codegen_hpo.tuner.classical import ClassicalTuner, startup

SPACE = Space({"n": Int(1, 4), "on": Choice((False, True))})


def stubborn_at(point):
    def sampler(trials, running, seed):
        while True:
            yield point

    return sampler


def silent(trials, running, seed):
    yield from ()


@pytest.mark.parametrize("sampler", [stubborn_at({"n": 1, "on": False}), silent])
def test_a_sampler_that_has_nothing_new_gets_an_untried_point_until_there_is_none(sampler):
    tuner = ClassicalTuner("mine", SPACE, sampler, seed=0)
    seen = []
    for number in range(1, 9):
        arguments = tuner.ask(None).arguments
        assert arguments not in seen
        seen.append(arguments)
        tuner.tell(told(number, arguments, 0.0))
    with pytest.raises(NoProposal, match="all 8 combinations"):
        tuner.ask(None)


def test_a_sampler_is_told_complete_arguments_in_the_order_of_the_trials():
    seen = []

    def sampler(trials, running, seed):
        seen.append([dict(trial.call.arguments) for trial in trials])
        yield {"n": 4, "on": True}

    tuner = ClassicalTuner("mine", SPACE, sampler, seed=0)
    tuner.tell(told(1, {"n": 2}, 0.5))
    tuner.tell(told(2, {"n": 99}, 0.5))
    tuner.tell(told(3, {"on": True, "n": 3.0}, None))
    tuner.ask(None)
    assert seen == [[{"n": 2, "on": False}, {"n": 3, "on": True}]]


@pytest.mark.parametrize(("trials", "first"), [(None, 10), (400, 10), (40, 10), (30, 7), (10, 2), (1, 2)])
def test_a_model_is_asked_after_a_quarter_of_the_budget(trials, first):
    assert startup(trials) == first


def test_a_space_of_few_points_that_cannot_be_counted_ends_the_search():
    space = Space({"x": Float(1.0, 1.0000000000000002), "b": Int(0, 1)})
    tuner = ClassicalTuner("mine", space, stubborn_at({"x": 1.0, "b": 0}), seed=0)
    for number in range(1, 5):
        tuner.tell(told(number, tuner.ask(None).arguments, 0.0))
    with pytest.raises(NoProposal, match="have all been tried"):
        tuner.ask(None)


def test_points_that_are_given_come_before_those_that_are_drawn_and_none_twice():
    first = [{"n": 2, "on": False}, {"n": 3, "on": True}]
    tuner = ClassicalTuner("mine", SPACE, stubborn_at({"n": 4, "on": True}), seed=0, first=first)
    tuner.tell(told(1, {"n": 2, "on": False}, 0.5))  # the defaults, say
    call = tuner.ask(None)
    assert (call.arguments, call.proposed_by) == ({"n": 3, "on": True}, "mine")
    assert tuner.ask(None, [call]).arguments == {"n": 4, "on": True}
