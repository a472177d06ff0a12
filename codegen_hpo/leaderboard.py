"""The trials and baselines of a run as one table."""

import pandas as pd

from codegen_hpo.store.history import History
from codegen_hpo.task import Metric


def leaderboard(history: History, metric: Metric) -> pd.DataFrame:
    """A row a trial and a baseline, the best first; `Run.leaderboard` tells the columns."""
    rows = [
        {
            "name": t.name,
            "candidate": t.candidate,
            "proposed_by": t.call.proposed_by,
            "status": "disqualified" if t.name in history.disqualified else t.outcome.status,
            metric.name: t.score,
            "seconds": t.outcome.seconds,
            "parameters": t.outcome.parameters,
            "fallback": t.call.fallback,
        }
        for t in history.trials
    ]
    rows += [
        {
            "name": b.name,
            "candidate": "",
            "proposed_by": "baseline",
            "status": "ok",
            metric.name: b.validation_score,
            "seconds": b.seconds,
            "parameters": 0,
            "fallback": "",
        }
        for b in history.baselines
    ]
    frame = pd.DataFrame(rows)
    return frame.sort_values(
        metric.name, ascending=not metric.higher_is_better, na_position="last", ignore_index=True
    )
