"""The test harness: the server under test, assertions, sample files, pagination.

A check that returns has passed. It raises Missing if the server lacks the call or ignores an
optional parameter, Wrong if its response deviates from the protocol.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from merlin.core.errors import ConfigError, ProviderBusy, ProviderError, Refused
from merlin.core.log import hide_secrets
from merlin.core.loopback import is_loopback
from merlin.openai_protocol.errors import NO_MODEL, one_line


@dataclass(frozen=True, slots=True)
class Check:
    """`act` takes the server and what each of `needs` returned; it raises Wrong or Missing."""

    name: str
    act: Callable[..., object]
    needs: tuple[Check, ...]


def check(name: str, *needs: Check) -> Callable[[Callable[..., object]], Check]:
    """Return a decorator that turns a function into a check."""
    return lambda act: Check(name, act, needs)


def refuses(
    name: str, wanted: tuple[int, ...], call: Callable[[Server], object], *needs: Check
) -> Check:
    """Return a check that a call fails with one of these statuses and an error object."""
    return Check(name, lambda server, *_: require_refusal(lambda: call(server), wanted), needs)


# The fewest that OpenAI takes are 10.
FEW, MANY = 12, 200
EPOCHS, LONG_EPOCHS = 2, 30


def training_file(examples: int) -> bytes:
    """Return JSON Lines of so many conversations."""
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
_OK = 200
_ANY_NUMBER = httpx2.Limits(max_connections=None, max_keepalive_connections=8)


class Server:
    """The server under test; thread-safe."""

    def __init__(self, base_url: str, key: str, timeout_s: float) -> None:
        """Take where it is; `models`, the bases to try, and `idle_jobs` follow.

        `launch_key` is the Idempotency-Key of this run's long job.
        """
        self.base_url = base_url
        self.key = key
        self.timeout_s = timeout_s
        self.models: list[str] = []
        self.idle_jobs: list[str] = []
        self.launch_key = f"merlin-test-{secrets.token_hex(8)}"
        self._limit = _OLD_LIMIT
        self._left: list[tuple[str, str]] = []
        # Own resources to close at the end.
        self.open = ExitStack()
        # Whether it is on this machine, so that it can reach our receiver.
        self.is_here = is_loopback(urlsplit(base_url).hostname)
        self.http = httpx2.Client(timeout=_TIMEOUT, limits=_ANY_NUMBER, trust_env=not self.is_here)
        self.sdk = openai.OpenAI(
            base_url=base_url,
            api_key=key,
            max_retries=0,
            timeout=_TIMEOUT,
            http_client=self.http,
        )

    @property
    def model(self) -> str:
        """Return the base model that is tuned and asked."""
        return self.models[0]

    def call(self, method: str, path: str, **options: object) -> httpx2.Response:
        """Send a plain HTTP request; error responses are returned."""
        arguments: dict[str, object] = {"headers": self.headers(), **options}
        return self.http.request(method, f"{self.base_url}{path}", **arguments)  # type: ignore[arg-type]

    def headers(self) -> dict[str, str]:
        """Return the authorization headers of a plain request."""
        return {"Authorization": f"Bearer {self.key}"}

    def question(self, *, most: int = MAX_TOKENS, **options: object) -> dict[str, object]:
        """Return the body of a chat call with one short question; `most` tokens may answer."""
        messages = [{"role": "user", "content": QUESTION}]
        return {"model": self.model, "messages": messages, self._limit: most, **options}

    def ask(self, **options: Any) -> ChatCompletion:
        """Ask a short question through the SDK; some models know only the newer limit's name."""
        create: Callable[..., ChatCompletion] = self.sdk.chat.completions.create
        try:
            return create(**self.question(**options))
        except openai.BadRequestError as error:
            if self._limit == _NEW_LIMIT or _NEW_LIMIT not in str(error):
                raise
            self._limit = _NEW_LIMIT
            return create(**self.question(**options))

    def stream(self, **options: Any) -> list[ChatCompletionChunk]:
        """Ask a short question with `stream` through the SDK; return every chunk."""
        create: Callable[..., Iterable[ChatCompletionChunk]] = self.sdk.chat.completions.create
        return list(create(**self.question(stream=True, **options)))

    def streamed(self) -> AbstractContextManager[openai.APIResponse[Any]]:
        """Open a streamed chat request and yield the raw response."""
        ask: Callable[..., AbstractContextManager[openai.APIResponse[Any]]] = (
            self.sdk.chat.completions.with_streaming_response.create
        )
        return ask(**self.question(stream=True))

    def undo_at_end(self, method: str, path: str) -> None:
        """Register a cleanup request; POST cancels a job."""
        self._left.append((method, path))

    def close(self, *, keep: bool) -> None:
        """Run the cleanup requests, newest first; with `keep` only those that cancel jobs."""
        for method, path in reversed(self._left):
            if method == "POST" or not keep:
                try:
                    self.call(method, path)
                except httpx2.HTTPError:  # it is gone, or broken: the checks have said so
                    continue
        self.open.close()
        self.sdk.close()


