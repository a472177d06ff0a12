"""A task built by hand, so that golden files change with the prompts alone, and the golden files' check."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.table.profile import Column, Profile
from codegen_hpo.table.split import Split
from codegen_hpo.task import METRICS, TargetSummary, Task

COLUMNS = (
    Column(
        name="distance",
        kind="numeric",
        reason="numbers",
        missing_share=0.012,
        levels=811,
        quantiles=(0.0, 0.4, 1.0, 1.9, 3.2, 10.0, 36.7),
    ),
    Column(
        name="zone",
        kind="categorical",
        reason="texts",
        missing_share=0.0,
        levels=2,
        examples=("north", "south"),
    ),
    Column(
        name="pickup",
        kind="datetime",
        reason="moments",
        missing_share=0.0,
        levels=998,
        examples=("2024-01-01T00:00:00", "2024-02-01T10:00:00"),
    ),
    Column(name="id", kind="identifier", reason="unique", missing_share=0.0, levels=1000),
    Column(name="fare", kind="target", reason="the target", missing_share=0.0, levels=400),
)


def _task(columns: tuple[Column, ...] = COLUMNS, **changes: object) -> Task:
    rows = np.arange(1000)
    task = Task(
        name="trips.csv",
        sha256="0" * 64,
        frame=pd.DataFrame({"fare": np.linspace(3, 60, 1000)}),
        labels=np.linspace(3, 60, 1000),
        profile=Profile(target="fare", columns=columns),
        target="fare",
        kind="regression",
        kind_reason="many numbers",
        classes=(),
        metric=METRICS["rmse"],
        split=Split(
            train=rows[:520],
            inner=rows[520:600],
            validation=rows[600:800],
            test=rows[800:],
            method="random",
            seed=0,
        ),
        summary=TargetSummary(quantiles=(3.0, 4.5, 7.0, 9.5, 14.0, 30.0, 60.0), mean=12.5, std=9.25),
        about="",
        seed=0,
        warnings=(),
        leaks=(),
    )
    return dataclasses.replace(task, **changes)  # type: ignore[arg-type]


@pytest.fixture
def make_task() -> Callable[..., Task]:
    """Makes a task of four features; keyword arguments replace its fields, `columns` its columns."""
    return _task


@pytest.fixture
def check_golden() -> Callable[[str, str], None]:
    """Compares a text with tests/author/golden/<name>.txt; UPDATE_GOLDEN=1 accepts what is new."""

    def check(name: str, text: str) -> None:
        file = Path(__file__).parent / "golden" / f"{name}.txt"
        if os.environ.get("UPDATE_GOLDEN"):
            file.write_text(text + "\n", encoding="utf-8")
        assert text + "\n" == file.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 accepts the change"

    return check
