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
            found = error.errors(include_url=False, include_context=False, include_input=False)
            raise InvalidRequestError(
                [_fault(each["loc"], each["msg"], each["type"]) for each in found[:_ERRORS]]
            ) from None
        self._require_columns(rows)
        cells = {column.name: [row[column.name] for row in rows] for column in self._columns}
        for column in self._columns:
            if (number := column.unreadable(cells[column.name])) is not None:
                found_cell = repr(cells[column.name][number])[:60]
                message = f"{found_cell} is not {column.holds}"
                raise InvalidRequestError([_fault(("rows", number, column.name), message, "unreadable")])
        return pd.DataFrame({column.name: column.column(cells[column.name]) for column in self._columns})

    def _require_columns(self, rows: list[dict[str, Any]]) -> None:
        known = {column.name for column in self._columns}
        for number, row in enumerate(rows):
            if row.keys() == known:
                continue
            faults = [
                _fault(
                    ("rows", number, name),
                    "the model has no such column. " + did_you_mean(name, known),
                    "extra",
                )
                for name in list(row.keys() - known)[:_ERRORS]
            ]
            faults += [
                _fault(
                    ("rows", number, column.name), "the column is missing; null is a missing value", "missing"
                )
                for column in self._columns
                if column.name not in row
            ][:_ERRORS]
            raise InvalidRequestError(faults)


def _fault(place: Sequence[int | str], message: str, kind: str) -> dict[str, Any]:
    where = [part if isinstance(part, int) else part[:_SHOWN] for part in place]
    return {"loc": ["body", *where], "msg": message[:_SHOWN], "type": kind}
