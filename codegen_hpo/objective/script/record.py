"""What a script is, as a run records it: its command, what it reads, where its numbers come from."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal

from codegen_hpo.errors import ConfigError
from codegen_hpo.objective.command import folder_mark
from codegen_hpo.objective.value_source import ValueSource

DISK_BYTES = 2 << 30  # that one run of a script may write, if nothing else is said
MEMORY_BYTES = 8 << 30  # that it may use in a container


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A training script with its command. Of `config` and `constants` at most one is given.

    No path in it is absolute: a run can be mailed.
    """

    command: str
    config: str = ""  # a JSON, TOML or YAML file, relative to the folder
    constants: str = ""  # a Python file whose ALL_CAPS constants are edited, relative to the folder
    source: ValueSource
    timeout_s: float | None = None  # of one run of the script
    disk_bytes: int = DISK_BYTES  # that one run of it may write
    folder: str = "."  # what is copied for each trial, relative to where the run was begun
    begun_in: str = field(default_factory=folder_mark)  # the mark of that place
    sandbox: Literal["none", "docker"] = "none"
    image: str = ""  # of the container; empty for the sandbox's own
    memory_bytes: int = MEMORY_BYTES  # of the container
    device: str = "cpu"  # of the container: "auto", "cpu", "cuda" or "cuda:1"
    leave_out: tuple[str, ...] = ()  # patterns of what is not copied, beside the usual

    def __post_init__(self) -> None:
        if self.config and self.constants:
            raise ConfigError(
                f"a configuration {self.config} and constants in {self.constants} are given",
                hint="the script reads its hyperparameters in one place: give --config or --constants",
            )
        if PurePath(self.folder).is_absolute():
            raise ConfigError(
                f"the folder {self.folder} is absolute", hint="give it relative to where you are"
            )
        for path in (self.config, self.constants):
            if PurePath(path).is_absolute() or ".." in PurePath(path).parts:
                raise ConfigError(
                    f"{path} is not inside the script's folder", hint="give it relative to that folder"
                )

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"leave_out": list(self.leave_out)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Script":
        read = {"source": ValueSource(**data["source"]), "leave_out": tuple(data["leave_out"])}
        return cls(**dict(data) | read)


def relative_folder(folder: Path) -> str:
    """The script's folder relative to where this program runs. Raises ConfigError if it is no folder."""
    if not folder.is_dir():
        raise ConfigError(
            f"the script's folder {folder} is no folder", hint="--folder names the one that holds the script"
        )
    return Path(os.path.relpath(folder.resolve(), Path.cwd().resolve())).as_posix()


def relative_file(folder: Path, file: Path, option: str) -> str:
    """A file of the script relative to the script's folder; it may be given relative to either place.

    Args:
        folder: the script's.
        file: as the user wrote it.
        option: that named the file, for the message.

    Raises:
        ConfigError: there is no such file, or it is not inside the folder.
    """
    found = next((path for path in (folder / file, file) if path.is_file()), None)
    if found is None:
        raise ConfigError(
            f"{option} {file}: there is no such file in {folder}",
            hint="give the path of the file that the script reads",
        )
    # the last part may be a link: the copy gets a file in its place
    place, root = found.parent.resolve(), folder.resolve()
    if not place.is_relative_to(root):
        raise ConfigError(
            f"{option} {file} is not inside the script's folder {folder}, which is copied for each trial",
            hint="give with --folder one that holds the script and all that it reads",
        )
    return (place.relative_to(root) / found.name).as_posix()
