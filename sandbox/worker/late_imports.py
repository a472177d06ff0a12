"""What torch imports when a training comes to it: each child of a fork would pay for it."""

from contextlib import suppress
from importlib import import_module

# 0.8 s for the first. Some are torch's own business, and may be gone in another version.
_NAMES = ("torch._dynamo", "torch.profiler._cupti_monitor", "numpy.ctypeslib")


def take() -> None:
    """Imports them now."""
    for name in _NAMES:
        with suppress(ImportError):
            import_module(name)
