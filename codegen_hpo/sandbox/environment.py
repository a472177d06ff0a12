"""The environment of a worker process: made anew, so that no key of the user is in it."""

import os
import tempfile

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.devices import Device, read_device
from codegen_hpo.sandbox.roots import outer_packages

# of the host's variables, only what is needed to find the CUDA driver
_PASSED = ("LD_LIBRARY_PATH", "CUDA_HOME", "SYSTEMROOT")
_VISIBLE = "CUDA_VISIBLE_DEVICES"


def worker_environment(device: Device | str = "cpu", *, existing_folder: str | None = None) -> dict[str, str]:
    """All variables of a worker.

    Args:
        device: it sees one GPU at most, and none for "cpu".
        existing_folder: one that the worker sees; the host's folder for temporary files unless given.

    Raises:
        SandboxError: the GPU that was asked for by its number is not one that this user may use.
    """
    device = read_device(device) if isinstance(device, str) else device
    variables = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",  # the order of a set of names is part of a trial that is to be run again
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # else numpy has two threads at the fork
        "OMP_NUM_THREADS": "1",
        # threads that wait by spinning starve each other where cores are shared: two threads on two busy
        # cores took 21.5 s for ten epochs, 2.3 s without spinning
        "OMP_WAIT_POLICY": "passive",
        "GOMP_SPINCOUNT": "0",
        "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # counting devices must not initialise CUDA in the parent
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products
        # torch._dynamo makes a folder at import unless this one is there
        "TORCHINDUCTOR_CACHE_DIR": existing_folder or tempfile.gettempdir(),
        # so that cuda:1 is the one that nvidia-smi and Docker number so; CUDA's own order is by speed
        "CUDA_DEVICE_ORDER": os.environ.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
        _VISIBLE: _visible_gpu(device),
        **{name: os.environ[name] for name in _PASSED if name in os.environ},
    }
    if folders := outer_packages():
        # the worker runs with -s: it would not find what `pip install --user` installed
        variables["PYTHONPATH"] = os.pathsep.join(map(str, folders))
    return variables


def _visible_gpu(device: Device) -> str:
    """The value of CUDA_VISIBLE_DEVICES that shows one GPU, of those that the user's own value allows."""
    if device.kind == "cpu":
        return ""
    own = os.environ.get(_VISIBLE)
    if own is None:
        return str(device.gpu)
    allowed: list[str] = []
    for entry in own.split(","):
        if entry.strip() in ("", "-1"):  # the driver reads up to the first that is none
            break
        allowed.append(entry.strip())
    if device.gpu < len(allowed):
        return allowed[device.gpu]
    if device.kind == "auto":
        return ""
    raise SandboxError(
        f"GPU {device.gpu} is asked for, {_VISIBLE}={own!r} allows {len(allowed)}",
        hint=f"change {_VISIBLE}, or use --device auto",
    )
