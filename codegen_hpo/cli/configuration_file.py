"""One configuration file: read, and refused where it says what it may not.

Not a secret, which would be copied and committed with it. In the working folder, whose file may have come
with somebody else's work and is read without a word, no address on another machine either: prompts and the
key would go there, nor one that a run's rows and scores are sent to, nor a path outside of the folder. What
takes away a protection is said on the command line only: it is no environment
variable either.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from codegen_hpo.cli.configured_value import Value, checked
from codegen_hpo.errors import ConfigError
from codegen_hpo.shown import without_password

PROJECT = Path("codegen-hpo.toml")
# keys in front of the tables → the environment's variable, which goes before any file
GENERAL = {"model": "CODEGEN_HPO_MODEL", "base-url": "OPENAI_BASE_URL", "runs": "CODEGEN_HPO_RUNS"}
# options that send what a run holds elsewhere, or open it to others
_ABROAD = ("host", "optuna", "sink", "workers")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SECRET_KEY = re.compile(r"key$|secret|passw|credential|token$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(sk-|hf_|gsk_|ghp_)\w", re.IGNORECASE)

Keys = tuple[str, ...]  # ("fit", "trials"), ("bench", "toy", "seeds"), ("model",)


def user_file() -> Path:
    """The user's own file, in the place that the system has for such files."""
    import platformdirs

    return platformdirs.user_config_path("codegen-hpo") / "config.toml"


def read_file(file: Path, commands: click.Group) -> dict[Keys, Value]:
    """What a file says, by the command's words and the option's name.

    Raises ConfigError where it holds a key that no command has, a value that the option does not take, a
    secret, or what it may not say.
    """
    data = _parsed(file)
    _require_no_secret(data, file)
    values = {}
    for keys, option, value in _settings(data, commands, file):
        shown = f"[{'.'.join(keys[:-1])}] {keys[-1]}" if keys[1:] else keys[0]
        values[keys] = checked(value, option, f"{file}: {shown}")
        if keys[-1] == "base-url":
            _require_safe(str(values[keys]), file)
        if file == PROJECT:
            _require_inside(keys[-1], option, values[keys])
    return values


def options_of(command: click.Command) -> dict[str, click.Option]:
    """The options of a command by their long names, "base-url"."""
    return {
        text.removeprefix("--"): option
        for option in command.params
        if isinstance(option, click.Option)
        for text in option.opts
        if text.startswith("--")
    }


def _parsed(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(
            f"{file} is not TOML: {error}", hint="https://toml.io tells how it is written"
        ) from error


def _settings(
    data: Mapping[str, Any], commands: click.Group, file: Path
) -> Iterator[tuple[Keys, click.Option, Any]]:
    context = click.Context(commands)
    for key, value in data.items():
        command = commands.get_command(context, key)
        if command is not None and isinstance(value, dict):
            yield from _of_command((key,), command, value, file)
        elif key in GENERAL:
            fit = commands.get_command(context, "fit")  # which has all of them
            assert fit is not None
            yield (key,), options_of(fit)[key], value
        else:
            known = [*GENERAL, *(f"[{name}]" for name in commands.list_commands(context))]
            wanted = f"[{key}]" if isinstance(value, dict) else key
            otherwise = "an option stands in the table of its command, as trials in [fit]"
            raise ConfigError(f"{file}: unknown {wanted}", hint=_nearest(wanted, known, otherwise))


def _of_command(
    path: Keys, command: click.Command, table: Mapping[str, Any], file: Path
) -> Iterator[tuple[Keys, click.Option, Any]]:
    if isinstance(command, click.Group):
        for key, value in table.items():
            below = command.commands.get(key)
            if below is None or not isinstance(value, dict):
                known = [f"[{'.'.join(path)}.{name}]" for name in command.commands]
                wanted = f"[{'.'.join(path)}.{key}]"
                raise ConfigError(f"{file}: unknown {wanted}", hint=_nearest(wanted, known, ""))
            yield from _of_command((*path, key), below, value, file)
        return
    options = options_of(command)
    for key, value in table.items():
        if key not in options:
            otherwise = f"codegen-hpo {' '.join(path)} --help lists the options"
            raise ConfigError(
                f"{file}: [{'.'.join(path)}] has no option {key!r}", hint=_nearest(key, options, otherwise)
            )
        yield (*path, key), options[key], value


def _nearest(wanted: str, known: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(wanted, list(known), n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def _require_no_secret(data: Mapping[str, Any], file: Path) -> None:
    """Raises ConfigError, which does not repeat the value."""
    for key, value in data.items():
        if isinstance(value, dict):
            _require_no_secret(value, file)
        elif _SECRET_KEY.search(key) or any(
            isinstance(one, str) and (_SECRET_VALUE.match(one) or without_password(one) != one)
            for one in (value if isinstance(value, list) else [value])
        ):
            raise ConfigError(
                f"{file}: {key} looks like a secret, and a file is read, copied and committed",
                hint="take it out, and export OPENAI_API_KEY=..., or of an address the option's variable; "
                "if others may have seen it, make a new one",
            )


def _require_safe(url: str, file: Path) -> None:
    """Raises ConfigError if the address holds a password, or another one than this user has chosen it."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ConfigError(f"{file}: base-url is no address: {error}") from error
    if "@" in parts.netloc or parts.query:
        raise ConfigError(
            f"{file}: base-url holds a password or a key",
            hint="write it without, and export OPENAI_BASE_URL where one is needed",
        )
    if file == PROJECT and parts.hostname not in _LOOPBACK:
        raise ConfigError(
            f"{file}: base-url is another machine, and your key and prompts would go there",
            hint=f"if you trust it: put it into {user_file()}, or export OPENAI_BASE_URL",
        )


def _require_inside(name: str, option: click.Option, value: Value) -> None:
    """Raises ConfigError if the working folder's file sends something out of that folder."""
    own = f"put it into {user_file()}, into the environment or on the command line, if you want it"
    if name in _ABROAD:
        raise ConfigError(f"{PROJECT}: {name} says where a run's data goes, or who reads it", hint=own)
    if isinstance(option.type, click.Path):
        for text in value if isinstance(value, list) else [str(value)]:
            if not Path(text).resolve().is_relative_to(Path.cwd()):  # itself, or by a link
                raise ConfigError(f"{PROJECT}: {name} = {text!r} lies outside of this folder", hint=own)
