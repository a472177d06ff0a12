"""What a space that a person wrote is refused for, in words that name the argument."""

import pytest

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Choice, Float, Int
from codegen_hpo.space_check import checked_space


@pytest.mark.parametrize(
    ("dimension", "said"),
    [
        (Float(1.0, 0.1), "low 1 is above high 0.1"),
        (Float(0.0, 1.0, log=True), "a log scale needs low above 0"),
        (Float(0.0, float("inf")), "expected a number of ordinary size"),
        (Float("0", 1.0), "low is '0', expected a number"),  # type: ignore[arg-type]
        (Float(0.0, True), "high is True, expected a number"),
        (Float(0.0, 1.0, log="yes"), "log is 'yes'"),  # type: ignore[arg-type]
        (Int(1.5, 3), "low is 1.5, but an Int has whole numbers"),  # type: ignore[arg-type]
        (Int(0, 2**53 + 1), "within 2**53 of 0"),
        (Int(0, 10**400), "expected a number of ordinary size"),
        (Int(-(10**300), 0), "within 2**53 of 0"),
        (Int(1, 5, default=9), "default 9 is outside of 1 to 5"),
        (Choice(()), "it has no options"),
        (Choice("abc"), "expected a list of values"),  # type: ignore[arg-type]
        (Choice((1, True)), "the option True is there twice"),
        (Choice(("a", None)), "the option None is neither"),  # type: ignore[arg-type]
        (Choice(("a", "b"), default="c"), "default 'c' is not among its options"),
        (Choice((False, True), default=1), "default 1 is not among its options"),
        (Float(0.0, 1.0, description=3), "its description is 3"),  # type: ignore[arg-type]
        (Choice(("a", "b\0")), "holds a NUL"),
        (Choice(("a", "\ud800")), "half a surrogate pair"),
        (Float(0.0, 1.0, description="\udfff"), "its description '\\udfff' holds"),
        ((0.0, 1.0), "expected Float, Int or Choice"),
    ],
)
def test_each_mistake_is_named_with_its_argument(dimension: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked_space({"fine": Int(1, 2), "rate": dimension})
    assert str(caught.value).startswith("the space, rate: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["", "two words", "a=b", "{x}", "-x", "a\x07", 'a"', "a\0", "a\ud800", 3])
def test_a_name_that_no_command_could_take_is_refused(name: object) -> None:
    with pytest.raises(ConfigError, match="its name") as caught:
        checked_space({name: Int(1, 2)})
    assert str(caught.value).isprintable()


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        checked_space({"a": Float(2.0, 1.0), "b": Choice(())})
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("space", [{}, {"a": Choice(("x",))}, {"a": Int(3, 3)}])
def test_a_space_without_a_choice_is_refused(space: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="nothing to tune"):
        checked_space(space)


def test_what_is_no_mapping_is_refused() -> None:
    with pytest.raises(ConfigError, match="the space is list"):
        checked_space([Float(0.0, 1.0)])


def test_numbers_take_the_type_of_their_dimension() -> None:
    space = checked_space({"n": Int(1.0, 8.0, default=2.0), "x": Float(0, 1)})  # type: ignore[arg-type]
    assert (space["n"], space["x"]) == (Int(1, 8, default=2), Float(0.0, 1.0))
    assert type(space["n"].low) is int  # type: ignore[union-attr]
    assert type(space["x"].low) is float  # type: ignore[union-attr]
