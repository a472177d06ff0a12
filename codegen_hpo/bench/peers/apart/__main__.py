"""One peer on one table, run by a Python that has it: `python -m apart JOB.json`, `python -m apart --probe`.

This package stands alone: it needs numpy, pandas and the peer's own library; the tuned ones need Optuna. It
reads rows from files, and writes predictions.csv and done.json into the folder of the job. It sees no test
label. AutoGluon reads the rows as they are; what the others get, `features` tells.
"""

import json
import os
import sys
import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .job import Job

PACKAGES = {"lightgbm": "lightgbm", "catboost": "catboost", "sklearn": "scikit-learn", "optuna": "optuna"}
PACKAGES |= {"flaml": "flaml", "autogluon.tabular": "autogluon.tabular"}  # by the module that is imported


def main() -> None:
    if sys.argv[1:] == ["--probe"]:
        print(json.dumps({name: found for name in PACKAGES if (found := _importable(name))}))
        return
    job = Job(**json.loads(Path(sys.argv[1]).read_text("utf-8")))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: job.threads])
    import pandas as pd

    from . import boosting, tools
    from .features import features

    warnings.filterwarnings("ignore")
    train, test = pd.read_csv(job.train), pd.read_csv(job.test)
    arm, _, how = job.arm.partition("-")
    note = ""
    if arm == "autogluon":
        predictions = tools.autogluon(job, train, test)
    else:
        x, rows = features(train.drop(columns=job.target), test)
        y = train[job.target]
        if arm == "flaml":
            predictions = tools.flaml(job, x, y, rows)
        elif how == "tpe":
            from .tuned import tuned  # needs Optuna

            predictions, note = tuned(boosting.BY_NAME[arm], job, x, y, rows)
        else:
            predictions = boosting.BY_NAME[arm].fit(job, {}, x, y, None).predict(rows)
    pd.DataFrame(predictions).to_csv(Path(job.folder) / "predictions.csv", index=False)
    versions = {package: version(package) for package in PACKAGES.values() if _has(package)}
    done = {"versions": versions | {"pandas": pd.__version__}, "note": note}
    (Path(job.folder) / "done.json").write_text(json.dumps(done), "utf-8")


def _importable(name: str) -> str:
    """The version of a module's package, or nothing if it cannot be imported."""
    try:
        import_module(name)
        return version(PACKAGES[name])
    except Exception:  # a package that is broken here is as good as none
        return ""


def _has(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


if __name__ == "__main__":
    main()
