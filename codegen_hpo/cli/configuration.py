"""What configuration files say, as defaults of the options of every command.

An option on the command line goes before the environment, that before `codegen-hpo.toml` in the working
folder, that before the user's own file, and that before the option's default. A table of a file is a
command's, and its keys are that command's options; in front of the tables stand keys that mean the same
everywhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from codegen_hpo.cli.configuration_file import GENERAL, PROJECT, Keys, Value, options_of, read_file, user_file


class Setting(NamedTuple):
    """What a file says of an option."""

    value: Value
    file: Path


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the files say that there are, those first that go before the others."""

    files: tuple[tuple[Path, Mapping[Keys, Value]], ...]

    def find(self, command: Keys, name: str, environ: Mapping[str, str]) -> Setting | None:
        """What the files say of an option of this command; None if the environment or nobody does."""
        if environ.get(GENERAL.get(name, "")):
            return None
        for file, values in self.files:
            for keys in ((*command, name), (name,)):
                if keys in values:
                    return Setting(values[keys], file)
        return None

    def default_map(self, name: str, command: click.Command, environ: Mapping[str, str]) -> dict[str, Any]:
        """The defaults, for click, of a command's options and, of a group, of those of its commands."""
        defaults: dict[str, Any] = {}
        for path, leaf in leaves((name,), command):
            place = defaults
            for part in path[1:]:
                place = place.setdefault(part, {})
            for key, option in options_of(leaf).items():
                if (found := self.find(path, key, environ)) is not None and option.name:
                    place[option.name] = found.value
        return defaults


def read_configuration(commands: click.Group) -> Configuration:
    """The working folder's file and the user's, as far as they are there. Raises ConfigError."""
    files = [file for file in (PROJECT, user_file()) if file.is_file()]
    return Configuration(tuple((file, read_file(file, commands)) for file in files))


def leaves(path: Keys, command: click.Command) -> Iterator[tuple[Keys, click.Command]]:
    """The commands below a command, itself if it is no group, each with its words."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from leaves((*path, name), below)
