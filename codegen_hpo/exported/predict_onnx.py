"""Predicts a table with the ONNX graph in this folder; no generated code is run.

    python predict.py new-rows.csv [-o predictions.csv] [--proba]

Needs Python 3.11, onnxruntime, numpy and pandas. encoding.json with encoding/ tell how a table's columns
become the graph's inputs, model.onnx is all the rest: the networks, their weighted mean, and the way back to
the target's unit or to probabilities.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parent))

from command import HERE, main, read_encoding


def predict(frame):
    """(rows,) values, or (rows, n_classes) probabilities, of a frame with the training table's columns."""
    session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    inputs = {given.name for given in session.get_inputs()}

    def one(piece):
        rows = {"x_num": piece.x_num, "x_cat": piece.x_cat}
        return session.run(None, {name: rows[name] for name in inputs})[0]

    return np.concatenate([one(piece) for piece in read_encoding().pieces(frame)])


if __name__ == "__main__":
    main(predict)
