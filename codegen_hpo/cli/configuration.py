"""Where options come from when the command line is silent: the environment, then the files.

`codegen-hpo.toml` in the working folder goes before the user's own file, and that before the option's
default. A table of a file is a command's, and its keys are that command's options; in front of the tables
stand keys that mean the same everywhere. What is found becomes the option's default, for every command alike.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from codegen_hpo.cli.configuration_file import GENERAL, PROJECT, Keys, options_of, read_file, user_file
from codegen_hpo.cli.configured_value import Value, checked


class Setting(NamedTuple):
    """What is said of an option."""

    value: Value
    source: str  # "environment, CODEGEN_HPO_FIT_SEED" or a file


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the files say that there are, those first that go before the others, and the environment."""

    files: tuple[tuple[Path, Mapping[Keys, Value]], ...]
    environ: Mapping[str, str]

    def find(self, command: Keys, name: str, option: click.Option) -> Setting | None:
        """What is said of an option of this command; None if nothing is.

        Raises ConfigError if the environment has a value that the option does not take.
        """
        own = _variable(command, name) if command else ""
        for variable in (own, GENERAL.get(name, "")):
            if text := self.environ.get(variable, ""):
                return Setting(checked(_read(text, option), option, variable), f"environment, {variable}")
        for file, values in self.files:
            for keys in ((*command, name), (name,)):
                if keys in values:
                    return Setting(values[keys], str(file))
        return None

    def default_map(self, name: str, command: click.Command) -> dict[str, Any]:
        """The defaults, for click, of a command's options and, of a group, of those of its commands.

        What a general variable says is left to who reads it: a model's name alone calls for no endpoint.
        """
        defaults: dict[str, Any] = {}
        for path, leaf in leaves((name,), command):
            place = defaults
            for part in path[1:]:
                place = place.setdefault(part, {})
            for key, option in options_of(leaf).items():
                found = self.find(path, key, option)
                if found and option.name and found.source != f"environment, {GENERAL.get(key)}":
                    place[option.name] = found.value
        return defaults


def read_configuration(commands: click.Group, environ: Mapping[str, str]) -> Configuration:
    """The working folder's file and the user's, as far as they are there. Raises ConfigError."""
    files = [file for file in (PROJECT, user_file()) if file.is_file()]
    return Configuration(tuple((file, read_file(file, commands)) for file in files), environ)


def leaves(path: Keys, command: click.Command) -> Iterator[tuple[Keys, click.Command]]:
    """The commands below a command, itself if it is no group, each with its words."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from leaves((*path, name), below)


def _variable(command: Keys, name: str) -> str:
    """Of an option in the environment: "CODEGEN_HPO_BENCH_TOY_SEEDS"."""
    return "_".join(("CODEGEN_HPO", *command, name)).replace("-", "_").upper()


def _read(text: str, option: click.Option) -> bool | str | list[str]:
    """The text of a variable as TOML would have it."""
    if option.is_flag and text.lower() in ("1", "true", "0", "false"):
        return text.lower() in ("1", "true")
    return text.split(",") if option.multiple else text
