"""Finds columns by name and says which one was meant."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from codegen_hpo.errors import DataError


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint that ends with the nearest known name, or with a few of them when none is near."""
    names = list(known)
    lower = {candidate.lower(): candidate for candidate in reversed(names)}
    near = get_close_matches(name, names, n=1) or get_close_matches(name.lower(), list(lower), n=1)
    if near:
        return f"Did you mean {lower.get(near[0], near[0])!r}?"
    shown = ", ".join(repr(candidate) for candidate in names[:12])
    return f"Known: {shown}{', …' if len(names) > 12 else ''}."


def require_columns(names: Sequence[str], known: Sequence[str], role: str) -> None:
    """Raises DataError naming the first name that is no column, with the nearest one that is."""
    for name in names:
        if name not in known:
            raise DataError(f"{role}: the table has no column {name!r}", hint=did_you_mean(name, known))


def refuse_duplicates(names: list[str], table: str) -> None:
    """Raises DataError when two columns have the same name."""
    seen: set[str] = set()
    twice = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
    if twice:
        shown = ", ".join(f"{name!r:.60}" for name in dict.fromkeys(twice[:5]))
        raise DataError(f"{table}: several columns have the same name: {shown}", hint="Rename them.")
