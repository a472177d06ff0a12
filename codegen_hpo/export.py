"""The best model as a folder that runs with torch, numpy and pandas alone."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from string import Template

import numpy as np

from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.records import Trial
from codegen_hpo.resources import resource
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import read_task, source_of

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
    needed = [weights, *(folder.path / name for name in ("encoding.json", "bundle/quantiles.npy"))]
    for path in needed:
        with reading(path):
            path.open("rb").close()
    task, meta, source = read_task(folder), folder.read_json("bundle/meta.json"), source_of(folder, trial)
    with reading(needed[-1]):
        quantiles = np.load(needed[-1], allow_pickle=False)
    with reading(folder.path / "bundle" / "meta.json"):
        facts = {name: meta[name] for name in ("n_numeric", "cardinalities", "n_outputs")}
    run = {
        "run": folder.name,
        "trial": trial.name,
        "target": task["target"],
        "classes": task["classes"],
        "arguments": dict(trial.call.arguments),
        "seed": trial.seed,
        "facts": facts | {"numeric_quantiles": quantiles.tolist()},
        "meta": meta,
    }
    readme = _README.substitute(
        target=task["target"],
        run=folder.name,
        trial=trial.name,
        candidate=trial.candidate,
        author=author,
        metric=task["metric"],
        score=f"{trial.score:.6g}",
    )
    try:
        to.mkdir(parents=True, exist_ok=True)
        _write(
            folder,
            weights,
            to,
            {"model.py": source, "run.json": json.dumps(run, indent=1) + "\n", "README.md": readme},
        )
    except OSError as error:
        raise ConfigError(
            f"cannot write to {to}: {error.strerror or error}", hint="export to a new folder elsewhere"
        ) from error
    return sorted(to.iterdir())


def _write(folder: RunFolder, weights: Path, to: Path, texts: Mapping[str, str]) -> None:
    """The files that are copied as they are, and these texts by file name."""
    for path in (
        *_COPIED,
        resource("sandbox") / "worker" / "members.py",
        weights,
        folder.path / "encoding.json",
    ):
        shutil.copyfile(path, to / path.name)
    for name, text in texts.items():
        (to / name).write_text(text, encoding="utf-8", errors="backslashreplace")
