"""The test harness: the server under test, assertions, sample files, pagination.

A check that returns has passed. It raises NotSupported if the server lacks the call or ignores an
optional parameter, Deviation if its response deviates from the protocol.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from merlin.core.errors import ConfigError, ProviderBusy, ProviderError, Refused
from merlin.core.json_fields import get_list, get_object
from merlin.core.log import hide_secrets
from merlin.core.network import is_loopback
from merlin.openai_protocol.calls import json_object
from merlin.openai_protocol.errors import NO_MODEL, InvalidResponse, one_line


@dataclass(frozen=True, slots=True)
class Check:
    """One check: `act` takes the server and the results of `needs`; it raises Deviation."""

    name: str
    act: Callable[..., object]
    needs: tuple[Check, ...]


def check(name: str, *needs: Check) -> Callable[[Callable[..., object]], Check]:
    """Return a decorator that turns a function into a check."""
    return lambda act: Check(name, act, needs)


def expect_refusal(
    name: str, statuses: tuple[int, ...], call: Callable[[Server], object], *needs: Check
) -> Check:
    """Return a check that a call is refused with one of `statuses` and an error object."""
    return Check(name, lambda server, *_: require_refusal(lambda: call(server), statuses), needs)


# OpenAI accepts at least 10.
FEW, MANY = 12, 200
EPOCHS, LONG_EPOCHS = 2, 30


def build_training_file(examples: int) -> bytes:
    """Return a training file with this number of conversations, as JSON Lines."""
    lines = ""
    for number in range(1, examples + 1):
        messages = [
            {"role": "system", "content": "Отвечай одним предложением."},
            {"role": "user", "content": f"Чему равен квадрат числа {number}?"},
            {"role": "assistant", "content": f"Квадрат числа {number} равен {number * number}."},
        ]
        lines += f"{json.dumps({'messages': messages}, ensure_ascii=False)}\n"
    return lines.encode()


NO_KEY = "none"
CALL_S = 120.0
_TIMEOUT = httpx2.Timeout(CALL_S, connect=5.0)
MAX_TOKENS = 200
QUESTION = "Назови по порядку дни недели."
_OLD_LIMIT, _NEW_LIMIT = "max_tokens", "max_completion_tokens"
_FORBIDDEN = (401, 403)
# What a URL raises that cannot be sent; a server can name its files and models so.
_NO_REQUEST = (httpx2.InvalidURL, UnicodeEncodeError)
_OK = 200
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=8)


class Server:
    """The server under test; thread-safe."""

    def __init__(self, base_url: str, key: str, timeout_s: float) -> None:
        """Take the URL and the key; `connect` sets `models`, the bases to try.

        `launch_key` is the Idempotency-Key of this run's long job. `idle_jobs` are long jobs that
        no check has used yet.
        """
        self.base_url = base_url
        self.key = key
        self.timeout_s = timeout_s
        self.models: list[str] = []
        self.idle_jobs: list[str] = []
        self.launch_key = f"merlin-test-{secrets.token_hex(8)}"
        self._limit = _OLD_LIMIT
        self._cleanup_calls: list[tuple[str, str]] = []
        is_here = is_loopback(urlsplit(base_url).hostname)
        self.http = httpx2.Client(timeout=_TIMEOUT, limits=_LIMITS, trust_env=not is_here)
        self.sdk = openai.OpenAI(
            base_url=base_url, api_key=key, max_retries=0, timeout=_TIMEOUT, http_client=self.http
        )

    @property
    def model(self) -> str:
        """Return the base model that the checks use."""
        return self.models[0]

    def call(self, method: str, path: str, **options: object) -> httpx2.Response:
        """Send a plain HTTP request; error responses are returned."""
        arguments: dict[str, object] = {"headers": self.build_headers(), **options}
        return self.http.request(method, f"{self.base_url}{path}", **arguments)  # type: ignore[arg-type]

    def build_headers(self) -> dict[str, str]:
        """Return the authorization headers of a plain request."""
        return {"Authorization": f"Bearer {self.key}"}

    def build_question(self, *, most: int = MAX_TOKENS, **options: object) -> dict[str, object]:
        """Return the body of a chat request with one short question; `most` limits the tokens."""
        messages = [{"role": "user", "content": QUESTION}]
        return {"model": self.model, "messages": messages, self._limit: most, **options}

    def ask(self, **options: Any) -> ChatCompletion:
        """Send a short question through the SDK; some models only accept the newer limit."""
        create: Callable[..., ChatCompletion] = self.sdk.chat.completions.create
        try:
            return create(**self.build_question(**options))
        except openai.BadRequestError as error:
            if self._limit == _NEW_LIMIT or _NEW_LIMIT not in str(error):
                raise
            self._limit = _NEW_LIMIT
            return create(**self.build_question(**options))

    def stream(self, **options: Any) -> list[ChatCompletionChunk]:
        """Send a short question with `stream` through the SDK; return all chunks."""
        create: Callable[..., Iterable[ChatCompletionChunk]] = self.sdk.chat.completions.create
        return list(create(**self.build_question(stream=True, **options)))

    def open_stream(self) -> AbstractContextManager[openai.APIResponse[Any]]:
        """Open a streamed chat request and yield the raw response."""
        ask: Callable[..., AbstractContextManager[openai.APIResponse[Any]]] = (
            self.sdk.chat.completions.with_streaming_response.create
        )
        return ask(**self.build_question(stream=True))

    def add_cleanup(self, method: str, path: str) -> None:
        """Register a cleanup request; POST cancels a job."""
        self._cleanup_calls.append((method, path))

    def close(self, *, keep: bool) -> None:
        """Run the cleanup requests, newest first; with `keep` only those that cancel jobs."""
        for method, path in reversed(self._cleanup_calls):
            if method == "POST" or not keep:
                # The checks have reported such a failure already.
                with suppress(httpx2.HTTPError, *_NO_REQUEST):
                    self.call(method, path)
        self.sdk.close()


def connect(url: str, key: str, model: str | None, timeout_s: float) -> Server:
    """Return the server at a URL with or without /v1.

    Raises ConfigError if the URL is invalid, ProviderError if the server cannot be
    reached, Refused if it does not implement the protocol or refuses the key.
    """
    hide_secrets([key])
    for base_url in _list_base_urls(url):
        server = Server(base_url, key or NO_KEY, timeout_s)
        with ExitStack() as unused:
            unused.callback(server.close, keep=True)
            if names := _list_model_names(server):
                server.models = [model] if model else names
                unused.pop_all()
                return server
    raise Refused("no server of the protocol", "provider-test-no-server", url=url)


def _list_model_names(server: Server) -> list[str]:
    """Return the names of the listed models; [] if the response is not a list of models."""
    try:
        answer = server.call("GET", "/models")
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        reason = one_line(f"{type(error).__name__} {error}".strip())
        raise ProviderBusy(f"the provider cannot be reached: {reason}") from error
    except _NO_REQUEST as error:
        raise ProviderError(f"the call cannot be sent: {one_line(str(error))}") from error
    if answer.status_code in _FORBIDDEN:
        raise Refused("the key is refused", "provider-test-key-refused", url=server.base_url)
    try:
        listed = get_list(json_object(answer.content), "data")
    except InvalidResponse:
        return []
    cards = listed if answer.status_code == _OK else []
    return [str(card["id"]) for card in cards if isinstance(card, dict) and card.get("id")]


def _list_base_urls(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        is_good = is_whole and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        is_good = False
    if not is_good:
        raise ConfigError(f"{url} is no URL of a server", "provider-test-bad-url", url=url)
    root = url.rstrip("/")
    return [root] if root.endswith("/v1") else [f"{root}/v1", root]


ABSENT = (404, 405, 501)
INVALID = (400, 422)
NOT_FOUND = (404,)
_PASSED = range(200, 300)
_MAX_DETAIL = 160
_ERROR_FIELDS = ("message", "type", "param", "code")


class Deviation(Exception):
    """The response deviates from the protocol.

    `key` and `arguments` (one line each) are the Fluent message that says how.
    """

    result = "failed"

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(key, arguments)
        self.key = f"provider-test-{key}"
        self.arguments = {name: _to_printable(value) for name, value in arguments.items()}


class NotSupported(Deviation):
    """The server lacks an optional feature, which is not a failure."""

    result = "missing"


def require_equal(field: str, actual: object, expected: object) -> None:
    """Raise Deviation unless a field has the expected value."""
    require(actual == expected, field, actual, expected)


def require_one_of(field: str, actual: object, expected: tuple[str, ...]) -> None:
    """Raise Deviation unless a field has one of the expected values."""
    require(actual in expected, field, actual, " | ".join(expected))


def require(condition: object, field: str, actual: object, expected: object) -> None:
    """Raise Deviation unless `condition`; `expected` is the value or describes it: "> 0"."""
    if not condition:
        raise Deviation("not-same", field=field, found=actual, wanted=expected)


@contextmanager
def allow_missing_call(operation: str) -> Iterator[None]:
    """Convert an error for an unknown call into NotSupported; `operation` is the call's name.

    A 404 that names a parameter is about a missing resource, not about the call.
    """
    try:
        yield
    except openai.APIStatusError as error:
        is_about_call = error.param is None and error.code != NO_MODEL
        if error.status_code in ABSENT and is_about_call:
            raise NotSupported("absent", call=operation, status=error.status_code) from error
        raise


def require_refusal(call: Callable[[], object], statuses: tuple[int, ...]) -> Mapping[str, object]:
    """Raise Deviation unless an SDK call is refused with the protocol's error object."""
    try:
        result = call()
    except openai.APIStatusError as error:
        return require_error_object(error.response, statuses)
    raise Deviation("accepted", wanted=_list_statuses(statuses), found=result)


