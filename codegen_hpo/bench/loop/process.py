"""The process that measures: a worker's environment, one arm after the other, again and again.

    python -m codegen_hpo.bench.loop.process FOLDER

FOLDER holds plan.json and bundle/. Prints one JSON line a measurement.
"""

import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from codegen_hpo.bench.loop.arms import Work, arms


def main(folder: Path) -> None:
    """Measures what the plan asks for."""
    import numpy as np

    logging.disable(logging.WARNING)  # the libraries' own talk
    warnings.simplefilter("ignore")
    plan: dict[str, Any] = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    torch.set_num_threads(plan["threads"])
    x = torch.from_numpy(np.load(folder / "bundle" / "train_num.npy"))
    y = torch.from_numpy(np.load(folder / "bundle" / "train_y.npy")).float()
    device = torch.device(plan["device"])
    for cell in _cells(plan):
        passes = max(1, round(cell["batch"] * plan["steps"] / len(x)))
        work = Work(x, y, cell["batch"], cell["width"], passes, device, folder / "bundle")
        for name, arm in arms(plan["device"]):
            seconds = arm(work)
            told = {**cell, "arm": name, "seconds": seconds, "rows": passes * len(x)}
            print(json.dumps(told), flush=True)


def _cells(plan: dict[str, Any]) -> Iterator[dict[str, int]]:
    """All settings, so that a change in what else the machine does falls on all arms of each."""
    for repeat in range(plan["repeats"]):
        for width in plan["widths"]:
            for batch in plan["batches"]:
                yield {"repeat": repeat, "width": width, "batch": batch}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
