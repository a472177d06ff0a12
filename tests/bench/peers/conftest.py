"""A benchmark that was made up, so that every rank in it is known."""

import pytest

from codegen_hpo.bench.peers.results import Cell, Results
from codegen_hpo.bench.peers.table import Facts


def facts(name: str, *, metric: str = "rmse", **more: object) -> Facts:
    known = {
        "name": name,
        "sha256": "",
        "target": "y",
        "drop": (),
        "kind": "regression" if metric == "rmse" else "binary",
        "metric": metric,
        "classes": 0 if metric == "rmse" else 2,
        "split": "made up",
        "columns": 2,
        "train_rows": 8,
        "test_rows": 2,
    }
    return Facts.from_json(known | more)


@pytest.fixture
def results() -> Results:
    """Three arms on two tables within 60 s, and one of them on a third table, too."""
    scores = {
        ("codegen-hpo", "prices"): 1.0,
        ("flaml", "prices"): 2.0,
        ("catboost", "prices"): 3.0,
        ("codegen-hpo", "ships"): 0.9,
        ("flaml", "ships"): 0.95,
        ("catboost", "ships"): None,
        ("flaml", "late"): 5.0,
    }
    cells = [
        Cell(
            arm=arm,
            table=table,
            limit_s=60.0,
            status="failed" if score is None else "ok",
            seconds=50.0,
            score=score,
            error="ValueError: no" if score is None else "",
        )
        for (arm, table), score in scores.items()
    ]
    absent = Cell(arm="autogluon", table="prices", limit_s=60.0, status="not installed", error="no autogluon")
    return Results(
        facts={"threads": 2, "seed": 0},
        commands=("codegen-hpo bench peers prices.csv",),
        tables=(facts("prices"), facts("ships", metric="roc_auc"), facts("late")),
        cells=(*cells, absent),
    )
