"""Rows to try a model with: usual values of each column, as the run recorded them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from codegen_hpo.table.profile import FEATURES, QUANTILES

Example = bool | int | float | str | None
_ORDER = sorted(QUANTILES[1:-1], key=lambda level: abs(level - 0.5))  # from the median outwards
_TEXT = 100  # characters


def example_rows(columns: Sequence[Mapping[str, Any]], count: int) -> list[dict[str, Example]]:
    """So many rows of the columns that a model is given.

    Args:
        columns: as in a run's task.json.
        count: the first row has the median of numbers and the most frequent of categories, the next ones the
            other recorded values in turn.
    """
    features = [column for column in columns if column["kind"] in FEATURES]
    return [{column["name"]: _value(column, number) for column in features} for number in range(count)]


def _value(column: Mapping[str, Any], number: int) -> Example:
    if column["kind"] == "boolean":
        return number % 2 == 0
    if column["kind"] == "datetime" and column["examples"]:
        return _moment(str(column["examples"][number % len(column["examples"])]), column["layout"])
    if column["quantiles"]:
        value = float(column["quantiles"][QUANTILES.index(_ORDER[number % len(_ORDER)])])
        return int(value) if value.is_integer() else value
    examples = column["examples"]
    return str(examples[number % len(examples)])[:_TEXT] if examples else None


def _moment(iso: str, layout: str) -> Example:
    """A moment, which a profile tells in ISO 8601, as the table writes it."""
    if layout.startswith("epoch"):
        unit = layout.split()[1]
        return int(np.datetime64(iso).astype(f"datetime64[{unit}]").astype(np.int64))
    return iso if layout == "ISO8601" else datetime.fromisoformat(iso).strftime(layout)
