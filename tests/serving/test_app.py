"""What the service answers: to good rows the model's predictions, to all else 4xx and why."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from codegen_hpo.errors import SandboxError
from codegen_hpo.loaded_model import LoadedModel
from codegen_hpo.records import Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.sandbox.base import Hello, Sandbox
from codegen_hpo.serving.app import make_app
from codegen_hpo.testing.forked import ForkedSandbox

MARKUP = "</textarea><script>alert(1)</script>"
ROW: dict[str, Any] = {"size": 0.5, "colour": "red", "made": "2024-06-01", "signed": True, MARKUP: "a"}


def post(client: TestClient, body: object, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post("/predict", content=content, headers={"content-type": "application/json"} | headers)


def test_rows_are_predicted_as_by_the_run(
    run_of: Callable[[str], Run], client: TestClient, table: pd.DataFrame
) -> None:
    rows = table.drop(columns="price").head(5)
    answer = post(client, {"rows": json.loads(rows.to_json(orient="records"))})
    assert answer.status_code == 200, answer.text
    assert answer.json()["target"] == "price"
    expected = run_of("regression").predict(rows, sandbox=ForkedSandbox())["price"]
    np.testing.assert_allclose(answer.json()["predictions"], expected, rtol=1e-5)


def test_classes_come_with_their_probabilities(client_of: Callable[[str], TestClient]) -> None:
    answer = post(client_of("binary"), {"rows": [ROW, ROW | {"size": -3}]}).json()
    assert answer["predictions"] == ["high", "low"]
    assert [set(row) for row in answer["probabilities"]] == [{"high", "low"}] * 2
    assert [sum(row.values()) for row in answer["probabilities"]] == pytest.approx([1, 1])


def test_a_missing_value_is_null_and_numbers_may_be_texts(client: TestClient) -> None:
    assert post(client, {"rows": [dict.fromkeys(ROW)]}).status_code == 200
    number, text = post(client, {"rows": [ROW, ROW | {"size": "0.5"}]}).json()["predictions"]
    assert number == text


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 422, "EOF"),
        (b"{", 422, "EOF"),
        (b"[" * 100_000, 422, "recursion"),
        (b"\xff\xfe", 422, ""),
        (b'{"rows": [{"size": NaN}]}', 422, "the number is not finite"),
        (b'{"rows": [{"size": "\\ud800"}]}', 422, ""),
        (b'{"rows": [{"size": 1' + b"0" * 5000 + b"}]}", 422, ""),
        (b" " * (2 << 20), 413, "bytes"),
        ([], 422, "The body is {"),
        ({"rows": ROW}, 422, "The body is {"),
        ({"rows": []}, 422, "at least 1"),
        ({"rows": [ROW] * 6}, 422, "at most 5"),
        ({"rows": [ROW], "more": 1}, 422, "more"),
        ({"rows": [{}]}, 422, "the column is missing"),
        ({"rows": [ROW | {"sise": 1}]}, 422, "Did you mean 'size'?"),
        ({"rows": [ROW | {"size": "abc"}]}, 422, "'abc' is not a number"),
        ({"rows": [ROW | {"size": True}]}, 422, "is not a number"),
        ({"rows": [ROW | {"size": [1]}]}, 422, "a value is a number, a text, true, false or null"),
        ({"rows": [ROW, ROW | {"made": "yesterday"}]}, 422, "'yesterday' is not a date or time"),
        ({"rows": [ROW | {"signed": "perhaps"}]}, 422, "'perhaps' is not true or false"),
        ({"rows": [ROW | {"colour": "x" * 20_000}]}, 422, "10000"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_predicted_is_the_callers_fault(
    client: TestClient, body: object, status: int, says: str
) -> None:
    answer = post(client, body)
    assert answer.status_code == status, answer.text
    assert says in answer.text
    assert len(answer.content) < 10_000
    assert post(client, {"rows": [ROW]}).status_code == 200  # it is as good as before


def test_a_fault_says_where_it_is(client: TestClient) -> None:
    (fault,) = post(client, {"rows": [ROW, ROW | {"size": "abc"}]}).json()["detail"]
    assert fault["loc"] == ["body", "rows", 1, "size"]
    (fault,) = post(client, {"rows": [ROW | {"size": {}}]}).json()["detail"]
    assert fault["loc"] == ["body", "rows", 0, "size"]


def test_a_model_that_cannot_run_is_503_until_it_can(run_of: Callable[[str], Run]) -> None:
    places = iter([None, ForkedSandbox()])

    def find() -> Sandbox:
        if (place := next(places)) is None:
            raise SandboxError("bubblewrap is gone from /usr/bin")
        return place

    model = LoadedModel(run_of("regression").load(sandbox=ForkedSandbox()).trained, find)
    client = TestClient(make_app(model, {}, {}), base_url="http://localhost")
    answer = post(client, {"rows": [ROW]})
    assert answer.status_code == 503
    assert "/usr/bin" not in answer.text
    assert post(client, {"rows": [ROW]}).status_code == 200
    model.close()


def test_more_requests_than_are_taken_at_once_are_refused(run_of: Callable[[str], Run]) -> None:
    model = run_of("regression").load(sandbox=ForkedSandbox())
    client = TestClient(make_app(model, {}, {}, at_once=0), base_url="http://localhost")
    answer = post(client, {"rows": [ROW]})
    assert (answer.status_code, answer.json()["detail"]) == (503, "0 requests are under way: ask again")


class WaitingSandbox:
    """Its workers load a model, and predict until they are closed."""

    name = "waiting"

    def __init__(self) -> None:
        self.hello = Hello(python="3.11", torch="2.13.0", cuda="")
        self.asked, self.closed, self.opened = threading.Event(), threading.Event(), 0

    def open(self, bundle: Path) -> Self:
        self.opened += 1
        return self

    def run(self, job: Job) -> Outcome:
        if job.kind == "load":
            return Outcome(status="ok")
        self.asked.set()
        self.closed.wait(30)
        return Outcome(status="killed", error="it was closed")

    def close(self) -> None:
        self.closed.set()


@pytest.mark.timeout(60)
def test_a_model_that_is_closed_at_work_is_not_opened_again(run_of: Callable[[str], Run]) -> None:
    sandbox = WaitingSandbox()
    model = run_of("regression").load(sandbox=sandbox)
    with TestClient(make_app(model, {}, {}), base_url="http://localhost") as client:
        asking = threading.Thread(target=post, args=(client, {"rows": [ROW]}))
        asking.start()
        assert sandbox.asked.wait(30)
        model.close()
        asking.join(30)
        assert not asking.is_alive()
    assert sandbox.opened == 1


@pytest.mark.timeout(60)
def test_health_does_not_wait_for_a_prediction(run_of: Callable[[str], Run]) -> None:
    model = run_of("regression").load(sandbox=ForkedSandbox())
    client = TestClient(make_app(model, {}, {}), base_url="http://localhost")
    assert not model.is_open
    assert client.get("/health").json() == {"status": "ok"}
    with model._lock:  # as while it predicts
        assert client.get("/health").json() == {"status": "ok"}
    model.close()
    assert not model.is_open


def test_a_body_that_is_not_said_to_be_json_is_refused(client: TestClient) -> None:
    assert client.post("/predict", content=json.dumps({"rows": [ROW]})).status_code == 415
    assert post(client, {"rows": [ROW]}, **{"content-type": "text/plain"}).status_code == 415


def test_another_name_than_this_machines_is_refused(client: TestClient) -> None:
    assert client.get("/health", headers={"host": "elsewhere.example"}).status_code == 400
    assert client.get("/health").json() == {"status": "ok"}


def test_version_tells_what_is_served_and_no_path(client: TestClient, run_of: Callable[[str], Run]) -> None:
    told = client.get("/version").json()
    assert (told["run"], told["kind"]) == (run_of("regression").path.name, "regression")
    assert str(run_of("regression").path.parent) not in json.dumps(told)


def test_the_description_has_the_columns_and_loads_nothing_from_elsewhere(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    rows = schema["content"]["application/json"]["schema"]["properties"]["rows"]
    assert set(rows["items"]["properties"]) == set(ROW)
    assert rows["maxItems"] == 5
    page = client.get("/docs")
    assert "http://" not in page.text.replace("http://localhost/predict", "")
    assert "https://" not in page.text
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
