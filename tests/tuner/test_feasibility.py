from codegen_hpo.space import Choice, Float, Int, Space
from codegen_hpo.testing.tuner_cases import told
from codegen_hpo.tuner.feasibility import feasibility

SPACE = Space({"width": Int(1, 1024, log=True), "rate": Float(0.0, 1.0), "kind": Choice(("a", "b"))})


def point(width: int, kind: str = "a") -> dict[str, int | float | str]:
    return {"width": width, "rate": 0.5, "kind": kind}


def test_a_point_is_likely_to_fail_where_the_nearest_trial_did():
    likely = feasibility(SPACE, [told(1, point(8), 0.3), told(2, point(1000), None)])
    assert likely(point(16))
    assert not likely(point(512))


def test_distance_is_taken_in_the_logarithm_where_the_space_says_so():
    likely = feasibility(SPACE, [told(1, point(1), 0.3), told(2, point(1024), None)])
    assert likely(point(31))
    assert not likely(point(33))


def test_another_option_is_as_far_as_the_other_end_of_a_range():
    likely = feasibility(SPACE, [told(1, point(32, "a"), None), told(2, point(32, "b"), 0.1)])
    assert not likely(point(60, "a"))
    assert likely(point(60, "b"))


def test_everything_is_likely_as_long_as_no_trial_failed_or_all_did():
    assert feasibility(SPACE, [])(point(1))
    assert feasibility(SPACE, [told(1, point(1), 0.1)])(point(1))
    assert feasibility(SPACE, [told(1, point(1), None)])(point(1))
