"""A profile as lines of text, one a column."""

from codegen_hpo.table.profile import FEATURES, Column, Profile

MOST_LINES = 40


def column_lines(profile: Profile) -> list[str]:
    """One line a column, at most `MOST_LINES` and a line that counts the others."""
    shown = profile.columns[:MOST_LINES]
    width = min(28, max(len(_name(column)) for column in shown))
    lines = [f"  {_name(column):{width}}  {column.kind:11}  {_told(column)}" for column in shown]
    rest = profile.columns[MOST_LINES:]
    if rest:
        used = sum(column.kind in FEATURES for column in rest)
        lines.append(f"  … and {len(rest)} more columns, {used} of them used")
    return lines


def _name(column: Column) -> str:
    printable = "".join(character if character.isprintable() else "�" for character in column.name)
    return printable if len(printable) <= 28 else printable[:27] + "…"


def _told(column: Column) -> str:
    missing = f"; {column.missing_share:.1%} missing" if column.missing_share else ""
    span = f"; {column.quantiles[0]:g} to {column.quantiles[-1]:g}" if column.quantiles else ""
    return f"{column.reason}{span}{missing}"
