"""A request to try the service with, as JSON and as a command."""

import json
import shlex
from collections.abc import Mapping

from codegen_hpo.serving.columns import Cell

PREDICT = "/predict"


def request_body(row: Mapping[str, Cell], *, indent: int | None = None) -> str:
    """The body that asks for that row, in ASCII: names and values of the data are quoted."""
    return json.dumps({"rows": [dict(row)]}, indent=indent)


def curl(url: str, row: Mapping[str, Cell]) -> str:
    """The command line that asks for that row."""
    command = ["curl", "-H", "Content-Type: application/json", "-d", request_body(row), url + PREDICT]
    return shlex.join(command)
