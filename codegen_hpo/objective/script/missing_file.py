"""The file that a script misses because it runs in a copy of its folder."""

import os
import re
from pathlib import Path, PurePosixPath

_MISSED = re.compile(r"^\S*FileNotFoundError: [^\n]{0,200}?'([^'\n]{1,200})'[ \t]*$", re.MULTILINE)
_SEARCHED_CHARACTERS = 4000  # at the end of what was said


def missed_in_copy(complaints: str, original: Path, *, walled: bool) -> str:
    """Why a file is not there that is where the user runs the script; empty if it is for no such reason.

    Args:
        complaints: of the script, with "." for its copy and RUN for the run's folder.
        original: the script's folder.
        walled: whether the script sees nothing but the copy.
    """
    missed = _MISSED.findall(complaints[-_SEARCHED_CHARACTERS:])
    name = os.path.normpath(missed[-1]) if missed else ""
    if not name or os.path.isabs(name):
        return ""
    if PurePosixPath(name).parts[:1] in (("..",), ("RUN",)):
        advice = "choose a --folder that holds it" if walled else "name it by its whole path"
        return f"{missed[-1]} is outside of the copy of the folder in which the script runs: {advice}"
    if os.path.lexists(original / name):
        return f"{missed[-1]} is not in the copy of the folder in which the script runs: it is left out"
    return ""
