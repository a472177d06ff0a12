"""Many predictions at once have the metric that each of them has alone."""

import numpy as np
import pytest

from codegen_hpo.scoring.many import losses
from codegen_hpo.scoring.metrics import score
from codegen_hpo.task import METRICS

CASES = [(name, kind) for name, metric in METRICS.items() for kind in metric.kinds]


@pytest.mark.parametrize("decimals", [1, 6], ids=["with ties", "without"])
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_each_loss_is_the_score_of_the_one_prediction(name: str, kind: str, decimals: int) -> None:
    generator = np.random.default_rng(3)
    metric, rows = METRICS[name], 300
    if kind == "regression":
        y = generator.normal(size=rows) ** 2
        predictions = (y + generator.normal(size=(7, rows))).round(decimals)
    else:
        classes = 2 if kind == "binary" else 5
        y = generator.integers(0, 2 if kind == "binary" else 4, rows)  # the fifth class is not there
        raw = generator.random((7, rows, classes)).round(decimals) + 0.1 + np.eye(classes)[y] / 2
        predictions = raw / raw.sum(axis=2, keepdims=True)
    alone = [metric.loss(score(metric, y, one) or 0.0) for one in predictions]
    assert losses(metric, y, predictions) == pytest.approx(alone, rel=1e-9)


def test_what_has_no_metric_is_infinitely_bad() -> None:
    one_class = losses(METRICS["roc_auc"], np.zeros(4, np.int64), np.full((1, 4, 2), 0.5))
    broken = losses(METRICS["rmse"], np.zeros(2), np.array([[0.0, np.nan], [0.0, 1.0]]))
    assert one_class[0] == np.inf
    assert broken[0] == np.inf
    assert np.isfinite(broken[1])
