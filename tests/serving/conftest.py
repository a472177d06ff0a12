"""Finished runs whose models are served; their workers are forks of this process."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from fastapi.testclient import TestClient

from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.run import Run
from codegen_hpo.serving.app import make_app
from codegen_hpo.task import Task
from codegen_hpo.testing.forked import ForkedSandbox
from codegen_hpo.testing.networks import QUICKLY

MARKUP = "</textarea><script>alert(1)</script>"  # the name of a column


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """120 rows with a column of each kind; the target is nearly linear in `size`."""
    generator = np.random.default_rng(3)
    rows = 120
    size = generator.normal(size=rows).round(3)
    days = pd.to_timedelta(generator.integers(0, 700, rows), unit="D")
    frame = pd.DataFrame(
        {
            "size": size,
            "colour": generator.choice(["red", "green", "blue"], rows),
            "made": (pd.Timestamp("2024-01-01") + days).strftime("%Y-%m-%d"),
            "signed": generator.random(rows) < 0.5,
            MARKUP: generator.choice(["a", "b"], rows),
        }
    )
    return frame.assign(price=3 * size + (frame["colour"] == "red") + 10)


@pytest.fixture(scope="module")
def run_of(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The run that predicts the price, or whether it is "high" or "low"; made when it is first asked for."""
    runs: dict[str, Run] = {}

    def get(kind: str) -> Run:
        if kind not in runs:
            high = table.assign(price=np.where(table["price"] > 10, "high", "low"))
            runs[kind] = fit(
                Task.from_table(table if kind == "regression" else high, "price"),
                budget=Budget(trials=1),
                runs=tmp_path_factory.mktemp("runs"),
                environ={},
                **QUICKLY,
            )
        return runs[kind]

    return get


@pytest.fixture(scope="module")
def client_of(run_of: Callable[[str], Run]) -> Iterator[Callable[[str], TestClient]]:
    """A client of the service of that run, which takes at most five rows."""
    clients: dict[str, TestClient] = {}

    def get(kind: str) -> TestClient:
        if kind not in clients:
            model = run_of(kind).load(sandbox=ForkedSandbox())
            app = make_app(model, {"run": run_of(kind).path.name}, {"size": 0.5, MARKUP: MARKUP}, most_rows=5)
            clients[kind] = TestClient(app, base_url="http://localhost")
            clients[kind].__enter__()
        return clients[kind]

    yield get
    for client in clients.values():
        client.__exit__(None, None, None)


@pytest.fixture
def client(client_of: Callable[[str], TestClient]) -> TestClient:
    return client_of("regression")
