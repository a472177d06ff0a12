"""What is to be learnt: a table, its target, the metric and the split."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["regression", "binary", "multiclass"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric's name and direction. Computed in `scoring/` alone, where the labels are."""

    name: str
    kinds: tuple[Kind, ...]
    higher_is_better: bool
    needs: Literal["value", "probability", "class"]

    def loss(self, score: float) -> float:
        """The score, signed so that lower is better."""
        return -score if self.higher_is_better else score


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(name="rmse", kinds=("regression",), higher_is_better=False, needs="value"),
        Metric(name="mae", kinds=("regression",), higher_is_better=False, needs="value"),
        Metric(name="r2", kinds=("regression",), higher_is_better=True, needs="value"),
        Metric(name="rmsle", kinds=("regression",), higher_is_better=False, needs="value"),
        Metric(name="log_loss", kinds=("binary", "multiclass"), higher_is_better=False, needs="probability"),
        Metric(name="accuracy", kinds=("binary", "multiclass"), higher_is_better=True, needs="class"),
        Metric(name="balanced_accuracy", kinds=("binary", "multiclass"), higher_is_better=True, needs="class"),
        Metric(name="f1", kinds=("binary", "multiclass"), higher_is_better=True, needs="class"),
        Metric(name="roc_auc", kinds=("binary", "multiclass"), higher_is_better=True, needs="probability"),
        Metric(name="average_precision", kinds=("binary",), higher_is_better=True, needs="probability"),
    )
}

DEFAULT_METRIC: Mapping[Kind, str] = {"regression": "rmse", "binary": "roc_auc", "multiclass": "log_loss"}
