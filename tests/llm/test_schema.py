from typing import Any

import pytest

from codegen_hpo.llm.schema import misfit, strict_object

SCHEMA = strict_object(
    {
        "at": {"type": "string", "enum": ["start", "end"]},
        "lines": {"type": "integer"},
        "values": {"type": "object"},
        "share": {"type": "number"},
        "certain": {"type": "boolean"},
    }
)
GOOD = {"at": "end", "lines": 3, "values": {}, "share": 1, "certain": True}


def test_a_strict_object_requires_all_and_allows_no_other() -> None:
    assert SCHEMA["required"] == list(GOOD)
    assert SCHEMA["additionalProperties"] is False
    assert misfit(GOOD, SCHEMA) == ""


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"at": "middle"}, 'at must be one of ["start", "end"]'),
        ({"at": []}, 'at must be one of ["start", "end"]'),
        ({"lines": 1.5}, "lines must be of the type integer"),
        ({"lines": True}, "lines must be of the type integer"),
        ({"values": "{}"}, "values must be of the type object"),
        ({"share": "half"}, "share must be of the type number"),
        ({"certain": "yes"}, "certain must be of the type boolean"),
        ({"more": 1}, "there is no argument 'more'"),
    ],
)
def test_what_does_not_fit_is_named(changed: dict[str, Any], complaint: str) -> None:
    assert misfit(GOOD | changed, SCHEMA) == complaint


def test_everything_that_is_wrong_is_named_at_once() -> None:
    assert misfit({"at": "end", "lines": "3", "values": {}, "x": 1}, SCHEMA) == (
        "there is no argument 'x'; share is missing; certain is missing; lines must be of the type integer"
    )


@pytest.mark.parametrize("arguments", [None, [], "end", 3])
def test_arguments_that_are_no_object_are_refused(arguments: object) -> None:
    assert misfit(arguments, SCHEMA) == "the arguments are one JSON object"