def connect(url: str, key: str, model: str | None, timeout_s: float) -> Server:
    """Return the server at a URL that is given with or without /v1.

    Raises ConfigError for a wrong URL, ProviderError where nobody answers, Refused where what
    answers is no server of the protocol or refuses the key.
    """
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("OPENAI_API_KEY fits into no header", "provider-test-bad-key")
    hide_secrets([key])
    for base_url in _candidates(url):
        server = Server(base_url, key or NO_KEY, timeout_s)
        try:
            names = _model_names(server)
        except BaseException:
            server.close(keep=True)
            raise
        if names:
            server.models = [model] if model else names
            return server
        server.close(keep=True)
    raise Refused("no server of the protocol", "provider-test-no-server", url=url)


def _model_names(server: Server) -> list[str]:
    """Return the models that the server lists; none where what answers is no such list."""
    try:
        answer = server.call("GET", "/models")
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        reason = one_line(f"{type(error).__name__} {error}".strip())
        raise ProviderBusy(f"the provider cannot be reached: {reason}") from error
    except (httpx2.InvalidURL, UnicodeEncodeError) as error:
        raise ProviderError(f"the call cannot be sent: {one_line(str(error))}") from error
    if answer.status_code in _FORBIDDEN:
        raise Refused("the key is refused", "provider-test-key-refused", url=server.base_url)
    try:
        body = answer.json()
    except ValueError:
        return []
    listed = body.get("data") if isinstance(body, dict) else None
    cards = listed if answer.status_code == _OK and isinstance(listed, list) else []
    return [str(card["id"]) for card in cards if isinstance(card, dict) and card.get("id")]


