"""The model of a run as an ONNX graph: traced in a sandbox, compared with the model on rows of the run."""

import json
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codegen_hpo.errors import ConfigError, SandboxError, reading
from codegen_hpo.export.files import DATA_STEPS, EXPORTED, content, require_new, write_files
from codegen_hpo.records import Job, Outcome
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.environment import worker_environment
from codegen_hpo.store.folder import RunFolder
from codegen_hpo.trained_model import TrainedModel

ROWS = 2_000  # of the run's own that the graph is compared on
_TRACE_S, _NETWORK_S = 120.0, 60.0  # for the first, and for each
_CHECK_S = 300.0
_TOLERANCE = 1e-3  # of the predictions' spread, and of the prediction itself: both sides compute in float32
_PLACE = re.compile(r'File "candidate\.py", line (\d+), in .*\n *(.+)')
_SHOWN = 500  # characters of an error
_MODULES = ("onnx", "onnxscript", "onnxruntime")

_README = Template("""\
# A model for `$target`, as an ONNX graph

Made by codegen-hpo in the run `$run`.

    python predict.py new-rows.csv -o predictions.csv

needs Python 3.11 or newer, onnxruntime, numpy and pandas; no generated code is run.

`model.onnx` takes encoded rows, `x_num` (rows, $n_numeric) float32 and `x_cat` (rows, $n_categorical) int64,
and gives `prediction`, $shape. It holds $networks, and the way back to
$unit. How a table's columns become these inputs is not in the graph: `encoding.json` with
`encoding/` does it.

Compared with the model itself on $rows rows of the run, the largest difference is $difference.
""")


class Agreement(NamedTuple):
    """How a graph and the model that it was traced from agree."""

    rows: int
    difference: float  # the largest, in the target's unit or as a probability


def export_onnx(folder: RunFolder, trained: TrainedModel, sandbox: Sandbox, to: Path) -> list[Path]:
    """The files written to the folder `to`, which must be new or empty.

    Raises:
        ConfigError: a package is missing, the model cannot be traced, or the graph predicts otherwise.
        SandboxError: there is no sandbox.
    """
    require_new(to)
    if missing := [name for name in _MODULES if find_spec(name) is None]:
        raise ConfigError(
            f"--onnx needs {', '.join(missing)}, which is not installed",
            hint="pip install 'codegen-hpo[onnx]'",
        )
    x_num, x_cat = (_own_rows(folder, part) for part in ("num", "cat"))
    graph, expected = _traced(trained, sandbox, x_num, x_cat)
    agreement = _compared(graph, x_num, x_cat, expected)
    own = {"predict.py": EXPORTED / "predict_onnx.py", "encoding.json": folder.file("encoding.json")}
    files = {name: content(path) for name, path in (DATA_STEPS | own).items()}
    facts = {
        "run": folder.name,
        "target": trained.target,
        "kind": trained.kind,
        "classes": list(trained.classes),
        "rows_compared": agreement.rows,
        "largest_difference": agreement.difference,
    }
    files["model.onnx"] = graph
    files["run.json"] = (json.dumps(facts, indent=1) + "\n").encode()
    files["README.md"] = _readme(folder, trained, agreement).encode(errors="backslashreplace")
    return write_files(to, files)


def _own_rows(folder: RunFolder, part: str) -> NDArray[Any]:
    """The features of the first test rows, as the run encoded them; their labels are not looked at."""
    path = folder.path / "test" / f"eval_{part}.npy"
    with reading(path):
        rows: NDArray[Any] = np.load(path, allow_pickle=False)
    return rows[:ROWS]


def _traced(
    trained: TrainedModel, sandbox: Sandbox, x_num: NDArray[np.float32], x_cat: NDArray[np.int64]
) -> tuple[bytes, NDArray[np.float64]]:
    """The graph, and the model's own predictions for the rows."""
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        trained.write_bundle(Path(place) / "rows", x_num, x_cat)
        worker = sandbox.open(Path(place) / "rows")
        try:
            timeout_s = _TRACE_S + _NETWORK_S * len(trained.networks)
            outcome = worker.run(Job(kind="onnx", networks=trained.networks, timeout_s=timeout_s))
        finally:
            worker.close()
    if outcome.outputs is None or outcome.weights is None:
        raise _untraceable(outcome)
    return outcome.weights, trained.decode(outcome.outputs)


def _untraceable(outcome: Outcome) -> Exception:
    if "No module named 'onnx" in outcome.error:
        return SandboxError(
            "the sandbox has no onnx and onnxscript, with which the model is traced",
            hint="--sandbox bubblewrap or landlock uses those of this Python; the image of docker has none",
        )
    # torch's exporter tells a page; the line of the code that it stands at is what helps
    place = _PLACE.search(outcome.error)
    why = "line {} of its code cannot be traced: {}".format(*place.groups()) if place else outcome.error
    return ConfigError(
        f"the model cannot be written as ONNX: {outcome.status}: {why[:_SHOWN]}",
        hint="export it without --onnx: that folder runs with torch",
    )


def _compared(
    graph: bytes, x_num: NDArray[np.float32], x_cat: NDArray[np.int64], expected: NDArray[np.float64]
) -> Agreement:
    """Raises ConfigError where the graph does not predict what the model does.

    A process of its own loads the graph, which generated code has made: without the user's variables, and
    with limits of memory and time.
    """
    with tempfile.TemporaryDirectory(prefix="codegen-hpo-") as place:
        (Path(place) / "model.onnx").write_bytes(graph)
        np.savez(Path(place) / "rows.npz", x_num=x_num, x_cat=x_cat)
        script = Path(__file__).with_name("onnx_check.py")
        command = [sys.executable, "-s", "-P", str(script), place]
        said = ""
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                timeout=_CHECK_S,
                check=False,
                env=worker_environment(),
                cwd=place,
            )
            said = done.stderr.decode(errors="replace")
            found = np.load(Path(place) / "predictions.npy", allow_pickle=False)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise ConfigError(
                f"onnxruntime cannot run the graph: {said[-500:] or error}",
                hint="export it without --onnx: that folder runs with torch",
            ) from error
    return agreement(expected, found)


def agreement(expected: NDArray[np.float64], found: NDArray[np.float64]) -> Agreement:
    """How far apart the model's predictions and the graph's are. Raises ConfigError if it is too far."""
    fits = found.shape == expected.shape and bool(np.isfinite(found).all())
    difference = np.abs(found - expected) if fits else np.full(1, np.inf)
    if not fits or (difference > _TOLERANCE * (expected.std() + np.abs(expected))).any():
        raise ConfigError(
            f"the ONNX graph does not predict what the model does: on {len(expected)} rows of the run they "
            f"differ by up to {difference.max():.3g}",
            hint="the model's code does something that a graph cannot hold; export it without --onnx",
        )
    return Agreement(len(expected), float(difference.max()))


def _readme(folder: RunFolder, trained: TrainedModel, agreement: Agreement) -> str:
    count, classes = len(trained.networks), len(trained.classes)
    return _README.substitute(
        target=trained.target,
        run=folder.name,
        n_numeric=trained.meta["n_numeric"],
        n_categorical=len(trained.meta["cardinalities"]),
        shape=f"(rows, {classes}) float64, a column for each of `classes` in `run.json`"
        if classes
        else "(rows,) float64",
        networks=f"{count} networks and their weighted mean" if count > 1 else "one network",
        unit="probabilities" if classes else "the target's unit",
        rows=agreement.rows,
        difference=f"{agreement.difference:.2g}",
    )
