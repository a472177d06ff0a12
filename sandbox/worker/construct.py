"""Runs a candidate's source and calls its function: the model and the optimiser it returns."""

import inspect
import linecache
import random
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from bundle import Bundle
from failure import SOURCE_NAME, ContractError
from torch import nn

FUNCTION = "make_model_and_optimizer"
_MODULE = "candidate"


class Built(NamedTuple):
    model: nn.Module
    optimizer: torch.optim.Optimizer
    parameters: int  # trainable numbers


def load(source: str) -> Callable[..., object]:
    """The candidate's function. Runs the source's top level; raises what that raises, or ContractError."""
    # so that tracebacks show lines, and dataclasses find the module they were made in
    linecache.cache[SOURCE_NAME] = (len(source), None, source.splitlines(keepends=True), SOURCE_NAME)
    module = ModuleType(_MODULE)
    sys.modules[_MODULE] = module
    exec(compile(source, SOURCE_NAME, "exec", dont_inherit=True), module.__dict__)
    function = module.__dict__.get(FUNCTION)
    if not inspect.isfunction(function):
        raise ContractError("signature", f"the source defines no function {FUNCTION}")
    return function


def construct(
    function: Callable[..., object],
    bundle: Bundle,
    arguments: Mapping[str, Any],
    device: torch.device,
    seed: int,
) -> Built:
    """What the function returns for these arguments, on `device`. The random generators start at `seed`."""
    seed_everything(seed)
    built = call(function, bundle, arguments)
    lazy = [name for name, p in built.model.named_parameters() if isinstance(p, nn.UninitializedParameter)]
    if lazy:
        raise ContractError("lazy", f"parameters without a shape: {_some(lazy)}; use layers of known size")
    built.model.to(device)  # in place: the optimiser keeps its parameters
    _move_state(built.optimizer)
    return Built(built.model, built.optimizer, count(built.model))


def _move_state(optimizer: torch.optim.Optimizer) -> None:
    """Has what an optimiser keeps of its parameters from the start, as Adagrad its sums, follow them."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            for name, value in state.items():
                if isinstance(value, torch.Tensor) and name != "step":  # torch wants that one on the CPU
                    state[name] = value.to(parameter.device)


def count_on_meta(
    function: Callable[..., object], bundle: Bundle, arguments: Mapping[str, Any]
) -> int | None:
    """The number of parameters without allocating them; None where the function cannot be called so."""
    try:
        with torch.device("meta"):
            return count(call(function, bundle, arguments).model)
    except Exception:  # a function may read its numbers, which the meta device does not have
        return None


def call(function: Callable[..., object], bundle: Bundle, arguments: Mapping[str, Any]) -> Built:
    """The checked pair that the function returns. Raises ContractError."""
    signature = inspect.signature(function)
    facts = {
        "n_numeric": bundle.n_numeric,
        "cardinalities": list(bundle.cardinalities),
        "n_outputs": bundle.n_outputs,
        "numeric_quantiles": bundle.quantiles(),
    }
    given = {name: value for name, value in facts.items() if name in signature.parameters}
    try:
        bound = signature.bind(**given, **arguments)
    except TypeError as error:
        raise ContractError("signature", f"{FUNCTION} cannot be called: {error}") from None
    returned = function(*bound.args, **bound.kwargs)
    if not isinstance(returned, tuple) or len(returned) != 2:
        kind = (
            f"a tuple of {len(returned)}" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
        )
        raise ContractError("returns", f"{FUNCTION} returned {kind}, expected (model, optimizer)")
    model, optimizer = returned
    if not issubclass(type(model), nn.Module):
        raise ContractError(
            "returns", f"the first value is a {type(model).__name__}, expected a torch.nn.Module"
        )
    if not issubclass(type(optimizer), torch.optim.Optimizer):
        raise ContractError(
            "returns", f"the second value is a {type(optimizer).__name__}, expected a torch.optim.Optimizer"
        )
    return Built(model, optimizer, 0)


def check_optimizer(built: Built) -> None:
    """Raises ContractError unless the optimiser holds every trainable parameter and nothing foreign."""
    named = {id(p): name for name, p in built.model.named_parameters()}
    held = {id(p) for group in built.optimizer.param_groups for p in group["params"]}
    trainable = {id(p) for p in built.model.parameters() if p.requires_grad}
    if not trainable:
        raise ContractError("parameters", "the model has no trainable parameter")
    missing = [named[key] for key in named if key in trainable - held]
    if missing:
        raise ContractError("optimizer", f"the optimizer does not hold {_some(missing)}")
    foreign = len(held - set(named))
    if foreign:
        raise ContractError("optimizer", f"the optimizer holds {foreign} tensors that are not the model's")


def check_gradients(model: nn.Module) -> None:
    """Raises ContractError if a trainable parameter got no gradient from the last backward pass."""
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    if without:
        raise ContractError("gradient", f"no gradient reaches {_some(without)}: forward does not use it")


def seed_everything(seed: int) -> None:
    """Starts every generator that a function can reach without importing more."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def count(model: nn.Module) -> int:
    """Trainable numbers of a model."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad and not _lazy(p))


def _lazy(parameter: nn.Parameter) -> bool:
    return isinstance(parameter, nn.UninitializedParameter)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
