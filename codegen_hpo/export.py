"""The model of a run as a folder that runs with torch, numpy and pandas alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.records import Member
from codegen_hpo.resources import resource
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_task, source_of

_PACKAGE = Path(__file__).parent
# these files import nothing of ours: they are the very code that the run used
_COPIED = {
    "predict.py": _PACKAGE / "exported" / "predict.py",
    "target.py": _PACKAGE / "table" / "target.py",
    "members.py": resource("sandbox") / "worker" / "members.py",
    **{f"encoding/{path.name}": path for path in sorted((_PACKAGE / "table" / "encoding").glob("*.py"))},
}

_README = Template("""\
# A model for `$target`

Made by codegen-hpo in the run `$run`. Validation $metric: $score.

    python predict.py new-rows.csv -o predictions.csv

needs Python 3.11 or newer, torch, numpy and pandas. $made_of

$members

In each of these folders `model.py` is a generated function, unchanged: read it before you run it. It was
executed in a sandbox so far; here it runs with your rights. `weights.safetensors` holds what it learnt.
`run.json` holds the functions' arguments, the weights of the mean and the data's facts, `encoding.json` how
columns become numbers.
""")


def export(folder: RunFolder, history: History, members: Sequence[Member], to: Path) -> list[Path]:
    """The files written to the folder `to`, which must be new or empty. Raises ConfigError."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ConfigError(f"{to} is not empty", hint="export to a new folder")
    copied = _COPIED | {"encoding.json": folder.path / "encoding.json"}
    files = {name: _content(path) for name, path in copied.items()}
    for trial, _ in members:
        weights = folder.path / f"candidates/{trial.candidate}/trials/{trial.name}/weights.safetensors"
        files[f"{trial.name}/weights.safetensors"] = _content(weights)
        source = source_of(folder, trial)
        files[f"{trial.name}/model.py"] = source.encode(errors="backslashreplace")
    files["run.json"] = (json.dumps(_run(folder, members), indent=1) + "\n").encode()
    files["README.md"] = _readme(folder, history, members).encode(errors="backslashreplace")
    try:
        for name, content in files.items():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            (to / name).write_bytes(content)
    except OSError as error:
        raise ConfigError(
            f"cannot write to {to}: {error.strerror or error}", hint="export to a new folder elsewhere"
        ) from error
    return sorted(to / name for name in files)


def _content(path: Path) -> bytes:
    with reading(path):
        return path.read_bytes()


def _run(folder: RunFolder, members: Sequence[Member]) -> dict[str, Any]:
    task, meta = read_task(folder), folder.read_json("bundle/meta.json")
    path = folder.path / "bundle" / "quantiles.npy"
    with reading(path):
        quantiles = np.load(path, allow_pickle=False)
    with reading(folder.path / "bundle" / "meta.json"):
        facts = {name: meta[name] for name in ("n_numeric", "cardinalities", "n_outputs")}
    return {
        "run": folder.name,
        "target": task["target"],
        "classes": task["classes"],
        "members": [
            {
                "folder": trial.name,
                "weight": weight,
                "arguments": dict(trial.call.arguments),
                "seed": trial.seed,
            }
            for trial, weight in members
        ],
        "facts": facts | {"numeric_quantiles": quantiles.tolist()},
        "meta": meta,
    }


def _readme(folder: RunFolder, history: History, members: Sequence[Member]) -> str:
    task, authors = read_task(folder), {c.name: c.author for c in history.candidates}
    ensemble = len(members) > 1 and history.final is not None
    score = history.final.validation_score if ensemble and history.final else members[0].trial.score
    listed = [
        f"- `{trial.name}`, weight {weight:.2f}: `{trial.candidate}`, written by {authors[trial.candidate]}"
        for trial, weight in members
    ]
    return _README.substitute(
        target=task["target"],
        run=folder.name,
        metric=task["metric"],
        score=f"{score:.6g}",
        made_of=f"It is the weighted mean of {len(members)} trained models:"
        if ensemble
        else "Its one trained model:",
        members="\n".join(listed),
    )
