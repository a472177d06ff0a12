"""Comparisons whose sandbox is scripted; everything else is real."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codegen_hpo.bench.compare import Conditions, compare
from codegen_hpo.bench.comparison import Comparison, Result
from codegen_hpo.engine.settings import Budget
from codegen_hpo.errors import ConfigError, NoCandidateError, SandboxError
from codegen_hpo.records import Check, Job, Outcome
from codegen_hpo.run import Run
from codegen_hpo.task import Task
from codegen_hpo.testing import ScriptedSandbox, ScriptedServer
from codegen_hpo.testing.brain import drawing_brain

SOURCE = '''\
"""A line."""

from typing import Annotated

import torch
from torch import nn


class Line(nn.Module):
    def __init__(self, n_numeric: int, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_numeric, n_outputs)

    def forward(self, x_num: torch.Tensor, x_cat: torch.Tensor) -> torch.Tensor:
        return self.layer(x_num)


def make_model_and_optimizer(
    n_numeric: int,
    n_outputs: int,
    *,
    learning_rate: Annotated[float, 1e-4, 1e-1, "log"] = 1e-2,
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A linear model.

    Args:
        learning_rate: Step size.
    """
    model = Line(n_numeric, n_outputs)
    return model, torch.optim.SGD(model.parameters(), lr=learning_rate)
