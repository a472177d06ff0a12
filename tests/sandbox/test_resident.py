"""A model that is loaded once and asked again and again, through each back end."""

import time

import numpy as np
import pytest

from codegen_hpo.records import Job, Network, Outcome
from codegen_hpo.sandbox.base import Worker
from codegen_hpo.testing.sandbox_cases import sample_source

LINE = sample_source()


def network(worker: Worker, source: str = LINE, *, trained: str = LINE, seed: int = 0) -> Network:
    """Weights that a training of `trained` left, and the source that is to load them."""
    outcome = worker.run(Job(kind="train", source=trained, arguments={}, seed=seed))
    assert outcome.weights, outcome.error
    return Network(source=source, arguments={}, seed=seed, weights=outcome.weights, share=1.0, transform=None)


def rows(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    generator = np.random.default_rng(seed)
    return generator.normal(size=(count, 4)).astype(np.float32), generator.integers(0, 5, (count, 1))


def ask(worker: Worker, count: int = 3, timeout_s: float = 30.0, seed: int = 1) -> Outcome:
    return worker.run(Job(kind="rows", rows=rows(count, seed), timeout_s=timeout_s))


@pytest.mark.slow
def test_networks_predict_side_by_side_and_a_row_the_same_in_any_company(worker: Worker) -> None:
    networks = (network(worker), network(worker, seed=1))
    loaded = worker.run(Job(kind="load", networks=networks))
    assert (loaded.status, loaded.parameters) == ("ok", 10)
    whole = ask(worker, 150)
    assert whole.outputs is not None
    assert whole.outputs.shape == (150, 2)
    assert not np.allclose(whole.outputs[:, 0], whole.outputs[:, 1])
    few = worker.run(Job(kind="rows", rows=tuple(part[70:72] for part in rows(150))))
    np.testing.assert_array_equal(few.outputs, whole.outputs[70:72])
    nothing = ask(worker, 0)
    assert nothing.outputs is not None
    assert nothing.outputs.shape == (0, 2)


def test_without_a_model_rows_are_refused_and_another_job_ends_the_model(worker: Worker) -> None:
    worker.run(Job(kind="load", networks=(network(worker),)))
    assert worker.run(Job(kind="train", source=LINE)).status == "ok"
    refused = ask(worker)
    assert (refused.status, refused.error) == ("error", "no model is loaded")


def test_a_model_that_cannot_be_loaded_says_why(worker: Worker) -> None:
    broken = network(worker, sample_source(construct="raise ValueError('not today')"))
    loaded = worker.run(Job(kind="load", networks=(broken,)))
    assert loaded.status == "error"
    assert "not today" in loaded.error
    assert ask(worker).status != "ok"


@pytest.mark.parametrize(
    ("forward", "status"),
    [
        ("while True: pass", "timeout"),
        ("import os; os._exit(0)", "bad_result"),
        ("return x_num / 0", "contract"),
    ],
)
def test_a_model_that_breaks_in_an_answer_costs_that_answer(
    worker: Worker, forward: str, status: str
) -> None:
    source = sample_source(forward=f"if len(x_num) == 64:\n    {forward}\nreturn self.layer(x_num)")
    broken = network(worker, source)
    assert worker.run(Job(kind="load", networks=(broken,))).status == "ok"
    assert ask(worker, timeout_s=1.5).status == status
    assert worker.run(Job(kind="load", networks=(network(worker),))).status == "ok"
    assert ask(worker).status == "ok"


def test_what_a_model_leaves_running_stands_still_between_answers(worker: Worker) -> None:
    counting = (
        "import threading, time\n"
        "self.seen = getattr(self, 'seen', None) or []\n"
        "if not self.seen:\n"
        "    threading.Thread(target=lambda: [self.seen.append(time.sleep(0.01)) for _ in range(10**6)],"
        " daemon=True).start()\n"
        "return self.layer(x_num) * 0 + len(self.seen)"
    )
    told = worker.run(Job(kind="load", networks=(network(worker, sample_source(forward=counting)),)))
    assert told.status == "ok", told.error
    first = ask(worker)
    time.sleep(1.0)
    second = ask(worker)
    assert first.outputs is not None
    assert second.outputs is not None
    assert second.outputs[0, 0] - first.outputs[0, 0] < 50  # 100 if it had run on
