"""What the host knows of a bundle before a worker sees it: that it is whole, its shape, its fingerprint."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen_hpo.errors import SandboxError
from codegen_hpo.sandbox.outcome import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFacts:
    """Of one folder of arrays."""

    shape: Shape  # rows of the evaluation part, outputs a row
    fingerprint: str  # see `fingerprint`


def read_bundle_facts(bundle: Path) -> BundleFacts:
    """The facts of the bundle. Raises SandboxError for one that no worker could read."""
    try:
        meta = json.loads((bundle / "meta.json").read_text(encoding="utf-8"))
        rows = {file.stem: _rows(file) for file in sorted(bundle.glob("*.npy"))}
        return BundleFacts(
            shape=Shape(rows["eval_num"], int(meta["n_outputs"])), fingerprint=fingerprint(bundle)
        )
    except KeyError as error:
        raise SandboxError(f"the bundle {bundle} cannot be read: {error} is missing") from None
    except (OSError, ValueError, TypeError) as error:
        raise SandboxError(f"the bundle {bundle} cannot be read: {error}") from None


def fingerprint(bundle: Path) -> str:
    """SHA-256 of the names and sizes of the files and of meta.json; `worker/bundle.py` computes it, too."""
    try:
        digest = hashlib.sha256((bundle / "meta.json").read_bytes())
        for file in sorted(bundle.glob("*.npy")):
            digest.update(f"{file.name} {file.stat().st_size}\n".encode())
    except OSError as error:
        raise SandboxError(f"the bundle {bundle} cannot be read: {error}") from None
    return digest.hexdigest()


def _rows(file: Path) -> int:
    """The first dimension of an array whose file is as long as its header says. Raises ValueError."""
    with file.open("rb") as opened:
        version = np.lib.format.read_magic(opened)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, kind = read(opened)
        expected = opened.tell() + int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if (size := file.stat().st_size) != expected:
        raise ValueError(f"{file.name} has {size} bytes, expected {expected}")
    return int(shape[0])
