"""What predicts from the command line: reads a table, writes its predictions. Needs numpy and pandas."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from encoding import Encoding  # noqa: E402


def read_run():
    """What run.json holds."""
    return json.loads((HERE / "run.json").read_text(encoding="utf-8"))


def read_encoding():
    """How columns become numbers."""
    return Encoding.from_json(json.loads((HERE / "encoding.json").read_text(encoding="utf-8")))


def read_table(path):
    """The frame in a CSV or Parquet file; columns that were text in training stay text: "007" is no 7."""
    if str(path).endswith((".parquet", ".pq")):
        return pd.read_parquet(path)
    encoding = read_encoding()
    header = {mark: pd.read_csv(path, sep=mark, nrows=0, index_col=False).columns for mark in ",;\t|"}
    # a file of one column holds no mark at all
    separator = max(header, key=lambda mark: len(header[mark].intersection(encoding.sources)))
    texts = dict.fromkeys(encoding.text_sources, str)
    return pd.read_csv(path, sep=separator, dtype=texts, index_col=False)


def named(predictions, proba=False):
    """(rows,) values, or (rows, n_classes) probabilities, as a frame of the target, or of the classes."""
    run = read_run()
    classes = run["classes"]
    if not classes:
        return pd.DataFrame({run["target"]: predictions})
    if proba:
        return pd.DataFrame(predictions, columns=classes)
    return pd.DataFrame({run["target"]: [classes[code] for code in predictions.argmax(axis=1)]})


def main(predict):
    """Predicts the table that the command line names.

    Args:
        predict: gives the predictions for a frame.
    """
    parser = argparse.ArgumentParser(description="Predict a table with the model in this folder.")
    parser.add_argument("data", help="a CSV or Parquet file with the columns of the training table")
    parser.add_argument("-o", "--output", default="-", help="a CSV file; - is stdout")
    parser.add_argument("--proba", action="store_true", help="class probabilities in place of classes")
    options = parser.parse_args()
    try:
        frame = read_table(options.data)
    except (OSError, ValueError, ImportError) as error:  # a file that is no table is a ValueError of pandas
        parser.error(f"cannot read {options.data}: {error}")
    if missing := [name for name in read_encoding().sources if name not in frame]:
        parser.error(f"{options.data} has no column {', '.join(map(repr, missing[:5]))}: the model needs it")
    table = named(predict(frame), options.proba)
    table.to_csv(sys.stdout if options.output == "-" else options.output, index=False)
