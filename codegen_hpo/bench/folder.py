"""A benchmark on disk: its facts, its searches, and the value of every configuration that was evaluated."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen_hpo.bench.cell import Cell, Search
from codegen_hpo.bench.data_page import read_data, write_data
from codegen_hpo.bench.problem import Value
from codegen_hpo.errors import ConfigError, reading
from codegen_hpo.space import Arguments, Scalar, canonical

_BUSY_S = 60.0  # how long a process waits for another one that writes a value


@dataclass(frozen=True, slots=True)
class BenchFolder:
    """The folder of one benchmark. Any number of processes may work in it, one a cell."""

    path: Path

    def agree(self, suite: str, facts: Mapping[str, Scalar], command: str = "") -> None:
        """Notes what the benchmark is about, and the command at work on it.

        Raises:
            ConfigError: the folder holds a benchmark about something else.
        """
        file = self.path / "benchmark.json"
        about: dict[str, Any] = {"suite": suite, "facts": dict(facts), "commands": []}
        if file.exists():
            found = self.about()
            if (found["suite"], found["facts"]) != (suite, about["facts"]):
                raise ConfigError(
                    f"{self.path} holds another benchmark: {found['suite']} with {found['facts']}, "
                    f"not {suite} with {about['facts']}",
                    hint="give another folder with --out",
                )
            about = found
        if command and command not in about["commands"]:
            about["commands"].append(command)
        (self.path / "cells").mkdir(parents=True, exist_ok=True)
        write_data(about, file)

    def about(self) -> dict[str, Any]:
        """Suite, facts and commands. Raises ConfigError if this is no folder of a benchmark."""
        return read_data(self.path / "benchmark.json")

    def read(self, cell: Cell) -> Search | None:
        """The cell's search, finished or not; None if it was not begun."""
        file = self.path / "cells" / cell.path
        return _read(file) if file.exists() else None

    def write(self, search: Search) -> None:
        """Keeps the search as it stands."""
        file = self.path / "cells" / search.cell.path
        write_data(search.to_json(), file)

    def searches(self) -> Iterator[Search]:
        """All searches that were finished."""
        for file in sorted((self.path / "cells").glob("*/*.json")):
            search = _read(file)
            if search.finished:
                yield search

    def cache(self) -> "Cache":
        """The values of the configurations that were evaluated."""
        return Cache(self.path / "values.sqlite")


class Cache:
    """The value of each configuration, by the problem's fingerprint; shared by all processes."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, timeout=_BUSY_S)
        # many processes, one small write after each evaluation: without this each waits for the disk
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        with self._database as transaction:
            transaction.execute(
                "CREATE TABLE IF NOT EXISTS value (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
            )

    def get(self, fingerprint: str, arguments: Arguments) -> Value | None:
        """What this configuration gave, if it was evaluated."""
        query = "SELECT value FROM value WHERE key = ?"
        row = self._database.execute(query, (_key(fingerprint, arguments),)).fetchone()
        return Value(*json.loads(row[0])) if row else None

    def put(self, fingerprint: str, arguments: Arguments, value: Value) -> None:
        """Keeps what this configuration gave; the first value stays."""
        entry = (_key(fingerprint, arguments), json.dumps(value))
        with self._database as transaction:
            transaction.execute("INSERT OR IGNORE INTO value VALUES (?, ?)", entry)

    def close(self) -> None:
        self._database.close()


def _key(fingerprint: str, arguments: Arguments) -> str:
    return f"{fingerprint} {canonical(arguments)}"


def _read(file: Path) -> Search:
    with reading(file):
        return Search.from_json(read_data(file))
