"""Which sandbox a run gets."""

from collections.abc import Callable
from functools import partial

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.base import Sandbox
from codegen_hpo.sandbox.devices import read_device
from codegen_hpo.sandbox.ladder import Ladder
from codegen_hpo.sandbox.limits import Limits
from codegen_hpo.sandbox.names import NAMES, WALLS

_FIXES = (
    "install Docker (https://docs.docker.com/engine/install) and start it; or on Linux install bubblewrap "
    "(apt install bubblewrap); or use the cookbook's own functions (--cookbook); or accept the risk with "
    "--unsafe-no-sandbox"
)


def choose_sandbox(
    name: str = "auto",
    *,
    trusted: bool,
    unsafe: bool = False,
    device: str = "cpu",
    limits: Limits | None = None,
) -> Sandbox:
    """The sandbox called `name`; for "auto" the first that works and is wall enough.

    Args:
        name: one of `NAMES`.
        trusted: whether all code comes with this package. Only then `none` is given without being asked.
        unsafe: the user accepts that code which a model wrote runs without a wall.
        device: "auto", "cpu", "cuda" or "cuda:1".
        limits: what it may use.

    Raises:
        SandboxError: there is none, or it is refused; the hint says what to do. For "auto" this is only
            known when a worker is opened.
        ConfigError: the device is none.
    """
    limits = limits or Limits()
    read_device(device)
    if name not in NAMES:
        raise SandboxError(f"unknown sandbox {name!r}", hint=f"choose one of {', '.join(NAMES)}")
    if name == "none" or (name == "auto" and (trusted or unsafe)):
        if not (trusted or unsafe):
            raise SandboxError("code that a model wrote is not run without a sandbox", hint=_FIXES)
        return _MAKERS["none"](limits, device)
    if name == "auto":
        return Ladder({wall: partial(_MAKERS[wall], limits, device) for wall in WALLS}, _FIXES)
    return _MAKERS[name](limits, device)


# none is imported before it is needed: the client of Docker alone takes a tenth of a second


def _docker(limits: Limits, device: str) -> Sandbox:
    from codegen_hpo.sandbox.docker import DockerSandbox

    return DockerSandbox(limits, device=device)


def _bubblewrap(limits: Limits, device: str) -> Sandbox:
    from codegen_hpo.sandbox.bubblewrap import BubblewrapSandbox

    return BubblewrapSandbox(limits, device=device)


def _landlock(limits: Limits, device: str) -> Sandbox:
    from codegen_hpo.sandbox.landlock import LandlockSandbox

    return LandlockSandbox(limits, device=device)


def _none(limits: Limits, device: str) -> Sandbox:
    from codegen_hpo.sandbox.process import ProcessSandbox

    return ProcessSandbox(limits, device=device)


_MAKERS: dict[str, Callable[[Limits, str], Sandbox]] = {
    "docker": _docker,
    "bubblewrap": _bubblewrap,
    "landlock": _landlock,
    "none": _none,
}
