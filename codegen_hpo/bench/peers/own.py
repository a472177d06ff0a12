"""Our own arm, a fresh process a job: `python -m codegen_hpo.bench.peers.own JOB.json`.

It is `codegen-hpo fit --cookbook --tuner tpe --time SECONDS` on the rows to learn from, without a model and
without a limit on trials, and `codegen-hpo predict` on the test rows. `fit` wants labels of its test table,
which are not given here: it gets labels of rows to learn from, drawn at random, and so its own test score
means nothing.
"""

import json
import os
import sys
from pathlib import Path

import pandas as pd

from codegen_hpo.bench.peers.apart.job import Job
from codegen_hpo.engine.settings import Budget
from codegen_hpo.fitting import fit
from codegen_hpo.task import Task


def main() -> None:
    job = Job(**json.loads(Path(sys.argv[1]).read_text("utf-8")))
    folder = Path(job.folder)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.threads])
    labels = pd.read_csv(job.train, usecols=[job.target])[job.target]
    rows = pd.read_csv(job.test, dtype=str, keep_default_na=False)
    drawn = labels.sample(len(rows), replace=True, random_state=job.seed)
    rows.assign(**{job.target: drawn.to_numpy()}).to_csv(folder / "drawn.csv", index=False)
    task = Task.from_table(
        job.train,
        job.target,
        kind=job.kind,  # type: ignore[arg-type]
        metric=job.metric,
        test=folder / "drawn.csv",
        seed=job.seed,
    )
    run = fit(
        task,
        cookbook=True,
        tuner="tpe",
        budget=Budget(trials=None, seconds=job.seconds),
        seed=job.seed,
        runs=folder / "runs",
        environ={},
    )
    proba = job.kind != "regression"
    run.predict(Path(job.test), proba=proba).to_csv(folder / "predictions.csv", index=False)
    trials = run.history.trials
    candidates = {trial.candidate for trial in trials}
    note = f"{len(trials)} trials of {len(candidates)} functions"
    (folder / "done.json").write_text(json.dumps({"versions": {}, "note": note}), "utf-8")


if __name__ == "__main__":
    main()
