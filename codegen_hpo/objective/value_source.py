"""Where the value of a command is read. The user says so once; nothing that the command prints changes it."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from codegen_hpo.errors import ConfigError

_FILE_BYTES = 10 << 20


class Found(NamedTuple):
    """The value, which may be NaN, or why there is none."""

    value: float | None
    complaint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSource:
    """A file, a pattern, or the last line of the output that is a number or an object with the metric."""

    metric: str
    file: str = ""  # relative to the trial's own folder
    pattern: str = ""  # with one group; its last match in the output counts

    def __post_init__(self) -> None:
        if self.file and self.pattern:
            raise ConfigError(
                "a result file and a pattern are given", hint="the value comes from one of them"
            )
        if PurePath(self.file).is_absolute() or ".." in PurePath(self.file).parts:
            raise ConfigError(
                f"the result file {self.file} is not inside the trial's own folder",
                hint="let the command write to {folder}/NAME, and give --result-file NAME: "
                "a file that trials share could hold the value of an earlier one",
            )
        try:
            groups = re.compile(self.pattern).groups if self.pattern else 1
        except re.error as error:
            raise ConfigError(
                f"the pattern {self.pattern!r} cannot be read: {error}", hint=_PATTERN
            ) from error
        if groups != 1:
            raise ConfigError(
                f"the pattern {self.pattern!r} has {groups} groups, expected one", hint=_PATTERN
            )

    def read(self, output: str, folder: Path) -> Found:
        """The value of a command that printed `output` and had this folder."""
        if self.file:
            return self._in_file(folder / self.file)
        if self.pattern:
            return self._matched(output)
        return self._last_line(output)

    def _in_file(self, path: Path) -> Found:
        if not path.is_file():
            return Found(None, f"it wrote no {self.file} into its folder ({{folder}})")
        if path.stat().st_size > _FILE_BYTES:
            return Found(None, f"{self.file} is larger than {_FILE_BYTES >> 20} MiB")
        try:
            held = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            return Found(None, f"{self.file} is not JSON: {error}")
        return self._held(held, self.file)

    def _matched(self, output: str) -> Found:
        matches = re.findall(self.pattern, output, re.MULTILINE)
        if not matches:
            return Found(None, f"nothing in its output matches {self.pattern!r}")
        try:
            return Found(_number(matches[-1]))
        except ValueError:
            return Found(None, f"what the pattern found is no number: {matches[-1]!r:.80}")

    def _last_line(self, output: str) -> Found:
        for line in reversed(output.splitlines()):
            try:
                return Found(_number(line))
            except ValueError:
                pass
            try:
                held = json.loads(line) if line.lstrip().startswith("{") else None
            except (ValueError, RecursionError):
                continue
            if isinstance(held, dict) and self.metric in held:
                return self._held(held, "its last line")
        return Found(None, f"no line of its output is a number, or a JSON object with {self.metric!r}")

    def _held(self, held: Any, where: str) -> Found:
        """The number itself, or the one under the metric's name."""
        if isinstance(held, dict):
            if self.metric not in held:
                names = ", ".join(map(repr, list(held)[:10])) or "nothing"
                return Found(None, f"{where} has no {self.metric!r}; it has {names:.200}")
            held = held[self.metric]
        if held is None:  # what JSON writers make of NaN
            return Found(math.nan)
        if isinstance(held, bool) or not isinstance(held, int | float):
            return Found(None, f"{self.metric} in {where} is {held!r:.80}, expected a number")
        try:
            return Found(float(held))
        except OverflowError:
            return Found(math.inf)


def _number(text: str) -> float:
    """The number that the text is. Raises ValueError, also for 1_0: Python alone takes it for 10."""
    if "_" in text:
        raise ValueError(text)
    return float(text)


_PATTERN = "for example 'val_loss: ([-+.0-9e]+)', one group around the number"
