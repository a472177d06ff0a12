"""The results page of a benchmark whose results are plain data, and the JSON file that it is made from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codegen_hpo.errors import reading


def write_data(data: Mapping[str, Any], file: Path) -> None:
    """Writes the results as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")


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
