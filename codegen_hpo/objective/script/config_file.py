"""A configuration file of a script: JSON, TOML or YAML, whose nested keys are joined by dots."""

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Arguments, Scalar

FILE_BYTES = 1 << 20
_BREAKS = frozenset("\x85\u2028\u2029")  # of lines, as YAML has them beside the usual
_MOST_NAMES = 10_000  # a few lines of YAML with aliases can stand for millions of values


class Format(NamedTuple):
    """How one kind of file is read and written."""

    name: str
    read: Callable[[str], Any]  # raises ValueError
    edited: Callable[[str, Any, Arguments], str]  # the file's text, what it holds, new values by name


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFile:
    """What a configuration file holds. Lists, dates and the like stay as they are."""

    file: str
    text: str
    format: Format
    tree: Mapping[Any, Any]
    names: tuple[str, ...]
    base: Mapping[str, Scalar]

    def require(self, name: str) -> None:
        """Raises ConfigError, which says why, if that name cannot be given a value."""
        node: Any = self.tree
        keys = name.split(".")
        for place, key in enumerate(keys):
            path, rest = ".".join(keys[:place]), ".".join(keys[place:])
            if isinstance(node, Mapping) and "." in rest and rest in node:
                raise self._refused(name, f"the key {rest!r} holds a dot, which joins nested keys")
            if isinstance(node, list):
                raise self._refused(name, f"{path} is a list: single values of a list cannot be tuned")
            if not isinstance(node, Mapping) or key not in node:
                near = get_close_matches(name, self.names, n=3) or list(self.names)[:10]
                raise ConfigError(
                    f"{self.file} has no {name}: the script would not read it",
                    hint=f"it has {', '.join(near)}; nested keys are joined by dots",
                )
            node = node[key]
        if not _tunable(node):
            kind = "a table" if isinstance(node, Mapping) else f"a {type(node).__name__}"
            raise self._refused(name, f"it is {kind}, expected a number, a text, true, false or null")

    def edited(self, arguments: Arguments) -> bytes:
        """The whole file, with these values in place of its own."""
        return self.shown(arguments).encode()

    def shown(self, arguments: Arguments) -> str:
        """The text, with these values in place of its own."""
        return self.format.edited(self.text, self.tree, self._of_their_kind(arguments))

    def departure(self, content: bytes, arguments: Arguments) -> str:
        """Where a file that was written with these values no longer has one of them; empty if it has all."""
        if content == self.edited(arguments):
            return ""
        if len(content) > FILE_BYTES:
            return f"it is larger than {FILE_BYTES >> 20} MiB"
        try:
            tree = self.format.read(content.decode("utf-8-sig"))
            found = dict(_flat(tree)) if isinstance(tree, Mapping) else {}
        except (ValueError, RecursionError):
            return f"it is not {self.format.name}"
        for name, value in self._of_their_kind(arguments).items():
            if name not in found:
                return f"it has no {name}"
            if found[name] != value:
                return f"{name} is {found[name]!r:.60} in it, and was {value!r:.60}"
        return ""

    def _of_their_kind(self, arguments: Arguments) -> dict[str, Scalar]:
        return {name: of_its_kind(value, self.base.get(name)) for name, value in arguments.items()}

    def _refused(self, name: str, why: str) -> ConfigError:
        return ConfigError(
            f"{name} in {self.file} cannot be tuned: {why}",
            hint="tune another value, or let the script read this one under a key of its own",
        )


def read_config(folder: Path, file: str) -> ConfigFile:
    """The configuration file in the script's folder.

    Raises:
        ConfigError: it is not there, of another kind, cannot be read, or holds nothing to tune.
    """
    kind = _FORMATS.get(Path(file).suffix.lower())
    if kind is None:
        raise ConfigError(
            f"the configuration {file} is of no kind that is known", hint=f"expected {', '.join(_FORMATS)}"
        )
    try:
        text = read_bytes(folder, file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is not text in UTF-8: {error}", hint="save it as UTF-8") from error
    try:
        tree = kind.read(text)
        values = dict(_flat(tree)) if isinstance(tree, Mapping) else {}
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not {kind.name}: {error}", hint="mend the file") from error
    if not values:
        raise ConfigError(
            f"{file} holds no values that can be tuned",
            hint="expected names with numbers, texts, true or false, nested or not",
        )
    return ConfigFile(
        file=file,
        text=text,
        format=kind,
        tree=tree,
        names=tuple(values),
        base={name: value for name, value in values.items() if _finite(value)},
    )


def read_bytes(folder: Path, file: str) -> bytes:
    """A file of the script that the user named. Raises ConfigError."""
    try:
        if (folder / file).stat().st_size > FILE_BYTES:
            raise ConfigError(
                f"{file} is larger than {FILE_BYTES >> 20} MiB", hint="give the file of hyperparameters"
            )
        return (folder / file).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{file} in the folder {folder} cannot be read: {error.strerror}",
            hint="give the file that the script reads, inside the script's folder",
        ) from error


def _flat(tree: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values that can be tuned, by name. Raises ValueError if there are too many."""
    count = 0
    for key, value in tree.items():
        if not isinstance(key, str) or "." in key:
            continue
        below = _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else iter(())
        for named in [(prefix + key, value)] if _tunable(value) else below:
            count += 1
            if count > _MOST_NAMES:
                raise ValueError(f"it holds more than {_MOST_NAMES} values")
            yield named


def _tunable(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _finite(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def of_its_kind(value: Scalar, old: Scalar | None) -> Scalar:
    """A whole number stays a float where the file has one; everything else is as the space says."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and isinstance(old, float) else value


def _replaced(tree: Mapping[Any, Any], keys: list[str], value: Scalar) -> dict[Any, Any]:
    """The tree with one value in it, and otherwise the same: an alias in YAML shares its other places."""
    key, *below = keys
    return {**tree, key: _replaced(tree[key], below, value) if below else value}


def _merged(tree: Mapping[Any, Any], values: Arguments) -> Mapping[Any, Any]:
    for name, value in values.items():
        tree = _replaced(tree, name.split("."), value)
    return tree


def _edited_json(text: str, tree: Any, values: Arguments) -> str:
    return json.dumps(_merged(tree, values), indent=2) + "\n"


def _edited_toml(text: str, tree: Any, values: Arguments) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    for name, value in values.items():
        *path, last = name.split(".")
        table: Any = document
        for key in path:
            table = table[key]
        table[last] = value
    return tomlkit.dumps(document)


def _read_yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _edited_yaml(text: str, tree: Any, values: Arguments) -> str:
    import yaml

    from codegen_hpo.objective.script.aliases import aliased

    others = aliased(text)
    followed = {other: value for name, value in values.items() for other in others.get(name, ())}
    merged = _merged(tree, followed | dict(values))
    # its floats are written as 1.0e-05: YAML 1.1 reads 1e-05 as text
    written = yaml.safe_dump(merged, sort_keys=False, allow_unicode=True)
    if _BREAKS.isdisjoint(written):
        return written
    # PyYAML writes these line breaks as they are, and reads a space: then all is escaped
    return yaml.safe_dump(merged, sort_keys=False)


_YAML = Format("YAML", _read_yaml, _edited_yaml)
_FORMATS = {
    ".json": Format("JSON", json.loads, _edited_json),
    ".toml": Format("TOML", tomllib.loads, _edited_toml),
    ".yaml": _YAML,
    ".yml": _YAML,
}
