import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codegen_hpo.bench.cell import POOL, Cell, Evaluation, Search, Spent
from codegen_hpo.bench.evaluator import Evaluator
from codegen_hpo.bench.folder import BenchFolder
from codegen_hpo.bench.problem import Problem, Value
from codegen_hpo.bench.search import Means, run_cell
from codegen_hpo.bench.toy import ToySuite
from codegen_hpo.errors import ConfigError, EndpointError
from codegen_hpo.llm.endpoint import Endpoint
from codegen_hpo.llm.messages import Reply, Request, ToolCall, Usage
from codegen_hpo.tuner.make import TunerOptions

SUITE = ToySuite()
MODEL = Means(endpoint=Endpoint(base_url="http://localhost:1/v1", model="m"))


class Grid:
    """A language model that calls with points in a row, and keeps what it was asked."""

    def __init__(self, fail_at: int = 99) -> None:
        self.requests: list[Request] = []
        self._fail_at = fail_at

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        if len(self.requests) == self._fail_at:
            raise EndpointError("out of quota")
        (tool,) = request.tools
        arguments = json.dumps({"x": len(self.requests) / 4, "y": 1.0})
        call = ToolCall(tool.name, arguments)
        return Reply(text="", call=call, finish="tool_calls", usage=Usage(100, 7), model="m", seconds=2.0)


@pytest.fixture
def folder(tmp_path: Path) -> BenchFolder:
    return BenchFolder(tmp_path)


def run(folder: BenchFolder, cell: Cell, **more: Any) -> Search:
    means = replace(more.pop("means", Means()), **more)
    return run_cell(SUITE, cell, folder, Evaluator(SUITE, None), means)


def points(search: Search) -> list[dict[str, Any]]:
    return [evaluation.arguments for evaluation in search.evaluations]


@pytest.mark.parametrize("tuner", ["random", "tpe"])
def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(tuner: str, tmp_path: Path) -> None:
    cell = Cell("branin", tuner, seed=3, budget=6)
    whole = run(BenchFolder(tmp_path / "whole"), cell)
    stopped = BenchFolder(tmp_path / "stopped")
    stopped.write(Search(cell=cell, optimum=whole.optimum, evaluations=whole.evaluations[:3]))

    resumed = run(stopped, cell)

    assert points(resumed) == points(whole)
    assert resumed.finished
    assert stopped.read(cell) == resumed


def test_a_finished_search_is_not_repeated(folder: BenchFolder) -> None:
    cell = Cell("ackley", "llm", seed=0, budget=2, framing=0)
    first = run(folder, cell, means=MODEL, ask=Grid())
    idle = Grid()

    assert run(folder, cell, means=MODEL, ask=idle) == first
    assert not idle.requests


def test_seeds_differ_and_a_seed_repeats(tmp_path: Path) -> None:
    first, other, again = (
        run(BenchFolder(tmp_path / str(i)), Cell("ackley", "random", seed, 3))
        for i, seed in enumerate((0, 1, 0))
    )

    assert points(first) == points(again)
    assert points(first) != points(other)


def test_a_search_is_kept_with_versions_values_and_who_proposed(folder: BenchFolder) -> None:
    search = run(folder, Cell("himmelblau", "random", 0, 2))

    assert search.versions["codegen-hpo"]
    assert {"python", "optuna", "numpy"} <= set(search.versions)
    for evaluation in search.evaluations:
        assert evaluation.proposed_by == "random"
        expected = SUITE.open("himmelblau").evaluate(evaluation.arguments).loss
        assert evaluation.loss == expected


def test_the_tokens_of_each_proposal_are_counted(folder: BenchFolder) -> None:
    search = run(folder, Cell("ackley", "llm", 0, 3, framing=1), means=MODEL, ask=Grid())

    assert search.model == "m"
    assert [e.spent[1:] for e in search.evaluations] == [(1, 100, 7)] * 3
    assert all(e.spent.seconds > 2.0 for e in search.evaluations)
    assert {e.proposed_by for e in search.evaluations} == {"llm"}


def test_a_model_is_told_of_the_earlier_values_and_of_its_framing(folder: BenchFolder) -> None:
    model = Grid()
    search = run(folder, Cell("rosenbrock", "llm", 0, 2, framing=3), means=MODEL, ask=model)

    told = "\n".join(message.content for message in model.requests[1].messages)

    assert f"{search.losses[0]:.4e}" in told
    assert "deterministic" in told


def test_what_was_evaluated_before_the_model_failed_is_kept(folder: BenchFolder) -> None:
    cell = Cell("ackley", "llm", 0, 4, framing=2)
    with pytest.raises(EndpointError, match="quota"):
        run(folder, cell, means=MODEL, ask=Grid(fail_at=3))

    kept = folder.read(cell)

    assert kept is not None
    assert len(kept.evaluations) == 2
    assert not kept.finished
    assert list(folder.searches()) == []


def test_a_search_is_not_carried_on_with_another_model_or_another_way_to_ask_it(folder: BenchFolder) -> None:
    cell = Cell("ackley", "llm", 0, 2, framing=2)
    run(folder, cell, means=MODEL, ask=Grid())
    other = Means(endpoint=Endpoint(base_url="http://localhost:1/v1", model="another"))
    chat = replace(MODEL, options=TunerOptions(history="chat"))

    for changed in (other, chat):
        with pytest.raises(ConfigError, match="was begun with"):
            run(folder, cell, means=changed, ask=Grid())
    run(folder, Cell("ackley", "random", 0, 2), means=MODEL)
    run(folder, Cell("ackley", "random", 0, 2), means=other)  # asks no model


def test_a_pool_is_made_of_independent_points_that_grow_with_its_size(tmp_path: Path) -> None:
    small = run(BenchFolder(tmp_path / "small"), Cell("branin", POOL, 0, 5))
    large = run(BenchFolder(tmp_path / "large"), Cell("branin", POOL, 0, 9))

    assert points(large)[:5] == points(small)
    assert {evaluation.proposed_by for evaluation in small.evaluations} == {"random"}


class _Sealed(ToySuite):
    """Landscapes whose values have a sealed part that no tuner may see."""

    def open(self, problem: str) -> Problem:
        plain = super().open(problem)

        def evaluate(arguments: Any) -> Value:
            return Value(plain.evaluate(arguments).loss, sealed=123.456)

        return Problem(
            name=problem, space=plain.space, evaluate=evaluate, fingerprint="sealed", optimum=plain.optimum
        )


def test_the_sealed_value_is_kept_but_never_told(folder: BenchFolder) -> None:
    suite, model = _Sealed(), Grid()
    cell = Cell("ackley", "llm", 0, 3, framing=2)

    search = run_cell(suite, cell, folder, Evaluator(suite, None), replace(MODEL, ask=model))

    assert [e.sealed for e in search.evaluations] == [123.456] * 3
    assert not any("123" in message.content for request in model.requests for message in request.messages)
    assert all("123" not in repr(trial) for trial in _told(search))


def _told(search: Search) -> Iterator[object]:
    return (e.trial(n) for n, e in enumerate(search.evaluations, 1))


def test_a_failed_evaluation_is_told_as_a_failure() -> None:
    failed = Evaluation(
        arguments={"x": 1.0},
        loss=None,
        sealed=None,
        status="timeout",
        error="above 5 s",
        proposed_by="tpe",
        fallback="",
        reasoning="",
        seconds=5.0,
        spent=Spent(),
    )

    trial = failed.trial(4)

    assert (trial.number, trial.loss, trial.score, trial.outcome.status) == (4, None, None, "timeout")
