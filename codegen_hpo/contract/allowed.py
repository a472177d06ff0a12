"""What a candidate may import and name. Advice to the model that writes it; the sandbox is the wall."""

from collections.abc import Mapping
from typing import NamedTuple

MODULES = (
    "torch",
    "math",
    "typing",
    "functools",
    "itertools",
    "collections",
    "dataclasses",
    "numpy",
    "__future__",
)


class Refusal(NamedTuple):
    """Why a name is refused and what to write in its place."""

    rule: str
    hint: str


_IO = Refusal(
    "io", "leave it out: the function reads and writes nothing, its arguments say all it needs to know"
)
_SEED = Refusal("global-state", "leave it out: seeds, threads, device and dtype are set before the call")
_DYNAMIC = Refusal("dynamic", "write the code itself; to choose among functions, use a dict of them")
_BY_NAME = Refusal(
    "dynamic",
    "for a tensor that was registered by name write self.get_buffer(name); keep modules in nn.ModuleList and "
    "parameters in nn.ParameterList; to choose among classes or functions, write a dict of them",
)
_SET_BY_NAME = Refusal(
    "dynamic",
    "for a tensor write self.register_buffer(name, tensor); keep modules in nn.ModuleList and parameters in "
    "nn.ParameterList",
)
_BATCHES = Refusal("process", "leave it out: the program makes the batches and runs the training loop")
_COMPILE = Refusal("process", "use the plain module, without it: the sandbox has no compiler")
_PROCESS = Refusal("process", "leave it out: the sandbox allows no other process and no compiler")
_STOP = Refusal("process", "leave it out: raise ValueError if the arguments make no sense")

BUILTINS: Mapping[str, Refusal] = {
    **dict.fromkeys(("open", "input", "breakpoint", "help"), _IO),
    **dict.fromkeys(
        (
            *("eval", "exec", "compile", "delattr"),
            *("globals", "locals", "vars", "__import__", "__build_class__"),
        ),
        _DYNAMIC,
    ),
    "getattr": _BY_NAME,
    "setattr": _SET_BY_NAME,
    **dict.fromkeys(("exit", "quit"), _STOP),
}

QUALIFIED: Mapping[str, Refusal] = {
    **dict.fromkeys(
        (
            *("torch.load", "torch.save", "torch.hub", "torch.serialization", "torch.package"),
            *(
                "torch.from_file",
                "torch.jit.load",
                "torch.jit.save",
                "torch.export.load",
                "torch.export.save",
            ),
            *("torch.utils.model_zoo", "torch.utils.tensorboard", "torch.onnx", "torch.classes"),
            *("numpy.load", "numpy.save", "numpy.savez", "numpy.savez_compressed", "numpy.loadtxt"),
            *("numpy.savetxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.fromregex", "numpy.memmap"),
            *("numpy.lib", "numpy.DataSource", "numpy.testing"),
        ),
        _IO,
    ),
    **dict.fromkeys(
        (
            *("torch.utils.cpp_extension", "torch.multiprocessing", "torch.distributed"),
            *("torch.ops", "torch.library"),
            *("torch.nn.DataParallel", "torch.nn.parallel", "numpy.ctypeslib", "numpy.f2py"),
        ),
        _PROCESS,
    ),
    **dict.fromkeys(("torch.compile", "torch.jit.script", "torch.jit.trace"), _COMPILE),
    "torch.utils.data": _BATCHES,
    **dict.fromkeys(
        (
            *("torch.manual_seed", "torch.seed", "torch.random", "torch.set_rng_state", "torch.initial_seed"),
            *(
                "torch.cuda.manual_seed",
                "torch.cuda.manual_seed_all",
                "torch.cuda.seed",
                "torch.cuda.set_device",
            ),
            *("torch.set_num_threads", "torch.set_num_interop_threads", "torch.set_default_device"),
            *(
                "torch.set_default_dtype",
                "torch.set_default_tensor_type",
                "torch.use_deterministic_algorithms",
            ),
            *("torch.set_float32_matmul_precision", "torch.set_flush_denormal", "torch.set_grad_enabled"),
            *("torch.autograd.set_detect_anomaly", "numpy.random.seed", "numpy.random.set_state"),
            *("numpy.seterr", "numpy.setbufsize"),
        ),
        _SEED,
    ),
    **dict.fromkeys(
        ("functools.__builtins__", "typing.get_type_hints", "dataclasses.make_dataclass"), _DYNAMIC
    ),
}

