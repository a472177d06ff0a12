"""What can go wrong between a request and its reply, whatever the client library, and how it is explained."""

import re
from typing import Literal, NamedTuple

from codegen_hpo.errors import EndpointError
from codegen_hpo.llm.endpoint import Endpoint

Kind = Literal["status", "connection", "body", "cut", "deadline"]

_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|billing|insufficient.{0,10}(credit|balance|funds)", re.I
)
_RETRIED = frozenset({408, 409, 429})


class Refusal(NamedTuple):
    """What the server said when it refused: parts may be empty."""

    status: int  # 0 when an error came inside a stream without a number
    code: str
    param: str
    message: str
    retry_after_s: float | None = None
    generation: str = ""  # the model's text that the server could not read as a tool call


class WireError(Exception):
    """A request that brought no usable reply. Internal to `llm`: callers of the client see EndpointError."""

    def __init__(self, kind: Kind, message: str, refusal: Refusal | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.refusal = refusal

    @property
    def quota(self) -> bool:
        """Whether money is missing: some servers say so with the status of a rate limit."""
        refusal = self.refusal
        if refusal is None or refusal.status not in (0, 402, 403, 429):
            return False
        return refusal.status == 402 or bool(_QUOTA.search(f"{refusal.code} {refusal.message}"))

    @property
    def certificate(self) -> bool:
        """Whether the server's certificate was not accepted: it will not be the next time either."""
        return self.kind == "connection" and "CERTIFICATE_VERIFY_FAILED" in self.message

    @property
    def transient(self) -> bool:
        """Whether asking again may help."""
        if self.kind == "deadline" or self.quota or self.certificate:
            return False
        if self.refusal is None:
            return True
        status = self.refusal.status
        return status in _RETRIED or status >= 500 or status == 0

    @property
    def retry_after_s(self) -> float | None:
        """The wait that the server asked for."""
        return self.refusal.retry_after_s if self.refusal else None


def plain(text: str, endpoint: Endpoint, limit: int = 300) -> str:
    """Text of a server on one line, without control characters and without the key."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if endpoint.secret:
        line = line.replace(endpoint.secret, "[key]")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def explain(
    fault: WireError, endpoint: Endpoint, *, attempts: int, note: str = "", models: str = ""
) -> EndpointError:
    """The error for the user: what, where, after how many attempts, and what to do.

    `note` says why no further attempt was made; `models` is what the endpoint offers, when that is known.
    """
    tries = f" after {attempts} attempts" if attempts > 1 else ""
    what = f"{plain(fault.message, endpoint)}{tries}{f' ({note})' if note else ''}"
    return EndpointError(f"{endpoint.url}: {what}", hint=_hint(fault, endpoint, models))


def _hint(fault: WireError, endpoint: Endpoint, models: str) -> str:
    status = fault.refusal.status if fault.refusal else None
    if fault.quota:
        return "the account's quota or credit is used up: add credit, or use another endpoint with --base-url"
    if status in (401, 403):
        given = "is not accepted here" if endpoint.secret else "is not set"
        return f"OPENAI_API_KEY {given}: set the key of this endpoint in the environment"
    if status == 404:
        offered = f"it offers {models}" if models else "most base URLs end in /v1"
        return f"check the model's name ({endpoint.model}) and the base URL: {offered}"
    if status == 429:
        return "the endpoint limits the rate of requests: resume the run later, or use another endpoint"
    if status is not None and 400 <= status < 500:
        return "the endpoint does not accept the request: codegen-hpo doctor shows what it can do"
    if fault.certificate:
        return "if the server's certificate is your own, name its authority's file in SSL_CERT_FILE"
    if fault.kind == "connection":
        return "is the server running, and is the base URL (--base-url or OPENAI_BASE_URL) right?"
    if fault.kind == "deadline":
        return (
            "the model is too slow for the time one reply may take, or the server hangs: try a smaller model"
        )
    if fault.kind in ("body", "cut"):
        return "is the base URL that of an OpenAI-compatible API? Most end in /v1"
    return "the endpoint is failing: resume the run later, or use another endpoint"
