"""Classes come back as what they were."""

import pytest

from codegen_hpo.predict import typed


@pytest.mark.parametrize(
    ("texts", "classes"),
    [
        (("0", "1"), [0, 1]),
        (("-2", "3", "10"), [-2, 3, 10]),
        (("0.5", "1", "1.5"), [0.5, 1, 1.5]),
        (("False", "True"), [False, True]),
        (("no", "yes"), ["no", "yes"]),
        (("false", "true"), ["false", "true"]),
        (("007", "008"), ["007", "008"]),
        (("1", "many"), ["1", "many"]),
        (("1_000", "2_000"), ["1_000", "2_000"]),
        (("inf", "nan"), ["inf", "nan"]),
        (("١", "٢"), ["١", "٢"]),
    ],
)
def test_classes_have_the_type_that_their_texts_show(texts: tuple[str, ...], classes: list[object]) -> None:
    assert [(type(c), c) for c in typed(texts)] == [(type(c), c) for c in classes]
