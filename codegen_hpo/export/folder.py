"""The model of a run as a folder that runs with torch, numpy and pandas alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from codegen_hpo.engine.outputs import models_of
from codegen_hpo.errors import reading
from codegen_hpo.export.files import DATA_STEPS, EXPORTED, NETWORKS, content, require_new, write_files
from codegen_hpo.records import Member
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.store.history import History, read_task, source_of
from codegen_hpo.trained_model import table_facts

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
    require_new(to)
    return write_files(to, model_files(folder, history, members))


def model_files(folder: RunFolder, history: History, members: Sequence[Member]) -> dict[str, bytes]:
    """What the files of the folder hold. Raises ConfigError."""
    own = {"predict.py": EXPORTED / "predict.py", "encoding.json": folder.file("encoding.json")}
    files = {name: content(path) for name, path in (DATA_STEPS | NETWORKS | own).items()}
    for trial, _ in members:
        source = source_of(folder, trial).encode(errors="backslashreplace")
        for model in models_of(trial):
            weights = folder.file(f"{model.folder}/weights.safetensors")
            files[f"{model.name}/weights.safetensors"] = content(weights)
            files[f"{model.name}/model.py"] = source
    files["run.json"] = (json.dumps(_run(folder, members), indent=1) + "\n").encode()
    files["README.md"] = _readme(folder, history, members).encode(errors="backslashreplace")
    return files


def _run(folder: RunFolder, members: Sequence[Member]) -> dict[str, Any]:
    task = read_task(folder)
    metas, quantiles = table_facts(folder, len(models_of(members[0].trial)))
    with reading(folder.path / "bundle"):
        facts = {name: metas[0][name] for name in ("n_numeric", "cardinalities", "n_outputs")}
        targets = [meta["target"] for meta in metas]
    return {
        "run": folder.name,
        "target": task["target"],
        "kind": task["kind"],
        "classes": task["classes"],
        "members": [
            {
                "folder": model.name,
                "function": trial.candidate,
                "weight": weight / len(metas),
                "arguments": dict(trial.call.arguments),
                "seed": model.seed,
                "target": target,
            }
            for trial, weight in members
            for model, target in zip(models_of(trial), targets, strict=True)
        ],
        "facts": facts | {"numeric_quantiles": quantiles.tolist()},
    }


def _readme(folder: RunFolder, history: History, members: Sequence[Member]) -> str:
    task, authors = read_task(folder), {c.name: c.author for c in history.candidates}
    final = history.final
    score = final.validation_score if len(members) > 1 and final else members[0].trial.score
    models = [
        (model.name, trial.candidate, weight / len(models_of(trial)))
        for trial, weight in members
        for model in models_of(trial)
    ]
    listed = [
        f"- `{name}`, weight {weight:.2f}: `{candidate}`, written by {authors[candidate]}"
        for name, candidate, weight in models
    ]
    return _README.substitute(
        target=task["target"],
        run=folder.name,
        metric=task["metric"],
        score=f"{score:.6g}",
        made_of=f"It is the weighted mean of {len(models)} trained models:"
        if len(models) > 1
        else "Its one trained model:",
        members="\n".join(listed),
    )
