"""How arguments reach a script: in the file that it reads, or in the words of its command."""

import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.command_line import FILE, FOLDER, CommandLine, places
from codegen_hpo.objective.results.opening import UnreadableError, opened, read_text_file
from codegen_hpo.objective.script.config_file import read_config
from codegen_hpo.objective.script.record import Script
from codegen_hpo.space import Arguments, Dimension, Scalar, Space


class Held(Protocol):
    """A file of the script that holds hyperparameters, as the user left it."""

    @property
    def file(self) -> str:
        """Its path, relative to the script's folder."""

    @property
    def text(self) -> str:
        """What a model is shown of it, comments included."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of what can be given a value."""

    @property
    def base(self) -> Mapping[str, Scalar]:
        """The values that it has; a name may have none, as null in JSON."""

    def require(self, name: str) -> None:
        """Raises ConfigError, which says why, if that name cannot be given a value."""

    def edited(self, arguments: Arguments) -> bytes:
        """The whole file, with these values in place of its own."""

    def shown(self, arguments: Arguments) -> str:
        """The text, with these values in place of its own."""

    def departure(self, content: bytes, arguments: Arguments) -> str:
        """Where a file that was written with these values no longer has them; empty if it has.

        The content may have been written by anybody.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The two ways in which arguments reach a script: a file that it reads, and places of its command."""

    text: str  # as the user wrote it, comments included: for a model
    base: Mapping[str, Scalar]  # nested keys joined by dots
    names: tuple[str, ...]  # what a space may name: those of the base, keys without a value, places
    line: CommandLine
    held: Held | None

    def write(self, arguments: Arguments, workspace: Path) -> None:
        """Merges arguments over the base, in a copy of the script's folder. The file there is a new one."""
        for file, content in self.edited(arguments).items():
            path = workspace / file
            mode = path.stat().st_mode if path.exists() else None
            # through a link the write would go to what the user has elsewhere
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            if mode is not None:
                path.chmod(mode)

    def edited(self, arguments: Arguments) -> dict[str, bytes]:
        """The file with these arguments in it, by its path; nothing if there is no file."""
        return {self.held.file: self.held.edited(self._of_file(arguments))} if self.held else {}

    def departure(self, arguments: Arguments, workspace: Path) -> str:
        """How a script changed its arguments: nobody knows then what it trained. Empty if it did not."""
        if self.held is None:
            return ""
        try:
            with opened(workspace, self.held.file) as descriptor:
                content = read_text_file(descriptor, self.held.file)
            departure = self.held.departure(content, self._of_file(arguments))
        except (UnreadableError, OSError):
            departure = "it cannot be read any more"
        if not departure:
            return ""
        return f"the script changed {self.held.file}, which holds its arguments: {departure}"

    def shown(self, arguments: Arguments) -> str:
        """The text with these arguments in it."""
        if self.held is None:
            return shlex.join(self.line.filled(arguments, folder=f"{{{FOLDER}}}", file=f"{{{FILE}}}"))
        return self.held.shown(self._of_file(arguments))

    def words(self, arguments: Arguments, *, folder: str, file: str) -> list[str]:
        """The command's words; `folder` stands for {folder}, `file` for {arguments}."""
        own = self.held.names if self.held else ()
        placed = {name: value for name, value in arguments.items() if name not in own}
        return self.line.filled(placed, folder=folder, file=file)

    def _of_file(self, arguments: Arguments) -> Arguments:
        own = self.held.names if self.held else ()
        return {name: value for name, value in arguments.items() if name in own}


def open_configuration(script: Script, space_names: Iterable[str] | None = None) -> Configuration:
    """What the script's hyperparameters are now.

    Args:
        script: it lies where this program runs.
        space_names: None as long as nobody has said what is tuned: it can be what the file holds, or what
            the command has places for.

    Raises:
        ConfigError: the file cannot be used, the command does not fit, a name is none of the script's, of
            which those that are near are named, or nothing can be tuned.
    """
    folder = Path(script.folder)
    held: Held | None = None
    if script.config:
        held = read_config(folder, script.config)
    elif script.constants:
        from codegen_hpo.objective.script.constants import read_constants  # brings libcst

        held = read_constants(folder, script.constants)
    own = held.names if held else ()
    named = places(script.command)
    placed = tuple(name for name in named if name not in (FOLDER, FILE))
    twice = [name for name in placed if name in own]
    if held and twice:
        raise ConfigError(
            f"{twice[0]} has a place in the command and a value in {held.file}",
            hint=f"take {{{twice[0]}}} out of the command, or {twice[0]} out of the file",
        )
    if space_names is None and not own and not placed:
        raise ConfigError(
            "nothing says what can be tuned: there is no space, and the command has no places",
            hint="give --space, or --config, or --constants, or write places like --lr {lr}",
        )
    apart = placed if space_names is None else [name for name in space_names if name not in own]
    if held and FILE not in named:
        for name in apart:
            if name not in placed:
                held.require(name)
    line = CommandLine.parse(
        script.command, dict.fromkeys(apart), program_in=folder if script.sandbox == "none" else None
    )
    appended = [f"--{name} {{{name}}}" for name in apart] if line.appended else []
    return Configuration(
        text=held.text if held else " ".join([script.command, *appended]),
        base=held.base if held else {},
        names=own + placed,
        line=line,
        held=held,
    )


class Based(NamedTuple):
    """A space whose defaults are the base, and what could not be taken over."""

    space: Space
    notes: tuple[str, ...]


def based(space: Space, configuration: Configuration) -> Based:
    """The space with the values of the base as its defaults: the search begins where the user is.

    A base value outside of its range is no default, and a note tells of it. What has a place in the command
    keeps the default of the space.
    """
    dimensions: dict[str, Dimension] = {}
    notes = []
    for name, dimension in space.items():
        default = dimension.default
        if name in configuration.base:
            default = _default(dimension, configuration.base[name])
            if default is None:
                notes.append(
                    f"{name} is {configuration.base[name]!r:.60} now, which is not in the space: "
                    "no trial is made with all values as they are"
                )
        fields: dict[str, Any] = {"default": default}
        dimensions[name] = replace(dimension, **fields)
    return Based(Space(dimensions), tuple(notes))


def _default(dimension: Dimension, value: Scalar) -> Scalar | None:
    """The value as the dimension takes it; None if it does not.

    YAML 1.1 reads 1e-3 as text: what is a number's text is taken for the number, where one is wanted.
    """
    candidates: list[Scalar] = [value]
    if isinstance(value, str):
        with suppress(ValueError):
            candidates.append(float(value))
    single = Space({"value": dimension})
    for candidate in candidates:
        checked = single.check({"value": candidate})
        if checked.arguments is not None:
            return checked.arguments["value"]
    return None
