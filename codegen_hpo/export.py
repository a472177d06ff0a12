"""The best model as a folder that runs with torch, numpy and pandas alone."""

import json
import shutil
from pathlib import Path
from string import Template

import numpy as np

from codegen_hpo.errors import ConfigError
from codegen_hpo.records import Trial
from codegen_hpo.resources import resource
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import source_of

_PACKAGE = Path(__file__).parent
# these files import nothing of ours: they are the very code that the run used
_COPIED = (
    _PACKAGE / "exported" / "predict.py",
    _PACKAGE / "table" / "encoding.py",
    _PACKAGE / "table" / "target.py",
)

_README = Template("""\
# A model for `$target`

Made by codegen-hpo in the run `$run`, trial `$trial` (candidate `$candidate`, written by $author).
Validation $metric: $score.

    python predict.py new-rows.csv -o predictions.csv

needs Python 3.11 or newer, torch, numpy and pandas. `model.py` is the generated function, unchanged: read it
before you run it. It was executed in a sandbox so far; here it runs with your rights.
`run.json` holds its arguments, `weights.safetensors` what it learnt, `encoding.json` how columns become
numbers.
""")


def export(folder: RunFolder, trial: Trial, author: str, to: Path) -> list[Path]:
    """The files written to the folder `to`, which must be new or empty. Raises ConfigError."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(f"{to} is not empty", hint="export to a new folder")
    weights = folder.path / f"candidates/{trial.candidate}/trials/{trial.name}/weights.safetensors"
    task, meta = folder.read_json("task.json"), folder.read_json("bundle/meta.json")
    quantiles = np.load(folder.path / "bundle" / "quantiles.npy", allow_pickle=False)
    run = {
        "run": folder.name,
        "trial": trial.name,
        "target": task["target"],
        "classes": task["classes"],
        "arguments": dict(trial.call.arguments),
        "seed": trial.seed,
        "facts": {
            "n_numeric": meta["n_numeric"],
            "cardinalities": meta["cardinalities"],
            "n_outputs": meta["n_outputs"],
            "numeric_quantiles": quantiles.tolist(),
        },
        "meta": meta,
    }
    to.mkdir(parents=True, exist_ok=True)
    for path in (
        *_COPIED,
        resource("sandbox") / "worker" / "members.py",
        weights,
        folder.path / "encoding.json",
    ):
        shutil.copyfile(path, to / path.name)
    (to / "model.py").write_text(source_of(folder, trial), encoding="utf-8")
    (to / "run.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    (to / "README.md").write_text(
        _README.substitute(
            target=task["target"],
            run=folder.name,
            trial=trial.name,
            candidate=trial.candidate,
            author=author,
            metric=task["metric"],
            score=f"{trial.score:.6g}",
        ),
        encoding="utf-8",
    )
    return sorted(to.iterdir())
