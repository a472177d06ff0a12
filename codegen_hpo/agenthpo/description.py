"""The task in the user's own words: facts of the dataset and the model, and the goal.

These are three of the four parts of the background that the Creator is given ("Large Language Model Agent for
Hyper-Parameter Optimization", arXiv 2402.01881, section 3.1); the fourth, the hyperparameters, is the space.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from codegen_hpo.agenthpo.goal import Goal, Statement, read_goal, stated
from codegen_hpo.errors import ConfigError
from codegen_hpo.sandbox.plain_text import plain

_PART_CHARACTERS = 2500  # of one part, as a model is shown it
_FILE_BYTES = 1_000_000  # a description is read by people; a data file given by mistake is larger
_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*")
_FENCE = re.compile(r"\s*(```|~~~)")
_LABELLED = r"[*_]{0,2}(%s)[*_]{0,2}\s*:[*_]{0,2}"  # "Dataset: …", "**Dataset:** …"

_NAMES = {
    "dataset": "dataset",
    "data set": "dataset",
    "data": "dataset",
    "model": "model",
    "architecture": "model",
    "network": "model",
    "goal": "goal",
    "optimisation goal": "goal",
    "objective": "goal",
    "aim": "goal",
    "hyperparameter": "hyperparameters",
    "hyperparameters": "hyperparameters",
    "hyper parameters": "hyperparameters",
    "search space": "hyperparameters",
}
_LABEL = re.compile(_LABELLED % "|".join(name.replace(" ", "[ -]") for name in _NAMES), re.IGNORECASE)
_INLINE = re.compile(rf"(?<=[.;!?])\s+(?={_LABEL.pattern})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the user says of the task; a part that is not told is empty."""

    dataset: str = ""
    model: str = ""
    goal: str = ""
    hyperparameters: str = ""
    notes: str = ""  # everything else

    @property
    def text(self) -> str:
        """The parts under their names, each cut to a length that leaves room for the others: for a model."""
        return "\n\n".join(
            f"{title}:\n{_cut(part)}"
            for title, part in (
                ("Dataset", self.dataset),
                ("Model", self.model),
                ("Goal", self.goal),
                ("Hyperparameters", self.hyperparameters),
                ("Notes", self.notes),
            )
            if part
        )


class Lack(NamedTuple):
    """A part that a run cannot do without."""

    part: str  # the field of Description
    question: str
    example: str


_LACKS = (
    Lack(
        "dataset",
        "What is the dataset: how many samples, features and classes?",
        "1,797 grey images of 8x8 pixels in 10 classes, 1,437 of them for training",
    ),
    Lack(
        "model",
        "What is the model: its architecture, how large, how it is trained?",
        "a residual network of three blocks with about 80,000 parameters, trained with Adam",
    ),
    Lack("goal", "What is the goal?", "maximise val_accuracy"),
)


class Told(NamedTuple):
    """A description that lacks nothing, and the goal that it states."""

    description: Description
    goal: Goal
    note: str = ""  # what the user should know of how the two go together


def read_description(about: Path | str) -> Description:
    """The description in a file, or in the text itself.

    A part begins with a heading ("## Dataset") or with a label at the begin of a line or sentence ("Dataset:
    …"); what stands elsewhere are notes. A part may come in pieces, and have headings of its own below it.

    Raises:
        ConfigError: the file cannot be read.
    """
    if isinstance(about, Path):
        return _parsed(_content(about))
    single = about.strip()
    looks_like_a_file = "\n" not in single and single.lower().endswith((".md", ".txt", ".rst"))
    if (looks_like_a_file and " " not in single) or _is_file(single):
        return _parsed(_content(Path(single)))
    return _parsed(about)


def missing(description: Description, goal: str = "") -> tuple[Lack, ...]:
    """What a run lacks; a goal that is given beside the description is there."""
    statement = stated(_goal_text(description))
    clear = statement is not None and bool(statement.metric)
    there = {
        "dataset": bool(description.dataset),
        "model": bool(description.model),
        "goal": bool(goal.strip()) or clear,
    }
    lacks = [lack for lack in _LACKS if not there[lack.part]]
    if statement and not clear:  # that the words are there and are no name is what the user has to know
        question = f"Which metric does {statement.said!r:.80} mean, by its name in what the script writes?"
        lacks = [lack._replace(question=question) if lack.part == "goal" else lack for lack in lacks]
    return tuple(lacks)


