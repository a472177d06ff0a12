"""The author seam: who writes a candidate's source."""

from dataclasses import dataclass
from typing import Protocol

from codegen_hpo.records import Candidate, Finding
from codegen_hpo.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """Everything an author is told before it writes."""

    task: Task
    hardware: str  # one line: "CPU, 2 threads" or "NVIDIA H200, 139 GiB"
    budget: str  # one line: "20 trials, 30 min"
    number: int  # 1-based number of the candidate to write
    existing: tuple[Candidate, ...] = ()  # what was written already: a different idea is wanted
    scores: tuple[float | None, ...] = ()  # the best validation score of each of `existing`, where known
    previous: str | None = None  # the latest attempt's source, when it is to be mended
    findings: tuple[Finding, ...] = ()  # what was wrong with it
    frame: str = ""  # the findings as text, each beside the lines it speaks of


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an author answered: a source, or findings that say why the reply held none."""

    source: str | None
    findings: tuple[Finding, ...] = ()
    reply: str = ""  # the whole text of the reply, for the record


class Author(Protocol):
    """Writes the functions of a run, and mends them by what the gates found."""

    name: str  # goes into Candidate.author: "cookbook", "llm:<model>"
    trusted: bool  # True only for code that ships with this package: it may run without a sandbox

    def write(self, brief: Brief) -> Draft:
        """A new function, or `brief.previous` mended. Raises EndpointError if no answer can be had."""
