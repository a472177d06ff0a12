"""What the code may name, import and do while it is imported."""

import pytest

IMPORTS = "import math\n"
INSIDE = "    model = Network("  # a line of the function's body


@pytest.mark.parametrize(
    "line",
    [
        "import torch.nn.functional as F",
        "from torch.nn import functional",
        "from __future__ import annotations",
        "import numpy as np",
        "from collections.abc import Sequence",
        "import functools, itertools, dataclasses, typing as t",
    ],
)
def test_torch_numpy_and_plain_parts_of_the_library_may_be_imported(read, line):
    if "__future__" in line:
        assert read('"""One hidden layer."""\n', f'"""One hidden layer."""\n{line}\n').candidate is not None
    else:
        assert read(IMPORTS, f"{IMPORTS}{line}\n").candidate is not None


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("import os", "import"),
        ("import os.path as p", "import"),
        ("from pathlib import Path", "import"),
        ("import pydantic", "import"),
        ("import torchvision", "import"),
        ("from . import x", "import"),
        ("from math import *", "import"),
        ("import torch.hub", "io"),
        ("from torch import hub as h", "io"),
        ("from torch.utils.cpp_extension import load", "process"),
        ("import torch.multiprocessing as mp", "process"),
        ("from torch import load", "io"),
        ("from numpy import save as s", "io"),
        ("import torch._dynamo", "private"),
        ("from typing import sys", "import"),
        ("from torch import manual_seed", "global-state"),
    ],
)
def test_any_other_import_is_refused(rules, line, rule):
    assert rules(IMPORTS, f"{IMPORTS}{line}\n") == [rule]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("eval('1')", "dynamic"),
        ("run = exec", "dynamic"),
        ("getattr(nn, 'ReLU')", "dynamic"),
        ("[vars, globals]", "dynamic"),
        ("__import__('os')", "dynamic"),
        ("open('/etc/passwd')", "io"),
        ("input()", "io"),
        ("breakpoint()", "io"),
        ("exit()", "process"),
        ("torch.load('x')", "io"),
        ("torch.hub.load('x', 'y')", "io"),
        ("torch.nn.Module().load; torch.save", "io"),
        ("torch.compile(nn.ReLU())", "process"),
        ("torch.manual_seed(0)", "global-state"),
        ("torch.set_num_threads(8)", "global-state"),
        ("torch.set_default_device('cuda')", "global-state"),
        ("torch.backends.cudnn.benchmark = True", "global-state"),
        ("torch.nn.Linear.forward = None", "global-state"),
        ("global model", "global-state"),
        ("torch._C", "private"),
        ("math.__loader__", "dunder"),
        ("().__class__.__bases__[0].__subclasses__()", "dunder"),
        ("(lambda: 0).__globals__", "dunder"),
        ("__builtins__", "dunder"),
        ("__name__", "dunder"),
        ("(i for i in x).gi_frame", "dunder"),
        ("ｅval('1')", "non-ascii-name"),
        ("größe = 1", "non-ascii-name"),
        ("f'{größe}'", "non-ascii-name"),
        ("undefined + 1", "undefined-name"),
        ("f'{undefined}'", "undefined-name"),
    ],
)
def test_a_use_that_is_refused_is_named_at_its_line(good, read, line, rule):
    findings = read(INSIDE, f"    {line}\n{INSIDE}").findings
    assert rule in {finding.rule for finding in findings}
    expected = (
        good.split("\n").index(
            "    model = Network(n_numeric + len(cardinalities), n_outputs, width, activation)"
        )
        + 1
    )
    assert {finding.line for finding in findings} == {expected}
    assert all(finding.hint and finding.gate == "rules" for finding in findings)


def test_an_alias_does_not_hide_a_function(rules):
    assert rules(INSIDE, f"    import torch as t\n    t.load('x')\n{INSIDE}") == ["io"]
    assert rules(IMPORTS, f"{IMPORTS}import numpy.random as r\nSEED = r.seed\n") == ["global-state"]


@pytest.mark.parametrize(
    "line",
    [
        "model_open = dict(open=1)['open']",
        "nn.Linear(1, 1).compile",
        "nn.init._calculate_fan_in_and_fan_out(torch.ones(2, 2))",
        "print(width)",
        "compile = nn.ReLU()",
        "(lambda eval: eval)(1)",
        "Network.__name__, Network(1, 1, 1, 'relu').__class__.__name__",
        "with torch.no_grad() as g: pass",
        "x = y = z = 3; x += 1",
        "a, *b = (lambda p, /, q=1, *r, s, **t: (p, q, r, s, t)), 1",
        "[i + j for i in range(3) if (k := i) for j in range(k)]",
        "value = torch.zeros(3); value.data = value; value[0] = 1",
    ],
)
def test_ordinary_code_in_a_function_passes(read, line):
    assert read(INSIDE, f"    {line}\n{INSIDE}").findings == ()


