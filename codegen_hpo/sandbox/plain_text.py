"""Text of a sandbox made fit for a terminal, a record and a prompt."""

import re

# CSI and OSC sequences, then any other escape of two characters
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)", re.DOTALL)
# control characters but tab and newline, and those that turn the direction of writing around
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

ERROR_BYTES = 2000


def plain(text: str) -> str:
    """The text without escape sequences and control characters; line ends become newlines."""
    text = _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL.sub("", text)


def short(text: str, limit_bytes: int = ERROR_BYTES) -> str:
    """The plain text within the limit. The end is kept, where the message of an exception is."""
    data = plain(text).strip().encode()
    if len(data) <= limit_bytes:
        return data.decode()
    mark = "…\n"
    return mark + data[-(limit_bytes - len(mark.encode())) :].decode(errors="ignore")
