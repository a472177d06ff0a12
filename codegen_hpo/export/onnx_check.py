"""Runs a graph on the rows beside it, in a process of its own.

    python onnx_check.py FOLDER

FOLDER holds model.onnx and rows.npz; predictions.npy is written beside them. The rows are predicted in
batches of several sizes: a size that was written into the graph shows.
"""

import resource
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime

_MEMORY_BYTES = 8 << 30  # of addresses
_SIZES = (1, 7)  # of the first batches; the rest is one


def main(folder: Path) -> None:
    """Writes the predictions for all rows."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        allowed = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = _MEMORY_BYTES if allowed == resource.RLIM_INFINITY else min(_MEMORY_BYTES, allowed)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    # from memory: a graph of which a part lies elsewhere is refused
    graph = (folder / "model.onnx").read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # each thread takes addresses
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    inputs = {given.name for given in session.get_inputs()}
    with np.load(folder / "rows.npz", allow_pickle=False) as rows:
        given = {name: rows[name] for name in inputs}
        count = len(rows["x_num"])
    edges = [0, *(int(edge) for edge in np.cumsum(_SIZES) if edge < count), count]
    pieces = [
        session.run(None, {name: values[start:stop] for name, values in given.items()})[0]
        for start, stop in pairwise(edges)
    ]
    np.save(folder / "predictions.npy", np.concatenate(pieces), allow_pickle=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
