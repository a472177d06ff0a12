"""The suite of arXiv 2312.04528, section 4.1, without HPOBench's leak: four models on eight tables.

HPOBench's released code scores a model on rows that it was trained on. Here training, validation and test
rows are apart, so no figure is comparable with the paper's.
"""

from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from codegen_hpo.bench.estimators import EPOCHS, MODELS, SGD_EPOCHS, TREES, evaluate
from codegen_hpo.bench.problem import Problem
from codegen_hpo.bench.tables import BUNDLED, FILES, MAX_ROWS, OPENML, SPLIT_SEED, read_parts
from codegen_hpo.errors import ConfigError
from codegen_hpo.llm.prompts import render
from codegen_hpo.space import Scalar
from codegen_hpo.tuner.subject import Subject, objective_metric, objective_subject


@dataclass(frozen=True, slots=True, kw_only=True)
class SklearnSuite:
    """Every model on every table; `data` is the folder of the CSV tables, None leaves those out."""

    name: str = "sklearn"
    data: Path | None = None
    openml: bool = False
    limit_s: float | None = 5.0

    def problems(self) -> tuple[str, ...]:
        """The names, "svm/iris"."""
        tables = OPENML if self.openml else (*BUNDLED, *(FILES if self.data else ()))
        return tuple(f"{model}/{table}" for model in MODELS for table in tables)

    def open(self, problem: str) -> Problem:
        """The problem of this name, its table read. Raises ConfigError."""
        model, _, table = problem.partition("/")
        if model not in MODELS:
            raise ConfigError(f"there is no model {model!r}", hint=f"one of {', '.join(MODELS)}")
        parts = read_parts(table, self.data)
        fitted = f"{model} {TREES} {EPOCHS} {SGD_EPOCHS} scikit-learn {version('scikit-learn')}"
        return Problem(
            name=problem,
            space=MODELS[model].space,
            evaluate=partial(evaluate, MODELS[model], parts),
            fingerprint=f"{fitted} {parts.fingerprint} {self.limit_s}",
        )

    def subject(self, problem: Problem, framing: int | None, budget: int) -> Subject:
        """The model that is tuned, in words; the table is not named, as in the paper."""
        title = MODELS[problem.name.partition("/")[0]].title
        return objective_subject(
            render("bench_sklearn", title=title, budget=budget), objective_metric("error rate"), problem.space
        )

    def facts(self) -> dict[str, Scalar]:
        """What the values depend on, whichever the tables are."""
        return {
            "rows of a table at most": MAX_ROWS,
            "seed of the split": SPLIT_SEED,
            "trees": TREES,
            "epochs of the network": EPOCHS,
            "epochs of the logistic regression": SGD_EPOCHS,
            "seconds of processor time of an evaluation at most": self.limit_s or 0.0,
        }
