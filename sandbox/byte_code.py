"""Compiles what python3 and its packages hold without byte code; run while the image is built.

What is compiled already stays as it is: another kind of byte code, without time stamps, is as good.
"""

import importlib.util
import py_compile
import sysconfig
from pathlib import Path

import torch


def compile_missing(folder: Path) -> int:
    """How many modules below `folder` were compiled. Those of another Python's syntax are left out."""
    made = 0
    for source in folder.rglob("*.py"):
        if not Path(importlib.util.cache_from_source(str(source))).exists():
            try:
                made += py_compile.compile(str(source), doraise=False, quiet=2) is not None
            except (OSError, ValueError):  # a dead link, a null byte: nothing imports it
                continue
    return made


if __name__ == "__main__":
    for place in {Path(sysconfig.get_path("stdlib")), Path(torch.__file__).parent.parent}:
        print(place, compile_missing(place), "modules compiled")
