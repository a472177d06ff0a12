"""How values and foreign texts are written for a person."""

import re

# control characters but tab and newline, and what hides a text or turns its direction around
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


def plain(text: object) -> str:
    """Text of a model, a table or a file name, without control characters: safe to print."""
    return _CONTROL.sub("�", str(text))


def number(value: object) -> str:
    """A cell: numbers with five significant digits, a dash for nothing."""
    if value is None:
        return "–"
    return f"{value:z.5g}" if isinstance(value, float) else plain(value)


def signed(difference: float) -> str:
    """ "+0.038", "-0.0306", "+0"."""
    return f"{difference:+z.3g}"


def counted(count: int, noun: str) -> str:
    """ "1 trial", "2 trials"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def without_password(text: str) -> str:
    """The text without the users and passwords of the addresses in it, also those in an address's query."""
    text = re.sub(r"//[^/\s]*@", "//", text)
    return re.sub(r"(?i)([?&][^=&\s]*(?:password|passwd|pwd|secret|token|key)[^=&\s]*=)[^&\s]*", r"\1…", text)