def require_error_object(
    response: httpx2.Response, statuses: tuple[int, ...]
) -> Mapping[str, object]:
    """Return the error object of a refusal. Raises Deviation for another status or format."""
    call = _describe_call(response)
    if response.status_code in _PASSED:
        raise Deviation("accepted", wanted=_list_statuses(statuses), found=response.text)
    if response.status_code not in statuses:
        raise unexpected_status(response, _list_statuses(statuses))
    kind = response.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise Deviation("error-not-json", call=call, kind=kind)
    error = _parse_error(response)
    lacks = [name for name in _ERROR_FIELDS if name not in error] or [
        name for name in ("message", "type") if not (isinstance(error[name], str) and error[name])
    ]
    if lacks:
        raise Deviation("error-lacks", call=call, field=f"error.{lacks[0]}")
    return error


def unexpected_status(response: httpx2.Response, expected: str = "200") -> Deviation:
    """Return the Deviation for a response with another status than expected."""
    reason = _parse_error(response).get("message") or response.text or "–"
    call, status = _describe_call(response), response.status_code
    return Deviation("status", call=call, status=status, words=reason, wanted=expected)


def _describe_call(response: httpx2.Response) -> str:
    return f"{response.request.method} {response.request.url.path}"


def _parse_error(response: httpx2.Response) -> Mapping[str, object]:
    try:
        return get_object(json_object(response.content), "error")
    except InvalidResponse:
        return {}


