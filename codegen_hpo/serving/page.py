"""The service's documentation as one page, which loads nothing from elsewhere."""

import secrets
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from codegen_hpo.serving.columns import Cell, InputColumn
from codegen_hpo.serving.example import curl, request_body
from codegen_hpo.trained_model import TrainedModel


def documentation(
    trained: TrainedModel,
    columns: Sequence[InputColumn],
    most_rows: int,
    example: Mapping[str, Cell],
    url: str,
) -> HTMLResponse:
    """The page: what is predicted, the columns of a row, a form and a command to try it.

    Names of columns and classes are the table's, and may be hostile: they are escaped, and no script but the
    page's own is run.

    Args:
        trained: what is served.
        columns: of a row.
        most_rows: of a request.
        example: a row that the form begins with.
        url: of the service, as it was called.
    """
    nonce = secrets.token_urlsafe(16)
    html = _template().render(
        trained=trained,
        columns=columns,
        most_rows=most_rows,
        example=request_body(example, indent=1),
        command=curl(url, example),
        nonce=nonce,
    )
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        html, headers={"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("documentation.html.j2")