'''


@pytest.fixture(scope="module")
def task(small_table: pd.DataFrame) -> Task:
    return Task.from_table(small_table, "y")


@pytest.fixture
def trained() -> list[Job]:
    """The training jobs that the sandbox got."""
    return []


Answer = Callable[[Job], Outcome]


@pytest.fixture
def answer(task: Task, trained: list[Job]) -> Answer:
    def outcome(job: Job) -> Outcome:
        if job.kind == "dry_run":
            return Outcome(status="ok", checks=tuple(Check(dict(p), 10, "", "", None) for p in job.points))
        if job.kind == "train":
            trained.append(job)
        rows = len(task.split.validation) + (2 * len(task.split.test) if job.kind == "predict" else 0)
        off = abs(np.log(float(job.arguments["learning_rate"]) / 0.03))
        weights = b"weights" if job.kind == "train" else None
        return Outcome(status="ok", outputs=np.full((rows, 1), off, np.float32), weights=weights, seconds=0.1)

    return outcome


@pytest.fixture
def breaking(answer: Answer, trained: list[Job]) -> ScriptedSandbox:
    """A sandbox that breaks with the third training."""

    def outcome(job: Job) -> Outcome:
        if len(trained) == 2:
            raise SandboxError("the engine went away")
        return answer(job)

    return ScriptedSandbox(outcome)


@pytest.fixture
def run(task: Task, answer: Answer, tmp_path: Path) -> Callable[..., Comparison]:
    """Compares in one folder; its keywords are those of Conditions and of `compare`."""

    def start(trials: int = 3, **changes: Any) -> Comparison:
        alike = {
            name: changes.pop(name) for name in ("base_url", "reply_tokens", "sandbox") if name in changes
        }
        conditions = Conditions(budget=Budget(trials=trials), **{"sandbox": ScriptedSandbox(answer)} | alike)
        given: dict[str, Any] = {"tuners": ("random", "tpe"), "seeds": 2, "source": SOURCE, "environ": {}}
        return compare(task, tmp_path / "comparison", conditions=conditions, **given | changes)

    return start


def test_every_tuner_runs_the_same_function_on_the_same_split_with_every_seed(
    run: Callable[..., Comparison],
) -> None:
    comparison = run()
    assert [(r.tuner, r.seed) for r in comparison.results] == [
        ("random", 0),
        ("tpe", 0),
        ("random", 1),
        ("tpe", 1),
    ]
    runs = [Run.open(comparison.folder / result.run) for result in comparison.results]
    assert {run.history.candidates[0].source for run in runs} == {SOURCE}
    assert len({str(run.task["split"]) for run in runs}) == 1
    assert [run.history.settings["seed"] for run in runs] == [0, 0, 1, 1]
    assert all(len(run.history.trials) == 3 for run in runs)
    for result, opened in zip(comparison.results, runs, strict=True):
        final = opened.history.final
        assert final is not None
        assert (result.validation, result.test) == (final.validation_score, final.test_score)


def test_what_is_finished_is_not_done_again_and_more_seeds_and_tuners_extend_it(
    run: Callable[..., Comparison], trained: list[Job]
) -> None:
    run()
    assert len(trained) == 12
    again = run()
    assert len(trained) == 12
    more = run(seeds=3, tuners=("tpe", "cmaes"))
    assert len(trained) == 12 + 3 + 9
    assert [r for r in more.results if r.tuner == "tpe"][:2] == [r for r in again.results if r.tuner == "tpe"]


def test_a_run_that_was_stopped_is_carried_on(
    run: Callable[..., Comparison], breaking: ScriptedSandbox, trained: list[Job]
) -> None:
    with pytest.raises(SandboxError):
        run(sandbox=breaking)
    assert len(trained) == 2
    comparison = run()
    assert len(trained) == 12
    assert len({result.run for result in comparison.results}) == 4
    assert all(result.trials == 3 for result in comparison.results)


@pytest.mark.parametrize(
    ("change", "named"), [({"trials": 4}, "trials"), ({"source": SOURCE + "\n"}, "source")]
)
def test_a_folder_of_another_comparison_is_refused_by_name(
    run: Callable[..., Comparison], change: dict[str, Any], named: str
) -> None:
    run(seeds=1, tuners=("random",))
    with pytest.raises(ConfigError, match=f"another {named}"):
        run(**change)


def test_the_kept_function_is_used_when_none_is_given_again(run: Callable[..., Comparison]) -> None:
    run(seeds=1, tuners=("random",))
    assert len(run(seeds=1, tuners=("tpe",), source=None).results) == 1


def test_tuners_that_need_a_model_are_left_out_and_said_to_be(run: Callable[..., Comparison]) -> None:
    comparison = run(tuners=("llm", "random", "centaur"), seeds=1)
    assert comparison.left_out == ("llm", "centaur")
    assert comparison.tuners == ["random"]


def test_too_few_trials_for_a_tuner_are_refused_before_anything_runs(
    run: Callable[..., Comparison], tmp_path: Path
) -> None:
    environ = {"OPENAI_BASE_URL": "http://localhost:1/v1", "CODEGEN_HPO_MODEL": "m"}
    with pytest.raises(ConfigError, match="centaur would never ask its model"):
        run(trials=14, tuners=("random", "centaur"), environ=environ)  # one of them is at the defaults
    assert not (tmp_path / "comparison").exists()


def test_nothing_but_such_tuners_is_an_error(run: Callable[..., Comparison]) -> None:
    with pytest.raises(ConfigError, match="no model is configured"):
        run(tuners=("llm",))


def test_a_function_that_breaks_the_contract_is_refused_before_anything_runs(
    run: Callable[..., Comparison], trained: list[Job]
) -> None:
    with pytest.raises(ConfigError, match="does not meet the contract") as raised:
        run(source="import os\n")
    assert "codegen-hpo check" in raised.value.hint
    assert not trained


def test_a_function_that_does_not_run_ends_the_comparison_and_is_not_tried_often(
    run: Callable[..., Comparison],
) -> None:
    failing = ScriptedSandbox(lambda job: Outcome(status="error", stage="construct", error="no"))
    with pytest.raises(NoCandidateError) as raised:
        run(sandbox=failing)
    assert len(failing.jobs) == 2
    assert "--attempts" in raised.value.hint
    assert str(raised.value.run) in raised.value.hint


def test_a_model_writes_one_function_and_tunes_it_in_its_own_rows(run: Callable[..., Comparison]) -> None:
    told: list[Result] = []
    with ScriptedServer(drawing_brain(SOURCE)) as server:
        comparison = run(
            tuners=("random", "llm"),
            source=None,
            base_url=server.base_url,
            reply_tokens=77,
            on_result=told.append,
        )
        written = [request for request in server.requests if not request.body.get("tools")]
    assert len(written) == 1
    assert {request.body["max_tokens"] for request in server.requests} == {77}
    assert tuple(told) == comparison.results
    tokens = {row.tuner: row.tokens for row in comparison.rows()}
    assert tokens["random"] == 0
    assert tokens["llm"] > 0
    runs = [Run.open(comparison.folder / result.run) for result in comparison.results]
    assert len({run.history.candidates[0].source for run in runs}) == 1


def test_a_stopped_run_of_a_model_goes_on_with_its_model(
    run: Callable[..., Comparison], breaking: ScriptedSandbox
) -> None:
    with ScriptedServer(drawing_brain("")) as server:
        options: dict[str, Any] = {"tuners": ("llm",), "seeds": 1, "base_url": server.base_url}
        with pytest.raises(SandboxError):
            run(sandbox=breaking, **options)
        comparison = run(**options)
        asked = len(server.requests)
    assert comparison.results[0].trials == 3
    assert asked == 2  # trial 1 is the defaults, and no proposal is paid for twice
