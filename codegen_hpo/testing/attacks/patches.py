"""Programs that change torch, Python or the worker's own modules, to look better or to get out.

Most of them may end well: their lies stay in their own process. The host scores what was predicted, and the
next trial must not notice.
"""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.records import Status
from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of
from codegen_hpo.testing.sandbox_cases import sample_source

_make = attacks_of("patched code")


def _patches(
    name: str, construct: str, *, statuses: tuple[Status, ...] = ANY, timeout_s: float = 4.0
) -> Attack:
    source = sample_source(construct=construct)
    return _make(name, source, statuses=statuses, timeout_s=timeout_s)


PATCHES: tuple[Attack, ...] = (
    _patches("patches-backward", "torch.Tensor.backward = lambda *a, **k: None"),
    _patches(
        "patches-losses", "torch.nn.functional.mse_loss = lambda *a, **k: torch.zeros((), requires_grad=True)"
    ),
    _patches(
        "patches-no-grad", "import contextlib\ntorch.no_grad = torch.enable_grad = contextlib.nullcontext"
    ),
    _patches(
        "patches-item", "torch.Tensor.item = lambda self: 0.0\ntorch.Tensor.__float__ = lambda self: 0.0"
    ),
    _patches(
        "patches-isfinite",
        "math.isfinite = lambda x: True\ntorch.isfinite = lambda x: torch.ones_like(x, dtype=torch.bool)",
    ),
    _patches(
        "patches-builtins",
        "import builtins\nbuiltins.float = lambda *a: 0.0\nbuiltins.isinstance = lambda *a: True\n"
        "builtins.len = lambda x: 0",
    ),
    _patches(
        "patches-import",
        "import builtins\nbuiltins.__import__ = lambda *a, **k: torch\nbuiltins.open = print",
    ),
    _patches(
        "patches-time", "import time\ntime.monotonic = lambda: -1e9\ntime.perf_counter = lambda: float('nan')"
    ),
    _patches(
        "patches-json", 'import json\njson.dumps = lambda *a, **k: \'{"status": "ok", "parameters": 1}\''
    ),
    _patches(
        "patches-os-write",
        "import os\nreal = os.write\nos.write = lambda fd, data: real(fd, bytes(len(data)))",
        statuses=("bad_result", "error", "killed"),
    ),
    _patches(
        "patches-struct",
        "import struct\nstruct.pack = lambda *a: b''\nstruct.Struct.pack = None",
    ),
    _patches(
        "patches-exit",  # the child that does not end returns into the server's code
        "import os\nos._exit = lambda status: print('not now', status)",
    ),
    _patches(
        "patches-exit-and-serves",
        "import os, sys\nos._exit = lambda status: None\n"
        "for name in ('supervise', 'worker', '__main__'):\n    module = sys.modules.get(name)\n"
        "    if hasattr(module, '_Watch'):\n        module._Watch.until = lambda self, deadline: None\n"
        "        module._Watch.end = lambda self: None",
    ),
    _patches(
        "patches-safetensors",
        "from safetensors import torch as st\nst.save = lambda *a, **k: b'\\x80\\x04 not safetensors'",
    ),
    _patches(
        "patches-predict",
        "import sys\nfor name in ('predict', 'child', '__main__'):\n    module = sys.modules.get(name)\n"
        "    if hasattr(module, 'predict'):\n"
        "        module.predict = lambda model, features, *a, **k: torch.zeros(len(features.num), 1)",
    ),
    _patches(
        "patches-the-trainer",
        "import sys\ntraining = sys.modules['training']\n"
        "def fit(self, limits):\n    return training.Fit([(0.0, 0.0, 0.0)], 1, 'patience')\ntraining.Trainer.fit = fit",
    ),
    _patches(
        "patches-frames",
        "import sys\nframes = sys.modules['frames']\nwrite = frames.write\n"
        "frames.write = lambda fd, kind, payload: write(fd, b'V' if kind == b'R' else kind, payload)",
        statuses=("bad_result", "error", "killed"),
    ),
    _patches(
        "patches-the-reporter",
        "import sys\nchild = sys.modules['child']\n"
        "def report(self, status, **facts):\n    facts['parameters'] = -1\n    self.__class__._report(self, 'ok', **facts)\n"
        "child.Reporter._report, child.Reporter.report = child.Reporter.report, report",
    ),
    _patches(
        "patches-the-guard",
        "import sys\nfor name in ('guard', 'seccomp', 'landlock', 'supervise', 'kernel'):\n"
        "    module = sys.modules.get(name)\n    for key in list(vars(module or type('', (), {}))):\n"
        "        if callable(getattr(module, key)):\n            try:\n                setattr(module, key, lambda *a, **k: None)\n"
        "            except (AttributeError, TypeError):\n                pass",
    ),
    _patches(
        "swaps-the-model-s-class",
        "Net.__call__ = lambda self, x_num, x_cat: torch.zeros(len(x_num), 1, requires_grad=True)\n"
        "Net.eval = lambda self: None\nNet.train = None",
    ),
    _patches(
        "traces-every-call",
        "import sys, threading\ndef tracer(frame, event, value):\n"
        "    for name in ('y', 'labels', 'target'):\n        if name in frame.f_locals:\n"
        "            frame.f_locals[name]\n    return tracer\nsys.settrace(tracer); sys.setprofile(None)",
        timeout_s=8.0,
    ),
    _patches(
        "changes-torch-s-defaults",
        "torch.set_default_dtype(torch.float64)\ntorch.set_default_device('meta')\n"
        "torch.use_deterministic_algorithms(False)\ntorch.set_grad_enabled(False)\ntorch.manual_seed(7)",
    ),
    _patches(
        "hooks-every-module",
        "from torch.nn.modules import module\n"
        "module.register_module_forward_hook(lambda m, i, o: o * 0 if torch.is_tensor(o) else o)\n"
        "import gc\ngc.callbacks.append(lambda *a: None)",
    ),
    _patches(
        "has-an-optimizer-that-lies",
        "class Lazy(torch.optim.SGD):\n    def step(self, closure=None):\n"
        "        for group in self.param_groups:\n            for p in group['params']:\n                p.data = torch.zeros(3)\n"
        "torch.optim.SGD = Lazy",
    ),
)
