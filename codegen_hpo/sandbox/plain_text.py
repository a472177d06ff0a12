"""Text of a sandbox made fit for a terminal, a record and a prompt."""

import re
import unicodedata

# CSI and OSC sequences, then any other escape of two characters
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)", re.DOTALL)
# control characters but tab and newline, separators of lines, surrogates; and the format characters, which
# turn the direction of writing around, or hold text that a reader does not see and a model does
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

ERROR_BYTES = 2000


def plain(text: str) -> str:
    """The text without escape sequences and control characters; line ends become newlines."""
    text = _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _HIDDEN)


def short(text: str, limit_bytes: int = ERROR_BYTES) -> str:
    """The plain text within the limit. The end is kept, where the message of an exception is."""
    data = plain(text).strip().encode()
    if len(data) <= limit_bytes:
        return data.decode()
    mark = "…\n"
    return mark + data[-(limit_bytes - len(mark.encode())) :].decode(errors="ignore")
