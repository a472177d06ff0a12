"""How objects show themselves in a notebook: HTML in which every text is escaped."""

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from codegen_hpo.shown import plain


def shown_html(
    title: object, lines: Iterable[object], columns: Sequence[object], rows: Iterable[Sequence[object]]
) -> str:
    """A title, a few lines and a table, without any style of their own: the notebook has one."""
    text = Markup("").join(Markup("<div>{}</div>").format(plain(line)) for line in lines)
    head = Markup("").join(Markup("<th>{}</th>").format(plain(name)) for name in columns)
    body = Markup("").join(Markup("<tr>{}</tr>").format(_cells(row)) for row in rows)
    table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)
    return str(Markup("<div><strong>{}</strong>{}{}</div>").format(plain(title), text, table))


def _cells(row: Sequence[object]) -> Markup:
    return Markup("").join(Markup("<td>{}</td>").format(plain(cell)) for cell in row)
