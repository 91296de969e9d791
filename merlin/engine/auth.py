"""Authentication, ownership checks and token metering of API requests.

A client sees only its own files, jobs and tuned models; the engine's own key
gives access to everything. Resources of another client are answered with 404, so that their
existence is not revealed.
"""

import asyncio
import hmac
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.core.network import is_loopback
from merlin.core.server import head_as_get
from merlin.core.tracing import caller_context, open_span
from merlin.engine import training_file
from merlin.engine.clients import PREFIX, Client, TokenReservation
from merlin.engine.context import Engine, get_engine
from merlin.engine.database import read_object
from merlin.engine.job_events import ENGLISH
from merlin.engine.serving.base import Chunk, Embedding, Finish, GenerationRequest
from merlin.openai_protocol.errors import ApiError, unknown_model

log = get_logger(__name__)

AnswerStream = AsyncGenerator[Chunk | Finish, None]
# The estimated answer length in tokens if the request sets no limit.
DEFAULT_ANSWER_TOKENS = 1000
# By path parameter: the table.
_OWNED = {"file_id": "file", "job_id": "job"}


def make_wrong_key_error() -> ApiError:
    """Return the error for a missing or wrong API key."""
    message = "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
    return ApiError(401, message)


def get_client(request: Request) -> Client | None:
    """Return the client of a request, None for the engine's own key."""
    client: Client | None = request.scope.get("state", {}).get("client")
    return client


def get_owner(request: Request) -> str:
    """Return the owner id of a request, "" for the engine's own key.

    In lists "" means all owners.
    """
    client = get_client(request)
    return client.client_id if client else ""


def check_owner(request: Request) -> None:
    """Raise ApiError 404 if the path names another owner's resource; a dependency of all routes."""
    client, engine = get_client(request), get_engine(request)
    if client is not None:
        for param, name in request.path_params.items():
            _check_access(engine, client, param, str(name))


async def check_model(request: Request, model: str) -> None:
    """Raise ApiError 404 if the model belongs to another client."""
    client, engine = get_client(request), get_engine(request)
    if client is not None:
        await run_in_threadpool(_check_access, engine, client, "name", model)


def meter_stream(
    request: Request, generation: GenerationRequest, stream: AnswerStream
) -> AnswerStream:
    """Return the stream with token metering; a cancelled answer counts what was sent.

    The first iteration raises ApiError 429 if the client's daily tokens are used up.
    """
    client = get_client(request)
    if client is None:
        return stream
    prompt_tokens = training_file.count_messages(generation.messages)
    estimate = prompt_tokens + (generation.most_tokens or DEFAULT_ANSWER_TOKENS)
    reservation = TokenReservation(get_engine(request).clients, client, estimate)
    return _meter(reservation, prompt_tokens, stream)


async def _meter(
    reservation: TokenReservation, prompt_tokens: int, stream: AnswerStream
) -> AnswerStream:
    pieces = 0
    try:
        await run_in_threadpool(reservation.take)
        async for part in stream:
            if isinstance(part, Finish):
                tokens = part.prompt_tokens + part.completion_tokens
                await run_in_threadpool(reservation.settle, tokens)
            pieces += 1
            yield part
    finally:
        _settle_later(reservation, prompt_tokens + pieces if pieces else 0)
        await stream.aclose()


async def meter_embeddings(
    request: Request, texts: Sequence[str], embed: Callable[[Sequence[str]], Awaitable[Embedding]]
) -> Embedding:
    """Return the vectors of texts with token metering. Raises ApiError 429 as `meter_stream`."""
    client = get_client(request)
    if client is None:
        return await embed(texts)
    reservation = TokenReservation(
        get_engine(request).clients, client, sum(map(training_file.count_tokens, texts))
    )
    try:
        await run_in_threadpool(reservation.take)
        embedded = await embed(texts)
        await run_in_threadpool(reservation.settle, embedded[1])
        return embedded
    finally:
        _settle_later(reservation, 0)


