"""What a server's error says, gathered from the shapes that servers give it."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from codegen_hpo.llm.faults import Refusal


def read_refusal(error: openai.APIError, status: int) -> Refusal:
    """The refusal of an error response, or of an error object in a stream or a 200 (status 0)."""
    headers: Mapping[str, str] = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    return refusal_of(error.body, status, headers)


def refusal_of(body: object, status: int, headers: Mapping[str, str]) -> Refusal:
    """The parts of an error body: a mapping, plain text or nothing."""
    if not isinstance(body, Mapping):
        return Refusal(status, "", "", _page(body), retry_after_s(headers))
    code = body.get("code") or body.get("type") or ""
    if not status and str(code).isdigit() and 400 <= int(str(code)) < 600:
        status = int(str(code))
    message, param = body.get("message"), body.get("param")
    detail = body.get("detail")  # FastAPI's form, which several proxies pass on
    if isinstance(detail, list) and detail and isinstance(detail[0], Mapping):
        location = [str(part) for part in detail[0].get("loc", ()) if part != "body"]
        message, param = detail[0].get("msg"), ".".join(location)
        code = detail[0].get("type") or code
    elif message is None:
        message = detail if isinstance(detail, str) else body.get("error")
    return Refusal(
        status=status,
        code=str(code),
        param=param if isinstance(param, str) else "",
        message=str(message or "no explanation"),
        retry_after_s=retry_after_s(headers),
        generation=str(body.get("failed_generation") or ""),
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait that response headers ask for: Retry-After in seconds or as a date, or retry-after-ms."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        # the server's own clock, where it tells it: ours may be wrong
        now = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value else math.nan
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _page(body: Any) -> str:
    text = body if isinstance(body, str) else ""
    if "<html" in text[:500].lower():
        return "an HTML page instead of an API's answer"
    return text.strip() or "no explanation"
