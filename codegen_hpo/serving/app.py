"""The HTTP service: POST /predict, GET /health, /version, /openapi.json and /docs."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version as version_of
from typing import Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect

from codegen_hpo.errors import SandboxError
from codegen_hpo.loaded_model import LoadedModel
from codegen_hpo.predict import typed
from codegen_hpo.serving.columns import Cell, input_columns
from codegen_hpo.serving.example import PREDICT
from codegen_hpo.serving.page import documentation
from codegen_hpo.serving.requests import InvalidRequestError, RowReader
from codegen_hpo.serving.schema import answer_schema, request_schema
from codegen_hpo.trained_model import Floats

MOST_ROWS = 1_000  # of a request
_ROW_BYTES, _LEAST_BYTES, _MOST_BYTES = 16 << 10, 1 << 20, 64 << 20  # a body may have so many for each row
_BODY_S = 30.0  # until a body is there
_AT_ONCE = 32  # predictions under way: each holds a body in memory, and the model takes one after the other
_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """A request that is not looked at any further."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Turns:
    """How many requests are under way."""

    def __init__(self, most: int) -> None:
        self._most, self._taken = most, 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Raises _RefusedError where there are too many."""
        if self._taken >= self._most:
            raise _RefusedError(503, f"{self._most} requests are under way: ask again")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


def make_app(
    model: LoadedModel,
    about: Mapping[str, Any],
    example: Mapping[str, Cell],
    *,
    most_rows: int = MOST_ROWS,
    at_once: int = _AT_ONCE,
    hosts: Sequence[str] = ("127.0.0.1", "localhost"),
) -> FastAPI:
    """The service. The model is opened when it starts and closed when it ends.

    Args:
        model: predicts.
        about: what /version tells beside the package's version.
        example: a row that the description shows.
        most_rows: of a request.
        at_once: requests under way; one more is answered 503.
        hosts: names by which it may be called; another one is refused, for a page of the web may have made a
            name of its own lead here.
    """

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(model.open)
        try:
            yield
        finally:
            ending.set()
            await run_in_threadpool(model.close)

    trained = model.trained
    columns = input_columns(trained.read_encoding())
    reader = RowReader(columns, most_rows)
    turns = _Turns(at_once)
    ending, alone = threading.Event(), threading.Lock()
    body_bytes = min(_MOST_BYTES, max(_LEAST_BYTES, most_rows * _ROW_BYTES))
    app = FastAPI(
        title=f"Predictions of {trained.target}"[:200],
        version=version_of("codegen-hpo"),
        docs_url=None,  # FastAPI's own pages load scripts from the web
        redoc_url=None,
        lifespan=life,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))

    @app.exception_handler(_RefusedError)
    async def refused(_: Request, error: _RefusedError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status, headers={"Connection": "close"})

    @app.exception_handler(InvalidRequestError)
    async def invalid(_: Request, error: InvalidRequestError) -> JSONResponse:
        return JSONResponse({"detail": error.errors}, 422)

    @app.exception_handler(SandboxError)
    async def broken(_: Request, error: SandboxError) -> JSONResponse:
        _log.error("%s", error)  # it may tell of this machine, and of the model's code
        return JSONResponse({"detail": "the model's process cannot be used now"}, 503)

    def predicted(body: bytes) -> Floats:
        rows = reader.read(body)
        with alone:
            if ending.is_set():  # those that waited must not open the model again
                raise _RefusedError(503, "the service ends")
            return model.predict(rows)

    @app.post(
        PREDICT,
        openapi_extra=request_schema(columns, example, most_rows),
        responses=answer_schema(trained),
    )
    async def predict(request: Request) -> JSONResponse:
        """Predict rows."""
        with turns.take():
            body = await _body(request, body_bytes)
            try:
                found = await run_in_threadpool(predicted, body)
            except asyncio.CancelledError:
                raise _RefusedError(503, "the service ends") from None
        if not trained.classes:
            return JSONResponse({"target": trained.target, "predictions": found.tolist()})
        classes = typed(trained.classes)
        return JSONResponse(
            {
                "target": trained.target,
                "predictions": [classes[code] for code in found.argmax(axis=1)],
                "probabilities": [dict(zip(trained.classes, row, strict=True)) for row in found.tolist()],
            }
        )

    @app.get("/health")
    def health() -> dict[str, str]:
        """Whether the model is loaded. One that is not is loaded now."""
        if not model.is_open:
            model.open()
        return {"status": "ok"}

    @app.get("/version")
    def version() -> dict[str, Any]:
        """What is served."""
        return {"codegen_hpo": app.version, "target": trained.target, "kind": trained.kind, **about}

    @app.get("/docs", include_in_schema=False, response_class=HTMLResponse)
    @app.get("/", include_in_schema=False, response_class=HTMLResponse)
    def docs(request: Request) -> Response:
        return documentation(trained, columns, most_rows, example, str(request.base_url).rstrip("/"))

    return app


async def _body(request: Request, most: int) -> bytes:
    """The request's body. Raises _RefusedError for one that is too long, too slow or not JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        # a page of the web may send plain text here without asking, JSON it may not
        raise _RefusedError(415, "the body must be JSON, with the header Content-Type: application/json")
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise _RefusedError(413, f"the body has more than {most} bytes")
    except ClientDisconnect:
        raise _RefusedError(400, "the body broke off") from None
    except TimeoutError:
        raise _RefusedError(408, f"the body did not come within {_BODY_S:.0f} s") from None
    return bytes(body)
