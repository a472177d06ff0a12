"""What a command said, without this machine's paths: a run can be mailed, and a model is shown it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from codegen_hpo.objective.process import Ended


def without_paths(ended: Ended, names: Mapping[Path, str]) -> Ended:
    """The same, in which these folders have these names, and the user's home is `~`."""
    return ended._replace(
        output=text_without_paths(ended.output, names),
        complaints=text_without_paths(ended.complaints, names),
        kept_output=_renamed(ended.kept_output, names),
        kept_complaints=_renamed(ended.kept_complaints, names),
    )


def text_without_paths(text: str, names: Mapping[Path, str]) -> str:
    """The same for a text."""
    return _renamed(text.encode(errors="replace"), names).decode(errors="replace")


def _renamed(data: bytes, names: Mapping[Path, str]) -> bytes:
    """The data with other names; of a folder that has two of them, the first one counts."""
    known: dict[bytes, bytes] = {}
    for folder, name in (*names.items(), (Path(os.path.expanduser("~")), "~")):
        for path in (os.path.abspath(folder), os.path.realpath(folder)):
            if path != os.sep:  # the home of a user who has none
                known.setdefault(os.fsencode(path), name.encode())
    if not known:
        return data
    # the longest first: what lies in a home has a name of its own
    either = b"|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    pattern = re.compile(rb"(?<![\w.~-])(?:%b)(?![\w-])" % either)
    return pattern.sub(lambda found: known[found[0]], data)
