"""What a comparison of tuners came to: a row a tuner, over the same seeds."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from codegen_hpo.bench.statistics import Interval, bootstrap_interval, paired_p, ranks
from codegen_hpo.run import Run
from codegen_hpo.task import Metric
from codegen_hpo.tuner.turns import of_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One tuner's run with one seed."""

    tuner: str
    seed: int
    run: str  # its folder, relative to the comparison's
    validation: float | None  # the metric of the winner; None if no trial gave a model
    test: float | None  # of the winner on the sealed rows; None as well where the metric is not defined there
    trials: int
    failed: int
    seconds: float  # at work
    tokens: int
    model_turns: int = 0
    fallbacks: int = 0  # turns of the model that another tuner took

    @classmethod
    def of(cls, tuner: str, seed: int, run: Run, folder: Path) -> "Result":
        history = run.history
        final = history.final
        return cls(
            tuner=tuner,
            seed=seed,
            run=run.path.relative_to(folder).as_posix(),
            validation=final.validation_score if final else None,
            test=final.test_score if final else None,
            trials=len(history.trials),
            failed=sum(trial.loss is None for trial in history.trials),
            seconds=history.elapsed_s,
            tokens=run.ledger.total.tokens,
            model_turns=sum(of_model(trial.call) for trial in history.trials),
            fallbacks=sum(bool(trial.call.fallback) for trial in history.trials),
        )


class Mean(NamedTuple):
    """A mean over seeds with its 95 % bootstrap interval."""

    value: float
    interval: Interval
    seeds: int  # that gave a value


class Row(NamedTuple):
    """One tuner over all seeds."""

    tuner: str
    validation: Mean | None  # None: no seed gave a model
    test: Mean | None
    rank: float  # by validation, among the tuners of the table, mean over the seeds; failures rank last
    pairs: int  # seeds in which the validation differs from the reference's
    p_validation: float | None  # against the reference, Wilcoxon's signed-rank test; failures rank last
    p_test: float | None
    trials: int
    failed: int
    seconds: float  # a run, mean
    tokens: float
    model_turns: int
    fallbacks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every tuner on one function of one table, with the same budget, split and seeds."""

    folder: Path
    metric: Metric
    seeds: int
    results: tuple[Result, ...]
    left_out: tuple[str, ...] = ()  # tuners that need a model where none is configured

    @property
    def tuners(self) -> list[str]:
        return list(dict.fromkeys(result.tuner for result in self.results))

    @property
    def reference(self) -> str:
        """The tuner that the others are tested against: random if it is there, else the first."""
        return "random" if "random" in self.tuners else self.tuners[0]

    def rows(self) -> list[Row]:
        """A row a tuner, the best mean rank first."""
        places = self._mean_ranks()
        return sorted((self._row(tuner, places[tuner]) for tuner in self.tuners), key=lambda row: row.rank)

    def to_json(self) -> dict[str, Any]:
        return {
            "folder": str(self.folder),
            "metric": self.metric.name,
            "higher_is_better": self.metric.higher_is_better,
            "seeds": self.seeds,
            "reference": self.reference,
            "left_out": list(self.left_out),
            "rows": [_row_json(row) for row in self.rows()],
            "results": [asdict(result) for result in self.results],
        }

    def _row(self, tuner: str, rank: float) -> Row:
        own = self._of(tuner)
        return Row(
            tuner=tuner,
            validation=_mean([result.validation for result in own]),
            test=_mean([result.test for result in own]),
            rank=rank,
            pairs=len(self._pairs(tuner, "validation")),
            p_validation=_p(self._pairs(tuner, "validation")),
            p_test=_p(self._pairs(tuner, "test")),
            trials=sum(result.trials for result in own),
            failed=sum(result.failed for result in own),
            seconds=float(np.mean([result.seconds for result in own])),
            tokens=float(np.mean([result.tokens for result in own])),
            model_turns=sum(result.model_turns for result in own),
            fallbacks=sum(result.fallbacks for result in own),
        )

    def _of(self, tuner: str) -> list[Result]:
        """The tuner's results, by seed."""
        return sorted((r for r in self.results if r.tuner == tuner), key=lambda result: result.seed)

    def _pairs(self, tuner: str, score: str) -> list[tuple[float, float]]:
        """The losses of the tuner and of the reference, by seed, where they differ."""
        paired = zip(self._of(tuner), self._of(self.reference), strict=True)
        losses = [(self._loss(own, score), self._loss(other, score)) for own, other in paired]
        return [
            (own, other) for own, other in losses if own is not None and other is not None and own != other
        ]

    def _mean_ranks(self) -> dict[str, float]:
        columns = [[self._loss(result, "validation") for result in self._of(tuner)] for tuner in self.tuners]
        placed = [ranks(losses) for losses in zip(*columns, strict=True)]
        return dict(zip(self.tuners, np.mean(placed, axis=0).tolist(), strict=True))

    def _loss(self, result: Result, score: str) -> float | None:
        """Infinite for a run without a model; None where the metric is not defined."""
        if result.validation is None:
            return math.inf
        value = getattr(result, score)
        return None if value is None else self.metric.loss(value)


def _p(pairs: Sequence[tuple[float, float]]) -> float | None:
    return paired_p(*zip(*pairs, strict=True)) if pairs else None


def _mean(values: Sequence[float | None]) -> Mean | None:
    known = [value for value in values if value is not None]
    return Mean(float(np.mean(known)), bootstrap_interval(known), len(known)) if known else None


def _row_json(row: Row) -> dict[str, Any]:
    means = {"validation": row.validation, "test": row.test}
    told = {
        name: mean and {"mean": mean.value, "interval": list(mean.interval), "seeds": mean.seeds}
        for name, mean in means.items()
    }
    return row._asdict() | told