def _candidates(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_good, parts = False, urlsplit("")
    if not is_good or parts.query or parts.fragment or parts.username:
        raise ConfigError(f"{url} is no URL of a server", "provider-test-bad-url", url=url)
    root = url.rstrip("/")
    return [root] if root.endswith("/v1") else [f"{root}/v1", root]


ABSENT = (404, 405, 501)
BAD = (400, 422)
GONE = (404,)
_PASSED = range(200, 300)
_LONGEST = 160
_ERROR_FIELDS = ("message", "type", "param", "code")


class Wrong(Exception):
    """The server answers something else than the protocol says.

    `key` names the Fluent text that says what, `arguments` fill it, each as one line.
    """

    result = "failed"

    def __init__(self, key: str, **arguments: object) -> None:
        super().__init__(key, arguments)
        self.key = f"provider-test-{key}"
        self.arguments = {name: _printable(value) for name, value in arguments.items()}


class Missing(Wrong):
    """The server has no such thing; many servers of the protocol have not, so it is no failure."""

    result = "missing"


def require_equal(field: str, actual: object, expected: object) -> None:
    """Raise Wrong unless a field is as it must be."""
    if actual != expected:
        raise Wrong("not-same", field=field, found=actual, wanted=expected)


def require_one_of(field: str, actual: object, expected: tuple[str, ...]) -> None:
    """Raise Wrong unless a field has one of these values."""
    if actual not in expected:
        raise Wrong("not-same", field=field, found=actual, wanted=" | ".join(expected))


def require(condition: object, field: str, actual: object, expected: str) -> None:
    """Raise Wrong unless `condition`; `wanted` says it in the protocol's own signs."""
    if not condition:
        raise Wrong("not-same", field=field, found=actual, wanted=expected)


@contextmanager
def optional_call(operation: str) -> Iterator[None]:
    """Turn "no such call" into Missing; `what` is the call, as people know it.

    A 404 that names a field of the call is about what was asked for: the call itself is there.
    """
    try:
        yield
    except openai.APIStatusError as error:
        is_about_call = error.param is None and error.code != NO_MODEL
        if error.status_code in ABSENT and is_about_call:
            raise Missing("absent", call=operation, status=error.status_code) from error
        raise


def require_refusal(call: Callable[[], object], statuses: tuple[int, ...]) -> Mapping[str, object]:
    """Raise Wrong unless a call of the SDK is refused with the protocol's error object."""
    try:
        result = call()
    except openai.APIStatusError as error:
        return require_error_object(error.response, statuses)
    raise Wrong("accepted", wanted=_list_statuses(statuses), found=result)


def require_error_object(
    response: httpx2.Response, statuses: tuple[int, ...]
) -> Mapping[str, object]:
    """Return the error object of a refusal. Raises Wrong for another status or another shape."""
    call = _describe_call(response)
    if response.status_code in _PASSED:
        raise Wrong("accepted", wanted=_list_statuses(statuses), found=response.text)
    if response.status_code not in statuses:
        raise unexpected_status(response, _list_statuses(statuses))
    kind = response.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise Wrong("error-not-json", call=call, kind=kind)
    error = _error_in(response)
    lacks = [name for name in _ERROR_FIELDS if name not in error] or [
        name for name in ("message", "type") if not (isinstance(error[name], str) and error[name])
    ]
    if lacks:
        raise Wrong("error-lacks", call=call, field=f"error.{lacks[0]}")
    return error


def unexpected_status(response: httpx2.Response, expected: str = "200") -> Wrong:
    """Return what is wrong where an answer has another status than is wanted."""
    reason = _error_in(response).get("message") or response.text or "–"
    call, status = _describe_call(response), response.status_code
    return Wrong("status", call=call, status=status, words=reason, wanted=expected)


def _describe_call(response: httpx2.Response) -> str:
    return f"{response.request.method} {response.request.url.path}"


def _error_in(response: httpx2.Response) -> Mapping[str, object]:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _printable(value: object) -> str:
    """Return a value as a detail shows it: one line, no secret, nothing that moves a terminal."""
    printable = one_line(value if isinstance(value, str) and value else repr(value))
    printable = printable if printable.isprintable() else repr(printable)[1:-1]
    return printable if len(printable) <= _LONGEST else f"{printable[:_LONGEST]}…"


def _list_statuses(statuses: tuple[int, ...]) -> str:
    return " | ".join(map(str, statuses))


MAX_PAGES = 4
_ALL, _SMALLEST = 100, 2

# A call of the SDK that lists: it takes `limit` and `after`, and returns a page with `data`.
Listing = Callable[..., Any]


def check_paging(listing: Listing, limit: int) -> None:
    """Raise Wrong unless the first pages of `limit` are the beginning of the list.

    Two entries must be there. Raises Missing where the server gives all whatever the limit.
    """
    all_ids = _ids(listing(limit=_ALL))
    require(len(all_ids) >= _SMALLEST, "data", len(all_ids), f">= {_SMALLEST}")
    paged: list[str] = []
    for _ in range(MAX_PAGES):
        page = listing(limit=limit, **({"after": paged[-1]} if paged else {}))
        page_ids = _ids(page)
        if len(page_ids) > limit:
            raise Missing("unheeded", what=f"limit={limit}")
        paged += page_ids
        if doubled := [name for name in page_ids if paged.count(name) > 1]:
            raise Wrong("page-double", id=doubled[0])
        if not page.has_more or not page_ids:
            break
    require(len(paged) >= _SMALLEST, "data", len(paged), f">= {_SMALLEST}")
    for walked, listed in zip_longest(paged, all_ids[: limit * MAX_PAGES]):
        if listed is not None and walked != listed:
            raise Wrong("page-gap", id=listed)


def _ids(page: Any) -> list[str]:
    return [str(item.id) for item in page.data]
