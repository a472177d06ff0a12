"""The leaderboard: a model far behind leaves the bars of the others apart."""

from codegen_hpo.engine.settings import Settings
from codegen_hpo.report.tables import leaderboard
from codegen_hpo.scoring.baselines import Baseline
from codegen_hpo.store.history import History
from codegen_hpo.task import METRICS


def _shares(*scores: float) -> list[float]:
    baselines = tuple(
        Baseline(name=f"b{score}", seconds=0.1, validation_score=score, test_score=score) for score in scores
    )
    history = History(
        name="r",
        state="done",
        settings=Settings().to_json(),
        versions={},
        attempts=(),
        candidates=(),
        trials=(),
        baselines=baselines,
        final=None,
        disqualified={},
        ended="",
        limit="",
        elapsed_s=1.0,
    )
    return [row.share for row in leaderboard(history, METRICS["rmse"])]


def test_a_model_far_behind_does_not_make_the_bars_of_the_others_alike() -> None:
    best, *others, last = _shares(1.0, 1.1, 1.2, 1.3, 1.4, 100.0)
    assert best == 1.0
    assert last == 0.0
    assert 0.9 > others[0] > others[-1] > 0.2


def test_models_that_are_alike_have_whole_bars() -> None:
    assert _shares(0.5, 0.5) == [1.0, 1.0]
