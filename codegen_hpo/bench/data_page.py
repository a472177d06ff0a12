"""A benchmark's results as plain data, and the page that is made from them."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from codegen_hpo.errors import reading


def write_data(data: Mapping[str, Any], file: Path) -> None:
    """Writes them as JSON, in one step: a process that is killed leaves the old file or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.replace(file)


def measured_by(*packages: str) -> dict[str, Any]:
    """What stands below a page of measurements: this command, the machine, versions."""
    command = shlex.join(["codegen-hpo", *sys.argv[1:]])
    found = {"command": command, "cores": os.cpu_count(), "Python": platform.python_version()}
    return found | {name: version(name) for name in packages}


def write_page(data: Mapping[str, Any], text: str, file: Path) -> list[Path]:
    """The files written: the page, and beside it the JSON from which it can be made again."""
    beside = file.with_suffix(".json")
    write_data(data, beside)
    file.write_text(text, encoding="utf-8")
    return [file, beside]


def read_data(path: Path) -> dict[str, Any]:
    """What `write_data` wrote. Raises ConfigError."""
    with reading(path):
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return data
