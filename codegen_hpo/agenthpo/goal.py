"""What a user wants of a metric: that it be high, or low."""

import re
from typing import NamedTuple

from codegen_hpo.errors import ConfigError

_HIGH = ("maximise", "maximize", "maximising", "maximizing", "max", "highest", "maximum", "maximal")
_LOW = ("minimise", "minimize", "minimising", "minimizing", "min", "lowest", "minimum", "minimal")
_NAME = r"`([^`\n]{1,100})`|\"([^\"\n]{1,100})\"|'([^'\n]{1,100})'|([^\s`\"',;()]{0,99}[^\s`\"',;().:!?])"
_STATED = re.compile(rf"\b({'|'.join(_HIGH + _LOW)})\b\s*:?\s+(?:the\s+)?(?!of\b)(?:{_NAME})", re.IGNORECASE)
# what may follow the name of a metric and is no part of it
_GOES_ON = re.compile(
    r"[ \t]*(\Z|[\n.,;:!?(–—-]|(?:on|of|over|for|in|by|at|after|while|within|as|and|with|under|from|to)\b)",
    re.IGNORECASE,
)
_FORMS = '"maximise val_accuracy" or "minimise val_loss"'


class Goal(NamedTuple):
    """A metric under the name that the script gives it, and its direction."""

    metric: str
    maximize: bool

    def __str__(self) -> str:
        return f"{'maximise' if self.maximize else 'minimise'} {self.metric}"


class Statement(NamedTuple):
    """The first goal that a text states; what it says after that are wishes that a model may read."""

    said: str  # its words, on one line
    metric: str  # empty if it is several words that are not quoted, so that its name cannot be told
    maximize: bool


def read_goal(text: str) -> Goal:
    """The goal that the text is, as in "maximise val_accuracy". Raises ConfigError if it is none."""
    statement = stated(text)
    if statement is None:
        raise ConfigError(
            f"the goal {text.strip()!r:.200} does not say what to do with which metric",
            hint=f"write {_FORMS}, with the metric's name as the script writes it",
        )
    if not statement.metric:
        raise ConfigError(
            f"the goal {text.strip()!r:.200} names its metric in several words",
            hint=f"write the name as the script writes it, as in {_FORMS}; one with spaces in backquotes",
        )
    return Goal(statement.metric, statement.maximize)


def stated(text: str) -> Statement | None:
    """The first goal that the text states; None if it states none."""
    found = _STATED.search(text)
    if found is None:
        return None
    verb, *quoted, word = found.groups()
    metric = next(filter(None, quoted), "").strip()
    if word and _GOES_ON.match(text, found.end()):
        metric = word
    return Statement(" ".join(found[0].split()), metric, verb.lower() in _HIGH)