# modules of the standard library that those allowed have imported themselves
SMUGGLED = frozenset(
    {"os", "sys", "io", "subprocess", "importlib", "inspect", "builtins", "pickle", "shutil", "socket"}
    | {"ctypes", "threading", "platform", "tempfile", "pathlib", "glob", "zipfile", "gc", "runpy"}
)

# packages whose underscored names are in use everywhere (torch.nn.init._calculate_fan_in_and_fan_out)
PRIVATE_ALLOWED = ("torch.nn.", "torch.optim.")

DUNDER_ATTRIBUTES = frozenset(
    {"__init__", "__class__", "__name__", "__qualname__", "__doc__", "__eq__", "__post_init__", "__len__"}
    | {"__call__", "__getitem__", "__version__"}
)
FRAME_ATTRIBUTES = frozenset(
    {"f_globals", "f_locals", "f_back", "f_builtins", "gi_frame", "cr_frame", "ag_frame", "tb_frame"}
    | {"func_globals", "gi_code", "f_code"}
)

# what may be called while the file is imported: it does no work
CALLABLE_AT_IMPORT = frozenset(
    {
        *("dataclasses.dataclass", "dataclasses.field", "typing.NewType", "typing.TypeVar"),
        *("typing.NamedTuple", "collections.namedtuple", "functools.lru_cache", "functools.partial"),
        *("builtins.dict", "builtins.list", "builtins.tuple", "builtins.set", "builtins.frozenset"),
        *("builtins.range", "builtins.float", "builtins.int"),
    }
)
MOVE = "only imports, functions, classes and constants stand there: move it into the function"
ON_DEVICE = "leave it out: the program puts the model and the batches on the device"
DECORATORS = frozenset(
    {
        *("dataclasses.dataclass", "functools.lru_cache", "functools.cache", "functools.wraps"),
        *("functools.cached_property", "functools.total_ordering", "functools.partial"),
        *("builtins.staticmethod", "builtins.classmethod", "builtins.property", "typing.overload"),
        *(
            "torch.no_grad",
            "torch.inference_mode",
            "torch.jit.ignore",
            "torch.jit.unused",
            "torch.jit.export",
        ),
        *("typing.final", "typing.runtime_checkable", "typing.no_type_check"),
    }
)


def callable_at_import(name: str) -> bool:
    """Whether the function of this full name may fill a constant while the file is imported."""
    return name in CALLABLE_AT_IMPORT or name.startswith("math.")


def import_time_hint(name: str) -> str:
    """What to do about a call of this full name that stands outside a function."""
    return ON_DEVICE if name == "torch.device" or name.startswith("torch.cuda.") else MOVE


def import_refusal(module: str) -> Refusal | None:
    """Why the dotted name `module` may not be imported; None when it may."""
    if module.split(".")[0] not in MODULES:
        return Refusal("import", f"only these may be imported: {', '.join(MODULES)}")
    parts = module.split(".")
    dotted = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return next((refusal for name in dotted if (refusal := name_refusal(name))), None)


def name_refusal(name: str) -> Refusal | None:
    """Why an imported thing of the full name `name` ("torch.hub") may not be used; None when it may."""
    if name in QUALIFIED:
        return QUALIFIED[name]
    root, _, rest = name.partition(".")
    if root not in MODULES or not rest:
        return None
    last = rest.rpartition(".")[2]
    if last in SMUGGLED:
        return Refusal("import", f"only these may be used: {', '.join(MODULES)}")
    if last.startswith("_") and not last.endswith("__") and not name.startswith(PRIVATE_ALLOWED):
        return Refusal("private", "use what the package documents")
    return None
