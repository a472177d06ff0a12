"""The GPU of a container: asked for in the ways that engines know, and what became of it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from docker.types import DeviceRequest

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.base import Hello
from codegen_hpo.sandbox.devices import Device

_HINT = "install the NVIDIA container toolkit and restart the engine, or use --device cpu"
_Started = TypeVar("_Started")


class RefusedError(SandboxError):
    """The engine did not start a container, perhaps because of the GPU that it was asked for."""

    def __init__(self, text: str) -> None:
        super().__init__(f"the container cannot be started: {text}", hint="run `codegen-hpo doctor`")
        self.text = text  # the engine's own words


class GpuAccess:
    """How the workers of one sandbox get their GPU. The engine is asked once, with the first of them."""

    def __init__(self, device: Device, *, own_runtime: bool = False) -> None:
        self._device, self._own_runtime = device, own_runtime
        self._settled: Mapping[str, Any] | None = {} if device.kind == "cpu" else None
        self.notice = ""  # why there is none, although it was asked for

    @property
    def asked(self) -> bool:
        """Whether a worker is expected to see a GPU, as far as is known."""
        return self._settled is None or bool(self._settled)

    def start(self, start: Callable[[Mapping[str, Any]], _Started]) -> _Started:
        """What `start` returns for the options with which the engine gives a GPU.

        With the device auto it is called without options where none is given, and so it is from then on.

        Args:
            start: starts a container with these options more; raises RefusedError.

        Raises:
            SandboxError: the engine gives no GPU, and a GPU was asked for by name.
        """
        if self._settled is not None:
            return start(self._settled)
        refusals: list[RefusedError] = []
        for options in gpu_options(self._device.gpu, own_runtime=self._own_runtime):
            try:
                started = start(options)
            except RefusedError as error:
                refusals.append(error)
                continue
            self._settled = options
            return started
        # the first way is every engine's own: what the others said is about drivers that it lacks
        reason = f"the engine gives containers no GPU: {refusals[0].text}"
        if self._device.kind == "cuda":
            raise SandboxError(reason, hint=_HINT) from refusals[0]
        started = start({})
        self.give_up(reason)
        return started

    def check(self, hello: Hello) -> None:
        """Takes note of a worker that sees no CUDA. Raises SandboxError if a GPU was asked for by name."""
        if self._settled and not hello.cuda:
            self.give_up("the container sees no CUDA device, although the engine gave it one")

    def give_up(self, reason: str, *, hint: str = _HINT, quietly: bool = False) -> None:
        """From now on workers use the CPU, for this reason. Raises SandboxError where only a GPU will do."""
        if self._device.kind == "cuda":
            raise SandboxError(reason, hint=hint)
        self._settled = {}
        self.notice = "" if quietly else f"trials run on the CPU: {reason}"


def gpu_options(index: int, *, own_runtime: bool = False) -> list[dict[str, Any]]:
    """The keywords of `containers.create` that ask for one GPU, in the order in which they are tried.

    Args:
        index: of the GPU; a worker sees no other.
        own_runtime: the user chose a runtime, which must not be exchanged for NVIDIA's.
    """
    ways: list[dict[str, Any]] = [
        {"device_requests": [DeviceRequest(device_ids=[str(index)], capabilities=[["gpu"]])]},
        {"device_requests": [DeviceRequest(driver="cdi", device_ids=[f"nvidia.com/gpu={index}"])]},
    ]
    if not own_runtime:
        visible = {"NVIDIA_VISIBLE_DEVICES": str(index), "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
        ways.append({"runtime": "nvidia", "environment": visible})
    return ways


def hints_at_nvidia(info: Mapping[str, Any]) -> bool:
    """Whether the engine's `info` speaks of NVIDIA: a hint only, some engines give GPUs without a word."""
    if any("nvidia" in name for name in info.get("Runtimes") or {}):
        return True
    if any(
        str(one.get("ID", "")).startswith("nvidia.com/gpu") for one in info.get("DiscoveredDevices") or []
    ):
        return True
    # an engine lists these folders whether or not they hold anything
    return any(
        "nvidia" in file.name for folder in info.get("CDISpecDirs") or [] for file in Path(folder).glob("*")
    )