def _settle_later(reservation: TokenReservation, count: int) -> None:
    """Settle the reservation without awaiting: this task can be cancelled already."""
    asyncio.get_running_loop().run_in_executor(None, reservation.settle, count)


def _check_access(engine: Engine, client: Client, param: str, name: str) -> None:
    database = engine.repositories.database
    if param == "name":
        sql = "SELECT job.owner FROM model JOIN job ON job.id = job_id WHERE model.name = ?"
        if name not in engine.bases and database.find_row(sql, name) != {"owner": client.client_id}:
            raise unknown_model(name)
        return
    read_object(database, _OWNED[param], name, client.client_id)


_PROTECTED_PREFIX = "/v1"


class RequestGuard:
    """Middleware: checks the API key of /v1 requests in constant time, and rate limits.

    If the engine has no key, requests by pages of other sites are rejected. The engine's own key
    has no limits. A client is stored in the request's state as `client`. A bug is answered with 500
    here, so that it is counted too.
    """

    def __init__(self, app: ASGIApp, key: str, calls: Counter[tuple[str, int]]) -> None:
        self._app = app
        self._key = key.encode()
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[str, str] = {"x-request-id": f"req_{secrets.token_hex(12)}"}
        request_scope, send_answer = head_as_get(scope, send)
        is_started = False

        async def send_counted(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                self._calls[scope["method"], message["status"]] += 1
                MutableHeaders(scope=message).update(headers)
            await send_answer(message)

        try:
            if not self._key:
                _refuse_other_sites(Headers(scope=scope))
            if scope["path"].startswith(_PROTECTED_PREFIX):
                headers |= await self._admit(scope)
            await self._answer(request_scope, receive, send_counted)
        except ApiError as refused:
            refusal = refused
        except Exception as error:
            if is_started:  # partly sent: only closing the connection shows the error
                raise
            log.exception("a call failed", path=scope["path"])
            message = text(ENGLISH, "engine-bug", kind=type(error).__name__)
            refusal = ApiError(500, message, code="server_error")
        else:
            return
        answer = JSONResponse(refusal.as_json(), refusal.status, refusal.headers)
        await answer(scope, receive, send_counted)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_headers = Headers(scope=scope)
        if "traceparent" not in request_headers:
            await self._app(scope, receive, send)
            return
        # The span name includes the id of a job or file.
        with open_span(
            f"{scope['method']} {scope['path']}",
            context=caller_context(request_headers),
            kind=SpanKind.SERVER,
        ):
            await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> Mapping[str, str]:
        """Return the rate limit headers. Raises ApiError 401 or 429."""
        scheme, _, credential = Headers(scope=scope).get("authorization", "").partition(" ")
        key = credential.strip() if scheme.lower() == "bearer" else None
        # latin-1 restores the header's bytes; a wrong key can contain any byte
        is_owner = hmac.compare_digest((key or "").encode("latin-1"), self._key)
        if key is not None and key.startswith(PREFIX) and not is_owner:
            engine = cast("Engine", scope["app"].state.engine)
            client, headers = await run_in_threadpool(engine.clients.admit, key)
            scope.setdefault("state", {})["client"] = client
            return headers
        if self._key and not (is_owner and key is not None):
            raise make_wrong_key_error()
        return {}


def _refuse_other_sites(headers: Headers) -> None:
    """Raise ApiError 403 for a request by a page of another site, if there is no key.

    A browser on this machine connects from the loopback address. DNS rebinding is visible in the
    Host header, a cross-site request in Origin.
    """
    for name, url in (("host", f"//{headers.get('host', '')}"), ("origin", headers.get("origin"))):
        try:
            is_here = is_loopback(urlsplit(url or "").hostname)
        except ValueError:  # an invalid IPv6 address
            is_here = False
        if name in headers and not is_here:
            message = (
                f"This engine has no key, so it answers this machine alone; see {name.title()}."
            )
            raise ApiError(403, message, code="foreign_call")
