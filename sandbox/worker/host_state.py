"""What of a training lives on the host and changes from step to step: a recorded step would hold it still."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

_PLAIN = (bool, int, float, str, bytes, type(None))


class HostState(NamedTuple):
    """Taken before and after a step; what differs is found by `changed`."""

    attributes: dict[tuple[str, ...], object]  # of the modules, by module, name and place
    generators: tuple[object, ...]  # of random, numpy and torch on the CPU


def host_state(model: nn.Module) -> HostState:
    """The state now. Tensors and other objects are held by reference: they count by their identity."""
    found = {}
    for name, module in model.named_modules():
        for attribute, value in vars(module).items():
            found |= {(name, attribute, *place): leaf for place, leaf in _leaves(value)}
    kind, keys, *rest = np.random.get_state()
    drawn = (random.getstate(), (kind, keys.tobytes(), *rest), torch.get_rng_state().numpy().tobytes())
    return HostState(found, drawn)


def changed(before: HostState, after: HostState) -> str:
    """What a step changed on the host, in words; empty when nothing did."""
    if before.generators != after.generators:
        return "forward draws random numbers on the host"
    for place in [*before.attributes, *after.attributes]:
        missing = object()
        if not _same(before.attributes.get(place, missing), after.attributes.get(place, missing)):
            module, name, *_ = place
            return f"forward changes {module + '.' if module else ''}{name} from step to step"
    return ""


def _leaves(value: object) -> Iterator[tuple[tuple[str, ...], object]]:
    """The value, or the members of a container with their places in it."""
    if isinstance(value, dict):
        yield from (((str(key),), member) for key, member in value.items())
    elif isinstance(value, list | tuple):
        yield from (((str(place),), member) for place, member in enumerate(value))
    else:
        yield (), value


def _same(before: object, after: object) -> bool:
    if isinstance(before, Tensor) or not isinstance(before, _PLAIN):
        return before is after
    return type(before) is type(after) and before == after
