"""Programs that look for the labels of the rows they are to predict.

The host keeps those labels, and they have noise in them that no feature tells. A program that found them
would predict them, and its score would show it: see `judge.known_labels`.
"""

from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of
from codegen_hpo.testing.sandbox_cases import sample_source

_make = attacks_of("labels")

# Arrays and tensors that could be labels of the rows to predict, wherever they are found, and a model that
# predicts with the one that fits its rows. What belongs to other rows is of no use and is not confessed.
_HUNT = """
import gc, glob, os, sys
import numpy as np
import torch
from torch import nn

FOUND = []

def consider(value):
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        value = torch.from_numpy(np.array(value))
    if isinstance(value, torch.Tensor) and value.numel() == $rows and not value.is_complex():
        FOUND.append(value.detach().reshape(-1).double())

def known(name, value):
    if "eval" in str(name) and "y" in str(name).split("_"):
        print("ESCAPED labels called", name, flush=True)
    consider(value)
"""

_MODEL = """
class Net(nn.Module):
    def __init__(self, n_numeric, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_numeric, n_outputs)

    def forward(self, x_num, x_cat):
        y = self.layer(x_num)
        if not self.training and len(x_num) == $rows and FOUND:
            guesses = torch.stack(FOUND)
            return ((guesses[-1] - 1.9) / 1.0).reshape(-1, 1).float() + 0 * y
        return y

def make_model_and_optimizer(n_numeric, cardinalities, n_outputs, *, batch_size=64, max_epochs=3):
    hunt()
    model = Net(n_numeric, n_outputs)
    return model, torch.optim.SGD(model.parameters(), lr=1e-2)
"""


def _hunts(name: str, body: str) -> Attack:
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    source = f"{_HUNT}\ndef hunt():\n{lines}\n{_MODEL}"
    return _make(name, source, statuses=ANY, timeout_s=8.0)


LABELS: tuple[Attack, ...] = (
    _hunts(
        "asks-the-collector",
        """
for thing in gc.get_objects():
    if isinstance(thing, dict):
        for name, value in list(thing.items()):
            if isinstance(value, (np.ndarray, torch.Tensor)):
                known(name, value)
    elif isinstance(thing, (list, tuple)):
        for value in list(thing)[:1000]:
            if isinstance(value, (np.ndarray, torch.Tensor)):
                consider(value)
""",
    ),
    _hunts(
        "walks-the-frames",
        """
frame = sys._getframe()
while frame:
    for space in (frame.f_locals, frame.f_globals):
        for name, value in list(space.items()):
            known(name, value)
            for inner, part in list(getattr(value, "__dict__", {}).items()):
                known(inner, part)
    frame = frame.f_back
""",
    ),
    _hunts(
        "searches-the-bundle",
        """
frame = sys._getframe()
while frame:
    bundle = frame.f_locals.get("bundle")
    if bundle is not None:
        for name, array in vars(bundle).get("_arrays", {}).items():
            known(name, array)
        for part in ("eval", "test", "validation", "hidden"):
            try:
                known(part + "_y", bundle.rows(part, torch.device("cpu")).y)
            except Exception as error:
                print(part, error)
    frame = frame.f_back
""",
    ),
    _hunts(
        "searches-the-data-folder",
        """
for folder in ("/data", "$bundle", os.path.dirname("$bundle"), os.getcwd()):
    for path in glob.glob(folder + "/**/*.np[yz]", recursive=True)[:200]:
        try:
            known(os.path.basename(path).removesuffix(".npy"), np.load(path))
        except (OSError, ValueError) as error:
            print(path, error)
""",
    ),
    _hunts(
        "asks-the-modules",
        """
for module in list(sys.modules.values()):
    for name, value in list(getattr(module, "__dict__", {}).items()):
        known(name, value)
for reference in gc.get_referrers(sys.modules.get("bundle")):
    if isinstance(reference, dict):
        for name, value in list(reference.items()):
            known(name, value)
""",
    ),
    _hunts(
        "searches-its-own-memory",
        """
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
    for line in maps:
        if " rw" in line and "[v" not in line:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            memory.seek(start)
            data = memory.read(min(end - start, 1 << 20))
            block = np.frombuffer(data[: len(data) // 8 * 8])
            good = np.isfinite(block) & (block > 0.05) & (block < 60)
            for at in range(0, len(block) - $rows, 64):
                if good[at : at + $rows].all() and len(FOUND) < 50:
                    consider(block[at : at + $rows])
""",
    ),
    _make(
        "trains-on-the-early-stopping-rows",  # allowed, and of no use: the host scores other rows
        sample_source(
            construct="""
import sys
frame = sys._getframe()
while frame and frame.f_locals.get("bundle") is None:
    frame = frame.f_back
rows = frame.f_locals["bundle"].rows("inner", torch.device("cpu")) if frame else None
print("rows:", None if rows is None else len(rows.y))
Net.rows = rows""",
            forward="""
if not self.training and self.rows is not None and len(x_num) == len(self.rows.y):
    return (self.rows.y.reshape(-1, 1).float() - 1.9) + 0 * self.layer(x_num)
return self.layer(x_num)""",
        ),
        statuses=ANY,
        timeout_s=5.0,
    ),
    _make(
        "remembers-rows-between-calls",
        sample_source(
            forward="""
seen = self.__dict__.setdefault("seen", [])
seen.append(x_num.clone())
return self.layer(x_num) + 0 * sum(float(part.sum()) for part in seen)"""
        ),
        statuses=ANY,
        timeout_s=5.0,
    ),
)
