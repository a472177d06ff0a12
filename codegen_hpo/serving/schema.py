"""What /openapi.json tells of a prediction's request and answers."""

from collections.abc import Mapping, Sequence
from typing import Any

from codegen_hpo.serving.columns import Cell, InputColumn
from codegen_hpo.trained_model import TrainedModel


def request_schema(
    columns: Sequence[InputColumn], example: Mapping[str, Cell], most_rows: int
) -> dict[str, Any]:
    """The body, with an example."""
    rows = {"type": "array", "items": _row(columns), "minItems": 1, "maxItems": most_rows}
    schema = _object({"rows": rows})
    content = {"schema": schema, "example": {"rows": [dict(example)]}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def answer_schema(trained: TrainedModel) -> dict[int | str, dict[str, Any]]:
    """What is answered, by status."""
    text = {"type": "string"}
    place = {"type": "array", "items": {"type": ["string", "integer"]}}
    fault = _object({"loc": place, "msg": text, "type": text})
    refused = _object({"detail": text})
    return {
        200: _answer("A prediction a row, in their order.", _predictions(trained)),
        408: _answer("The body did not come in time.", refused),
        413: _answer("The body is too long.", refused),
        415: _answer("The body is not JSON.", refused),
        422: _answer(
            "The rows cannot be predicted: the place and the message of the first few faults.",
            _object({"detail": {"type": "array", "items": fault}}),
        ),
        503: _answer("Too many requests are under way, or the model's process cannot be used.", refused),
    }


def _row(columns: Sequence[InputColumn]) -> dict[str, Any]:
    return _object(
        {
            column.name: {"type": [*column.types, "null"], "description": f"{column.holds}, or null"}
            for column in columns
        }
    )


def _predictions(trained: TrainedModel) -> dict[str, Any]:
    if not trained.classes:
        values = {"type": "array", "items": {"type": "number"}}
        return _object({"target": {"type": "string"}, "predictions": values})
    classes = {"type": "array", "items": {"type": ["string", "number", "boolean"]}}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    probabilities = {"type": "array", "items": _object(dict.fromkeys(trained.classes, share))}
    return _object({"target": {"type": "string"}, "predictions": classes, "probabilities": probabilities})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object that has just these."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _answer(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": dict(schema)}}}