def completed(
    description: Description,
    goal: str = "",
    ask: Callable[[Lack], str] | None = None,
    needed: Collection[str] = ("dataset", "model", "goal"),
) -> Told:
    """The description with what it lacked, and the goal.

    Args:
        description: as it was read.
        goal: given beside it. It goes before what the description says, unless the two want the same metric
            in opposite directions.
        ask: puts the question of a lack to the user, where one is there to answer.
        needed: the parts that this run cannot do without.

    Raises:
        ConfigError: something is missing and nobody is asked, or the answer is empty; or the goal cannot be
            read.
    """
    statement, given = stated(_goal_text(description)), goal.strip()
    settled = _settled(statement, given) if given else None  # before anything is asked
    lacks = [lack for lack in missing(description, goal) if lack.part in needed]
    answers = {lack.part: plain(ask(lack)).strip() for lack in lacks} if ask else {}
    if left := [lack for lack in lacks if not answers.get(lack.part)]:
        raise _incomplete(left)
    settled = settled or _settled(statement, answers.get("goal", ""))
    parts = {part: f"{getattr(description, part)}\n{said}".strip() for part, said in answers.items()}
    if not description.goal and "goal" not in parts:
        parts["goal"] = str(settled)
    return Told(replace(description, **parts), settled, _outvoted(statement, settled))


def _settled(statement: Statement | None, given: str) -> Goal:
    """The goal of the description and of what is given beside it. Raises ConfigError if they contradict."""
    if not given:
        assert statement is not None  # or else the goal is missing
        return Goal(statement.metric, statement.maximize)
    goal = read_goal(given)
    if statement and statement.metric == goal.metric and statement.maximize != goal.maximize:
        raise ConfigError(
            f"the task's description says {statement.said!r}, and the goal given beside it is {str(goal)!r}",
            hint="make them the same, or leave one of them out",
        )
    return goal


def _outvoted(statement: Statement | None, goal: Goal) -> str:
    """That the goal goes before another one in the description; empty if that names none, or the same."""
    if statement is None or (statement.metric or goal.metric, statement.maximize) == goal:
        return ""
    return f"the description says {statement.said!r}; what counts is {str(goal)!r}, which was given beside it"


def _goal_text(description: Description) -> str:
    """Where a goal may be stated: in its part, or in a text without any parts."""
    parts = (description.dataset, description.model, description.goal)
    return description.goal if any(parts) else description.notes


def _incomplete(lacks: Sequence[Lack]) -> ConfigError:
    names = " and ".join(filter(None, (", ".join(lack.part for lack in lacks[:-1]), lacks[-1].part)))
    lines = [f"## {lack.part.capitalize()}   ({lack.question})\n    {lack.example}" for lack in lacks]
    return ConfigError(
        f"the task's description lacks: {names}",
        hint="write it into the file of --about, in your own words; for example\n    " + "\n    ".join(lines),
    )


# -- reading ------------------------------------------------------------------------------------


def _is_file(text: str) -> bool:
    try:
        return bool(text) and len(text) < 500 and Path(text).is_file()
    except (OSError, ValueError):
        return False


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read the task's description {path}: {error.strerror or error}",
            hint="give a Markdown file, or the text itself",
        ) from error
    if len(data) > _FILE_BYTES or b"\0" in data:
        raise ConfigError(
            f"{path} is no task description: it is binary or above {_FILE_BYTES // 1_000_000} MB",
            hint="give a Markdown file with the sections Dataset, Model and Goal",
        )
    return data.decode("utf-8-sig", errors="replace")


def _parsed(text: str) -> Description:
    lines = plain(text).strip().split("\n")
    if len(lines) == 1:
        lines = _INLINE.sub("\n", lines[0]).split("\n")
    found: dict[str, list[str]] = {}
    part, level, fence = "notes", 7, ""
    for line in lines:
        opened = _FENCE.match(line)
        if opened:
            fence = "" if fence == opened[1] else fence or opened[1]
        heading = None if fence or opened else _HEADING.fullmatch(line)
        label = None if fence or opened else _LABEL.match(line)
        if heading and (named := _named(heading[2])):
            part, level = named, len(heading[1])
        elif label and (named := _named(label[1])):
            part, level = named, 7
            found.setdefault(part, []).append(line[label.end() :].strip())
        else:
            if heading and len(heading[1]) <= level:
                part, level = "notes", 7
            found.setdefault(part, []).append(line)
    return Description(**{name: "\n".join(lines).strip() for name, lines in found.items()})


def _named(heading: str) -> str | None:
    """The part that a heading opens: case, numbers, emphasis and spelling do not matter."""
    words = re.sub(r"[\W_\d]+", " ", heading.lower()).replace("optimiz", "optimis").split()
    if words and words[0] == "the":
        words = words[1:]
    if words and words[-1] in ("information", "facts", "description"):
        words = words[:-1]
    return _NAMES.get(" ".join(words))


def _cut(text: str) -> str:
    return text if len(text) <= _PART_CHARACTERS else f"{text[: _PART_CHARACTERS - 1]}…"