def _to_printable(value: object) -> str:
    """Format a value as one short line, without secrets and terminal control characters."""
    printable = one_line(value if isinstance(value, str) and value else repr(value))
    printable = printable if printable.isprintable() else repr(printable)[1:-1]
    return printable if len(printable) <= _MAX_DETAIL else f"{printable[:_MAX_DETAIL]}…"


def _list_statuses(statuses: tuple[int, ...]) -> str:
    return " | ".join(map(str, statuses))


MAX_PAGES = 4
_LIST_LIMIT, _MIN_ENTRIES = 100, 2

# An SDK call that takes `limit` and `after`, and returns a page with `data`.
ListCall = Callable[..., Any]


def check_paging(list_call: ListCall, limit: int) -> None:
    """Raise Deviation unless pages of `limit` entries equal the start of the complete list.

    The list must have at least two entries. Raises NotSupported if the limit is ignored.
    """
    all_ids = _list_ids(list_call(limit=_LIST_LIMIT))
    require(len(all_ids) >= _MIN_ENTRIES, "data", len(all_ids), f">= {_MIN_ENTRIES}")
    paged: list[str] = []
    for _ in range(MAX_PAGES):
        page = list_call(limit=limit, **({"after": paged[-1]} if paged else {}))
        page_ids = _list_ids(page)
        if len(page_ids) > limit:
            raise NotSupported("unheeded", what=f"limit={limit}")
        paged += page_ids
        if repeated_ids := [name for name in page_ids if paged.count(name) > 1]:
            raise Deviation("page-double", id=repeated_ids[0])
        if not page.has_more or not page_ids:
            break
    require(len(paged) >= _MIN_ENTRIES, "data", len(paged), f">= {_MIN_ENTRIES}")
    for walked, listed in zip_longest(paged, all_ids[: limit * MAX_PAGES]):
        if listed is not None and walked != listed:
            raise Deviation("page-gap", id=listed)


def _list_ids(page: Any) -> list[str]:
    return [str(item.id) for item in page.data]
