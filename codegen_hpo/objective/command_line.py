"""A command with places for arguments. No shell reads it."""

import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codegen_hpo.errors import ConfigError
from codegen_hpo.space import Arguments, Scalar

FOLDER, FILE = "folder", "arguments"  # places that are no argument's: the trial's own folder, a JSON file

_WORD = r"[A-Za-z_][\w.:-]*"  # what is taken for a place, though the space has no such name


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """Words, of which some hold `{name}` in the place of a value; `{{name}}` stands for "{name}" itself.

    Without a place for an argument, and without `{arguments}`, each argument is appended as `--name value`,
    and as `--name=value` where the value begins with a dash.
    """

    words: tuple[str, ...]
    place: re.Pattern[str]
    appended: bool  # whether the arguments are appended

    @classmethod
    def parse(
        cls, text: str, space: Mapping[str, object], *, program_in: Path | None = Path()
    ) -> "CommandLine":
        """The command that the text means for the arguments of a space, split as a shell splits it.

        Args:
            text: what the user wrote.
            space: the arguments' names.
            program_in: the folder from which a relative path of the program counts; None if the program is
                not on this machine.

        Raises:
            ConfigError: it cannot be split, there is no such program, a place has no argument, an argument
                no place, or the name of one that is no argument's.
        """
        taken = [name for name in (FILE, FOLDER) if name in space]
        if taken:
            raise ConfigError(
                f"the space has an argument {taken[0]!r}, and {{{taken[0]}}} has a meaning of its own in a "
                f"command: {{{FOLDER}}} is the trial's own folder, {{{FILE}}} a JSON file of all arguments",
                hint="give the argument another name",
            )
        name = "|".join([*map(re.escape, space), _WORD])
        place = re.compile(rf"\{{\{{({name})\}}\}}|\{{({name})\}}")
        words = split(text)
        if program_in is not None and not place.search(words[0]):
            _require_program(words[0], program_in)
        places = {match[2] for word in words for match in place.finditer(word) if match[2]}
        unknown = sorted(places - set(space) - {FOLDER, FILE})
        if unknown:
            known = f"only {', '.join(space)}" if space else "no such argument"
            raise ConfigError(
                f"the command has a place {{{unknown[0]}}}, and the space has {known}",
                hint=f"write {{{{{unknown[0]}}}}} if the braces belong to the command; "
                f"{{{FOLDER}}} is the trial's own folder, {{{FILE}}} a JSON file of all arguments",
            )
        placed = places & set(space)
        left_out = [name for name in space if name not in placed]
        if placed and left_out and FILE not in places:
            raise ConfigError(
                f"the command has places for {', '.join(sorted(placed))}, and none for {', '.join(left_out)}",
                hint=f"write {{{left_out[0]}}} into it, or take {left_out[0]} out of the space",
            )
        return cls(words=words, place=place, appended=not placed and FILE not in places)

    def filled(self, arguments: Arguments, *, folder: str, file: str) -> list[str]:
        """The words of one call. A value stays within its word, whatever it holds.

        Args:
            arguments: complete.
            folder: stands for `{folder}`.
            file: stands for `{arguments}`.
        """
        values = {FOLDER: folder, FILE: file} | {name: written(value) for name, value in arguments.items()}

        def put(match: re.Match[str]) -> str:
            return f"{{{match[1]}}}" if match[1] else values[match[2]]

        words = [self.place.sub(put, word) for word in self.words]
        if self.appended:
            for name, value in arguments.items():
                text = written(value)
                # argparse takes a word like -1e-05 for an option
                words += [f"--{name}={text}"] if text.startswith("-") else [f"--{name}", text]
        return words


def split(text: str) -> tuple[str, ...]:
    """The command's words. Raises ConfigError if there are none, or a quote is left open."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"the command {text!r} cannot be read: {error}", hint="close its quotes") from None
    if not words:
        raise ConfigError("the command is empty", hint='for example --command "python train.py"')
    return words


def places(text: str) -> tuple[str, ...]:
    """The names between single braces, whatever the space may be. Raises ConfigError as `split` does."""
    place = re.compile(rf"\{{\{{{_WORD}\}}\}}|\{{({_WORD})\}}")
    found = (match[1] for word in split(text) for match in place.finditer(word))
    return tuple(dict.fromkeys(name for name in found if name))


def _require_program(program: str, folder: Path) -> None:
    # as exec does it: only a name without a slash is looked for on the PATH
    path = str(folder.absolute() / program) if "/" in program else program
    if shutil.which(path) is None:
        raise ConfigError(
            f"the command cannot be started: no program {program!r} is found",
            hint="it is run as it stands, without a shell: give a program's name or path",
        )


def written(value: Scalar) -> str:
    """A value as a command gets it: booleans as true and false, numbers so that they read back the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