def test_names_bound_in_unusual_ways_are_defined(read):
    passage = """\
    match width:
        case [first, *rest]:
            print(first, rest)
        case {"a": value, **others}:
            print(value, others)
        case int(real=part) as whole:
            print(part, whole)
    try:
        import itertools
    except (ValueError, TypeError) as error:
        raise KeyError from error
    else:
        print(itertools)
    counter = 0

    def count():
        nonlocal counter
        counter += 1
        return later()

    def later():
        return counter

    class Inner(nn.Module):
        size = 3
        sizes = [size]

        def me(self):
            return __class__

"""
    assert read(INSIDE, passage + INSIDE).findings == ()


@pytest.mark.parametrize(
    "passage",
    [
        "SIZES = [1, 2.5, -3, 'a', None, True, *(1, 2)]",
        "LIMIT: int = 10 * 1024",
        "LAYERS = {'linear': nn.Linear, 'relu': lambda: nn.ReLU()}",
        "Pair = tuple[Tensor, Tensor]",
        "import dataclasses as d\n@d.dataclass(frozen=True)\nclass A:\n    b: list = d.field(default=None)",
        "import functools\n@functools.lru_cache(maxsize=3)\ndef f(n):\n    return n",
        "class A(nn.Module):\n    @torch.no_grad()\n    def f(self):\n        return 1",
        "class A:\n    @property\n    def f(self):\n        return 1",
        "class A:\n    @staticmethod\n    def f():\n        return 1",
        "class B:\n    '''Empty.'''\n    ...",
        "import typing as t\nT = t.TypeVar('T')",
        "SCALE = math.sqrt(2 / math.pi) * math.log(2)",
        "WIDTHS = tuple(2**i for i in range(5, 11))\nGRID = [i / 10 for i in range(-10, 11)]",
        "SIZES = {name: 2 * size for name, size in (('a', 1), ('b', 2))}",
        "ACTS = dict(relu=nn.ReLU, silu=nn.SiLU)\nBIG = float('inf')\nFEW = list(range(3))",
    ],
)
def test_definitions_and_constants_may_stand_at_the_top(read, passage):
    assert read("\n\nclass Network", f"\n{passage}\n\n\nclass Network").findings == ()


@pytest.mark.parametrize(
    "passage",
    [
        "LAYER = nn.Linear(1, 1)",
        "print('hello')",
        "for i in range(3):\n    pass",
        "while True:\n    pass",
        "if math.pi > 3:\n    X = 1",
        "try:\n    X = 1\nexcept ValueError:\n    pass",
        "X = [i for i in range(10**9)]",
        "X = [i for i in range(1_000_000)]",
        "X = [i for i in range(-1_000_000, 3)]",
        "X = [i for i in range(*(0, 10**9))]",
        "import itertools\nX = [i for i in itertools.count()]",
        "LIST = [1]\nX = [i for i in LIST]",
        "X = [i + j for i in range(10) for j in range(10)]",
        "X = [[j for j in range(10)] for i in range(10)]",
        "X = [torch.ones(3) for i in range(10)]",
        "if math.pi == 3:\n    X = 1",
        "X = 1\nX += 1",
        "class A:\n    layer = nn.Linear(1, 1)",
        "class A:\n    while True:\n        pass",
        "class A(metaclass=type):\n    pass",
        "def f(x=nn.Linear(1, 1)):\n    pass",
        "@math.sqrt\ndef f():\n    pass",
        "assert math.pi",
        "del math",
        "math.pi",
        "with torch.no_grad():\n    pass",
    ],
)
def test_work_while_the_file_is_imported_is_refused(rules, passage):
    assert set(rules("\n\nclass Network", f"\n{passage}\n\n\nclass Network")) == {"import-time"}


@pytest.mark.parametrize("test", ['__name__ == "__main__"', '"__main__" == __name__'])
def test_a_block_for_running_the_file_is_one_complaint(read, test):
    block = f"if {test}:\n    import os\n    x = open(undefined)\n    torch.manual_seed(0)\n"
    block += "else:\n    y = eval('1')\n"
    findings = read("\n\nclass Network", f"\n{block}\n\nclass Network").findings
    assert [(finding.rule, finding.hint) for finding in findings] == [("import-time", "delete the block")]


def test_each_call_at_import_is_named(read):
    lines = "A = torch.device('cpu')\nB = nn.Linear(1, 1)\nC = torch.device('cpu')\n"
    findings = read("\n\nclass Network", f"\n{lines}\n\nclass Network").findings
    assert [finding.message.partition(" outside")[0] for finding in findings] == [
        "a call of torch.device",
        "a call of torch.nn.Linear",
    ]
    assert findings[0].message.endswith(f"also in line {findings[0].line + 2}")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('getattr(model, f"bins_{width}")', "self.get_buffer(name)"),
        ("setattr(nn, 'x', 1)", "nn.ModuleList"),
        ("torch.utils.data.DataLoader([])", "the program makes the batches"),
        ("torch.compile(nn.ReLU())", "the plain module"),
    ],
)
def test_a_hint_names_what_to_write_in_its_place(read, line, words):
    (finding,) = read(INSIDE, f"    {line}\n{INSIDE}").findings
    assert words in finding.hint
