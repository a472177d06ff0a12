"""The device that was asked for: "auto", "cpu", "cuda", or one GPU of several: "cuda:1", "auto:1"."""

import re
from dataclasses import dataclass
from typing import Literal

from codegen_hpo.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Device:
    """A worker sees one GPU at most, so that a job's own device is "cpu" or "cuda"."""

    kind: Literal["auto", "cpu", "cuda"]  # auto: a GPU where there is one, else the CPU
    gpu: int = 0  # its number, in the driver's order


def read_device(text: str) -> Device:
    """The device that `text` names. Raises ConfigError."""
    if text == "cpu":
        return Device("cpu")
    if match := re.fullmatch(r"(auto|cuda)(?::(\d{1,3}))?", text):
        return Device("cuda" if match[1] == "cuda" else "auto", int(match[2] or 0))
    raise ConfigError(f"unknown device {text!r}", hint="choose auto, cpu, cuda, or cuda:1 for the second GPU")


def names_one(text: str) -> bool:
    """Whether the text of a device says which GPU, if there are several."""
    return ":" in text
