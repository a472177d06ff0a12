"""A request's rows: bytes that anyone sent, as a frame that the model takes, or what is wrong with them."""

from collections.abc import Sequence
from typing import Annotated, Any

import pandas as pd
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError, create_model

from codegen_hpo.serving.columns import InputColumn
from codegen_hpo.table.names import did_you_mean

_TEXT = 10_000  # characters of a cell
_SHOWN = 200  # characters of a message
_ERRORS = 5
_BODY = '{"rows": [{"column": value, …}, …]}'
_SHAPES = frozenset(("model_type", "missing", "extra_forbidden", "list_type", "dict_type"))
_CELL = len(("rows", 0, "column"))  # parts of a cell's place
_CELL_FAULT = "a value is a number, a text, true, false or null"
_CELL_FAULTS = {
    "finite_number": "the number is not finite; null is a missing value",
    "string_too_long": f"the text has more than {_TEXT} characters",
}

_Cell = (
    bool
    | Annotated[int, Field(ge=-(2**63), lt=2**63)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, Field(max_length=_TEXT)]
    | None
)


class InvalidRequestError(ValueError):
    """Rows that cannot be predicted. `errors` has the place and the message of the first few faults."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["msg"])
        self.errors = errors


class RowReader:
    """Reads request bodies, `{"rows": [{column: cell}, …]}`.

    Args:
        columns: that each row has.
        most_rows: of one request.
    """

    def __init__(self, columns: Sequence[InputColumn], most_rows: int) -> None:
        self._columns = columns
        row = Annotated[dict[str, _Cell], Field(max_length=2 * len(columns) + 10)]
        limits = Field(min_length=1, max_length=most_rows)
        request = create_model(
            "Request",
            __config__=ConfigDict(strict=True, extra="forbid"),
            rows=(Annotated[list[row], FailFast(), limits], ...),
        )
        self._adapter: TypeAdapter[Any] = TypeAdapter(request)

    def read(self, body: bytes) -> pd.DataFrame:
        """The rows' cells by column. Raises InvalidRequestError."""
        try:
            rows = self._adapter.validate_json(body).rows
        except ValidationError as error:
            raise InvalidRequestError(_faults(error)) from None
        self._require_columns(rows)
        cells = {column.name: [row[column.name] for row in rows] for column in self._columns}
        for column in self._columns:
            if (number := column.unreadable(cells[column.name])) is not None:
                found_cell = repr(cells[column.name][number])[:60]
                message = f"{found_cell} is not {column.holds}"
                raise InvalidRequestError([_fault(("rows", number, column.name), message, "unreadable")])
        return pd.DataFrame({column.name: column.column(cells[column.name]) for column in self._columns})

    def _require_columns(self, rows: list[dict[str, Any]]) -> None:
        known = [column.name for column in self._columns]
        for number, row in enumerate(rows):
            if row.keys() == set(known):
                continue
            faults = [
                _fault(
                    ("rows", number, name),
                    "the model uses no such column. " + did_you_mean(name, known),
                    "extra",
                )
                for name in [name for name in row if name not in known][:_ERRORS]
            ]
            faults += [
                _fault(
                    ("rows", number, column.name), "the column is missing; null is a missing value", "missing"
                )
                for column in self._columns
                if column.name not in row
            ][:_ERRORS]
            raise InvalidRequestError(faults)


def _faults(error: ValidationError) -> list[dict[str, Any]]:
    """The first few faults, one for each place: pydantic tells of each type that a cell might have had."""
    found: dict[tuple[int | str, ...], dict[str, Any]] = {}
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        place, message, kind = each["loc"], each["msg"], each["type"]
        if len(place) > _CELL:
            place, message = place[:_CELL], _CELL_FAULTS.get(kind, _CELL_FAULT)
        elif kind in _SHAPES:
            message = f"{message}. The body is {_BODY}"
        if place not in found or message != _CELL_FAULT:
            found[place] = _fault(place, message, kind)
    return list(found.values())[:_ERRORS]


def _fault(place: Sequence[int | str], message: str, kind: str) -> dict[str, Any]:
    where = [part if isinstance(part, int) else part[:_SHOWN] for part in place]
    return {"loc": ["body", *where], "msg": message[:_SHOWN], "type": kind}
