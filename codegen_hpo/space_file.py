"""A space written in a file: TOML by hand, or the JSON of ConfigSpace and of Optuna."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Choice, Dimension, Float, Int, Space
from codegen_hpo.space_check import Unsound, checked_space
from codegen_hpo.space_import import Imported, from_configspace, from_optuna

_KEYS = {
    "float": ("low", "high", "log", "default", "description"),
    "int": ("low", "high", "log", "default", "description"),
    "choice": ("options", "default", "description"),
    "bool": ("default", "description"),
}
_EXAMPLE = '[lr]\n    type = "float"\n    low = 1e-5\n    high = 0.1\n    log = true'


def read_space(path: Path, *, ignore_conditions: bool = False) -> Imported:
    """The space of a file, and what could not be taken over from another library's.

    A TOML file has a table for each argument: `type` ("float", "int", "choice" or "bool"), then `low`, `high`
    and perhaps `log` for a number, `options` for a choice (`type` may then be left out), and for each perhaps
    `default` and `description`. `[optimizer.lr]` is the argument "optimizer.lr". A JSON file is what
    ConfigSpace writes, or Optuna's distributions by name.

    Raises:
        ConfigError: the file cannot be read, or every mistake in it by entry.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror or error}", hint="give a space file"
        ) from error
    if path.suffix.lower() == ".json":
        return _read_json(content, str(path), ignore_conditions=ignore_conditions)
    try:
        data = tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", hint=f"write\n    {_EXAMPLE}") from error
    return Imported(space_from_toml(data, str(path)), ())


def space_from_toml(data: Mapping[str, Any], where: str) -> Space:
    """The space of a TOML document. Raises ConfigError with every mistake that is in it."""
    if not data:
        raise ConfigError(f"{where} holds no arguments", hint=f"write\n    {_EXAMPLE}")
    dimensions, complaints = {}, []
    for name, fields in _entries(data):
        try:
            if name in dimensions:
                raise Unsound("it is there twice")
            dimensions[name] = _dimension(fields)
        except Unsound as error:
            complaints.append(f"{where}, {name}: {error}")
    try:
        space = checked_space(dimensions, where, constants=False) if dimensions else Space({})
    except ConfigError as error:
        complaints.append(str(error))
    if complaints:
        raise ConfigError("\n".join(complaints), hint=f"an entry looks like\n    {_EXAMPLE}")
    return space


def _entries(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The entries by name. A table of nothing but tables is no entry: their names go on from its own."""
    for name, fields in tables.items():
        if isinstance(fields, Mapping) and fields and all(isinstance(f, Mapping) for f in fields.values()):
            yield from _entries(fields, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", fields


def _dimension(fields: object) -> Dimension:
    """One table as a dimension, its values unchecked. Raises Unsound."""
    if not isinstance(fields, Mapping):
        raise Unsound(f"it is {fields!r:.60}, expected a table with type, low and high")
    kind = fields.get("type", "choice" if "options" in fields else None)
    if kind is None:
        raise Unsound(f"its type is missing: one of {', '.join(_KEYS)}")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise Unsound(f"its type is {kind!r:.60}, expected one of {', '.join(_KEYS)}")
    values = {key: value for key, value in fields.items() if key != "type"}
    unknown = [key for key in values if key not in _KEYS[kind]]
    if unknown:
        raise Unsound(f"unknown key {unknown[0]!r}; a {kind} has {', '.join(_KEYS[kind])}")
    missing = [key for key in ("low", "high", "options") if key in _KEYS[kind] and key not in values]
    if missing:
        raise Unsound(f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    match kind:
        case "float":
            return Float(**values)
        case "int":
            return Int(**values)
        case "bool":
            return Choice((False, True), **values)
    return Choice(**values)


def _read_json(content: bytes, where: str, *, ignore_conditions: bool) -> Imported:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not JSON: {error}", hint="write the space as TOML") from error
    if isinstance(data, Mapping) and "hyperparameters" in data:
        return from_configspace(data, ignore_conditions=ignore_conditions, where=where)
    if isinstance(data, Mapping) and data:
        return from_optuna(data, where=where)
    raise ConfigError(
        f"{where} is neither a ConfigSpace nor a mapping of names to Optuna distributions",
        hint="ConfigurationSpace.to_json and optuna.distributions.distribution_to_json write them",
    )
