"""Predicts a table with the model in this folder.

    python predict.py new-rows.csv [-o predictions.csv] [--proba]

Needs Python 3.11, torch, numpy and pandas. Each folder named as a trial is a trained model: model.py, the
function that was written for the table, and weights.safetensors. What is predicted is their weighted mean.
The other files are run.json, the weights of the mean, the functions' arguments and the data's facts;
encoding.json with encoding/ and target.py, the data steps; members.py, how the parallel members within a
model become one output; command.py, the table and the command line.
"""

import importlib.util
import inspect
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from command import HERE, main, read_encoding, read_run
from members import average
from target import TargetCodec

BATCH_ROWS = 2048
QUANTILES = 65  # of each numeric column
DTYPES = {"F32": torch.float32, "F64": torch.float64, "F16": torch.float16, "BF16": torch.bfloat16}
DTYPES |= {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8}
DTYPES |= {"BOOL": torch.bool}


def read_weights(path):
    """The tensors of a safetensors file by name: a JSON header with offsets, then the bytes."""
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    weights = {}
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        start, stop = entry["data_offsets"]
        data = bytearray(raw[8 + size + start : 8 + size + stop])
        dtype = DTYPES[entry["dtype"]]
        flat = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        weights[name] = flat.reshape(entry["shape"])
    return weights


def read_function(folder):
    """make_model_and_optimizer of a member's model.py."""
    spec = importlib.util.spec_from_file_location(f"model_{folder.name}", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module.make_model_and_optimizer


def load_model(run, member):
    """A member's trained module, in eval mode, built by the function of its model.py."""
    make_model_and_optimizer = read_function(HERE / member["folder"])
    quantiles = torch.tensor(run["facts"]["numeric_quantiles"], dtype=torch.float32)
    facts = run["facts"] | {"numeric_quantiles": quantiles.reshape(run["facts"]["n_numeric"], QUANTILES)}
    torch.manual_seed(member["seed"])
    taken = inspect.signature(make_model_and_optimizer).parameters
    model, _ = make_model_and_optimizer(
        **{name: value for name, value in facts.items() if name in taken}, **member["arguments"]
    )
    model.load_state_dict(read_weights(HERE / member["folder"] / "weights.safetensors"))
    return model.eval()


def predict(frame, models=None):
    """(rows,) values, or (rows, n_classes) probabilities, of a frame with the training table's columns.

    The rows are encoded some at a time. `models` are those of all members, if they are loaded already.
    """
    run = read_run()
    models = models or [load_model(run, member) for member in run["members"]]
    members = list(zip(models, run["members"], strict=True))
    total = sum(member["weight"] for member in run["members"])

    def mean(piece):
        return sum(
            decoded(run, member, compute(run, model, piece)) * (member["weight"] / total)
            for model, member in members
        )

    return np.concatenate([mean(piece) for piece in read_encoding().pieces(frame)])


def decoded(run, member, outputs):
    """A member's outputs as predictions: each learnt a target that was standardised for its own rows."""
    codec = TargetCodec.from_meta({"kind": run["kind"], "target": member["target"]})
    return codec.decode(outputs, member["arguments"].get("target_transform", ""))


def compute(run, model, encoded):
    """(rows, n_outputs) float32: what a member's module gives for encoded rows."""
    x_num, x_cat = torch.from_numpy(encoded.x_num), torch.from_numpy(encoded.x_cat)
    outputs = []
    with torch.no_grad():
        for start in range(0, len(x_num), BATCH_ROWS):
            output = model(x_num[start : start + BATCH_ROWS], x_cat[start : start + BATCH_ROWS]).float()
            output = output if output.dim() == 3 else output.unsqueeze(1)  # (rows, k, n_outputs)
            outputs.append(average(output, run["kind"]).numpy())
    return np.concatenate(outputs) if outputs else np.empty((0, run["facts"]["n_outputs"]), np.float32)


if __name__ == "__main__":
    main(predict)
