from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from codegen_hpo.bench.evaluator import Evaluator
from codegen_hpo.bench.folder import Cache
from codegen_hpo.bench.problem import Problem, Value
from codegen_hpo.errors import CodegenHpoError
from codegen_hpo.space import Arguments, Choice, Scalar, Space
from codegen_hpo.tuner.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysToEnd:
    """A suite whose one argument says what the evaluation does."""

    name: str = "ways"
    limit_s: float | None = 1.0

    def problems(self) -> tuple[str, ...]:
        return ("ways",)

    def open(self, problem: str) -> Problem:
        space = Space({"way": Choice(("return", "compute", "exit"))})
        return Problem(name=problem, space=space, evaluate=_evaluate, fingerprint="ways")

    def subject(self, problem: Problem, framing: int | None, budget: int) -> Subject:
        raise NotImplementedError

    def facts(self) -> Mapping[str, Scalar]:
        return {}


def _evaluate(arguments: Arguments) -> Value:
    if arguments["way"] == "exit":
        raise SystemExit(3)
    while arguments["way"] == "compute":
        sum(range(10_000))
    return Value(0.25, sealed=0.5)


def test_an_evaluation_above_its_time_is_a_failure_and_the_next_one_is_not() -> None:
    suite = WaysToEnd()
    problem, evaluator = suite.open("ways"), Evaluator(suite, None)

    slow, quick = (evaluator.evaluate(problem, {"way": way}) for way in ("compute", "return"))
    evaluator.close()

    assert (slow.loss, slow.status, slow.error) == (None, "timeout", "above 1 s")
    assert quick == Value(0.25, sealed=0.5)


def test_a_process_that_ends_by_itself_is_a_fault_of_the_host() -> None:
    suite = WaysToEnd()
    evaluator = Evaluator(suite, None)

    with pytest.raises(CodegenHpoError, match="ended by itself, with code 3"):
        evaluator.evaluate(suite.open("ways"), {"way": "exit"})


def test_a_configuration_is_evaluated_once(tmp_path: Path) -> None:
    calls: list[Arguments] = []

    def evaluate(arguments: Arguments) -> Value:
        calls.append(arguments)
        return Value(1.0, sealed=2.0, seconds=3.0)

    suite = WaysToEnd(limit_s=None)
    problem = replace(suite.open("ways"), evaluate=evaluate)
    other = replace(problem, fingerprint="another table")

    def ask(asked: Problem) -> Value:
        evaluator = Evaluator(suite, Cache(tmp_path / "values.sqlite"))  # anew, as another process does
        return evaluator.evaluate(asked, {"way": "return"})

    assert ask(problem) == ask(problem) == Value(1.0, sealed=2.0, seconds=3.0)
    assert len(calls) == 1
    ask(other)
    assert len(calls) == 2
