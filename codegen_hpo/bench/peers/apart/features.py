"""Dates as numbers and texts as categories, for the arms that do not read a table by themselves."""

from typing import Any

import pandas as pd


def features(train: Any, test: Any) -> tuple[Any, Any]:
    """Both tables with dates as numbers and texts as categories of the training rows."""
    parts: list[dict[str, Any]] = [{}, {}]
    for name in train.columns:
        columns = [train[name], test[name]]
        if pd.api.types.is_bool_dtype(columns[0]):
            columns = [column.astype("float") for column in columns]
        elif not pd.api.types.is_numeric_dtype(columns[0]):
            moments = [pd.to_datetime(column, errors="coerce", utc=True) for column in columns]
            known = columns[0].notna()
            if known.any() and moments[0][known].notna().mean() > 0.95:
                for part, moment in zip(parts, moments, strict=True):
                    part |= _moment(name, moment)
                continue
            levels = pd.CategoricalDtype(sorted(columns[0].dropna().astype(str).unique()))
            columns = [column.astype(str).where(column.notna()).astype(levels) for column in columns]
        else:
            columns = [pd.to_numeric(column, errors="coerce").astype("float") for column in columns]
        for part, column in zip(parts, columns, strict=True):
            part[name] = column
    return pd.DataFrame(parts[0]), pd.DataFrame(parts[1])


def _moment(name: str, moment: Any) -> dict[str, Any]:
    seconds = (moment - moment.min().normalize()).dt.total_seconds()
    parts = {"month": moment.dt.month, "day": moment.dt.day, "weekday": moment.dt.weekday}
    parts["hour"] = moment.dt.hour
    return {f"{name} seconds": seconds, **{f"{name} {k}": part.astype("float") for k, part in parts.items()}}
