"""Values as a person reads them."""

import pytest

from codegen_hpo.shown import number, signed


@pytest.mark.parametrize(("value", "told"), [(0.123456, "0.12346"), (-0.0, "0"), (None, "–"), (12, "12")])
def test_a_number_has_five_digits_and_zero_no_sign(value: float | None, told: str) -> None:
    assert number(value) == told


@pytest.mark.parametrize(("difference", "told"), [(0.03796, "+0.038"), (-2.0, "-2"), (-0.0, "+0")])
def test_a_difference_has_its_sign(difference: float, told: str) -> None:
    assert signed(difference) == told
