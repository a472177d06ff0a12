"""Programs whose models, predictions or weights are not what they should be."""

# ruff: noqa: E501 - the lines of a program are its own

from codegen_hpo.records import Status
from codegen_hpo.testing.attacks.attack import ANY, Attack, attacks_of
from codegen_hpo.testing.sandbox_cases import sample_source

_make = attacks_of("malformed results")
_EVAL = "y = self.layer(x_num)\nif self.training or len(x_num) != $rows:\n    return y\n"


def _wrong(name: str, source: str, *, statuses: tuple[Status, ...] = ANY, timeout_s: float = 5.0) -> Attack:
    return _make(name, source, statuses=statuses, timeout_s=timeout_s)


def _returns(name: str, value: str, statuses: tuple[Status, ...] = ("contract", "error", "nan")) -> Attack:
    """Trains well, then predicts `value`."""
    return _wrong(name, sample_source(forward=f"{_EVAL}return {value}"), statuses=statuses)


def _has(name: str, method: str, statuses: tuple[Status, ...] = ANY) -> Attack:
    """A model with one more method."""
    indented = "\n".join("    " + line for line in method.splitlines())
    source = sample_source().replace("    def forward", f"{indented}\n\n    def forward")
    return _wrong(name, source, statuses=statuses)


RESULTS: tuple[Attack, ...] = (
    _returns("predicts-nan", "y * math.nan"),
    _returns("predicts-infinity", "y / 0"),
    _returns("predicts-too-many-rows", "torch.cat([y, y])"),
    _returns("predicts-another-shape", "y.reshape(1, -1)"),
    _returns("predicts-a-scalar", "y.sum()"),
    _returns("predicts-many-members", "y[:, None, :].expand(-1, 100000, -1)", statuses=ANY),
    _returns("predicts-a-list", "y.tolist()"),
    _returns("predicts-none", "None"),
    _returns("predicts-numpy", "y.detach().numpy()"),
    _returns("predicts-complex", "torch.complex(y, y)", statuses=ANY),
    _returns("predicts-integers", "y.long()", statuses=ANY),
    _returns("predicts-a-sparse-tensor", "y.to_sparse()", statuses=ANY),
    _returns(
        "predicts-a-quantised-tensor", "torch.quantize_per_tensor(y, 0.1, 0, torch.qint8)", statuses=ANY
    ),
    _returns("predicts-a-meta-tensor", "y.to('meta')", statuses=ANY),
    _returns("predicts-a-nested-tensor", "torch.nested.nested_tensor([y])", statuses=ANY),
    _returns("predicts-a-strided-lie", "torch.as_strided(y, (len(y), 1), (0, 0))", statuses=ANY),
    _returns("predicts-beyond-its-memory", "torch.as_strided(y, (len(y), 1), (1 << 40, 1))"),
    _wrong(
        "predicts-a-lying-object",
        sample_source(
            forward="class Liar(torch.Tensor):\n    shape = (len(x_num), 1)\n    ndim = 2\n"
            "    def __len__(self): return 10**18\n"
            "    def cpu(self): return self\n    def numpy(self): return 'not an array'\n"
            "    @classmethod\n    def __torch_function__(cls, f, types, a=(), k=None):\n"
            "        return super().__torch_function__(f, types, a, k or {})\n"
            "return self.layer(x_num).as_subclass(Liar)"
        ),
    ),
    _wrong(
        "has-a-lying-state-dict",
        sample_source().replace(
            "    def forward",
            "    def state_dict(self, *a, **k):\n        return {'x': 'no tensor', 7: None}\n\n    def forward",
        ),
    ),
    _has("raises-in-state-dict", "def state_dict(self, *a, **k):\n    raise SystemExit('gone')"),
    _has(
        "has-strange-names",
        "def state_dict(self, *a, **k):\n    return {'../../etc/x\\0y': torch.ones(1), '\\ud800': torch.ones(1)}",
    ),
    _has(
        "has-a-million-weights",
        "def state_dict(self, *a, **k):\n    return {str(i): torch.ones(1) for i in range(200000)}",
    ),
    _has(
        "has-weights-of-other-kinds",
        "def state_dict(self, *a, **k):\n    return {'a': torch.ones(2).to_sparse(), 'b': torch.ones(2, device='meta')}",
    ),
    _has(
        "has-giant-weights",
        "def state_dict(self, *a, **k):\n    return {'x': torch.zeros(1).expand(1 << 28)}",
        statuses=("oom", "bad_result", "error"),
    ),
    _has("has-endless-modules", "def modules(self):\n    while True:\n        yield self"),
    _has("is-not-evaluated", "def eval(self):\n    raise RuntimeError('never')"),
    _has("lies-about-its-class", "__class__ = property(lambda self: int)"),
    _has("grows-when-copied", "def __deepcopy__(self, memo):\n    return Net(1 << 14, 1 << 12)"),
    _wrong(
        "returns-a-generator", sample_source(returned="(x for x in (model, None))"), statuses=("contract",)
    ),
    _wrong(
        "returns-strange-pairs",
        sample_source(
            returned="type('T', (tuple,), {'__len__': lambda s: 2, '__iter__': lambda s: iter([1] * 10**6)})((model,))"
        ),
    ),
    _wrong(
        "has-integer-parameters",
        sample_source(
            construct="Net.extra = nn.Parameter(torch.ones(2, dtype=torch.int64), requires_grad=False)"
        ),
    ),
    _wrong(
        "has-a-bomb-for-a-parameter",
        sample_source().replace(
            "nn.Linear(n_numeric, n_outputs)",
            "nn.Linear(n_numeric, n_outputs); self.p = nn.Parameter(torch.zeros(1).expand(1 << 40))",
        ),
        statuses=("oom", "error", "bad_result", "contract", "nan", "timeout"),
    ),
)
