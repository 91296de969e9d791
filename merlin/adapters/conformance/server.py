"""The server under test: how it is found, how it is asked, what was made on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from merlin.adapters.openai_errors import provider_errors
from merlin.adapters.openai_faults import short
from merlin.adapters.openai_wire import is_here, patience
from merlin.core.errors import ConfigError, Refused
from merlin.core.log import hide

NO_KEY = "none"
CALL_S = 120.0
MOST_TOKENS = 200
QUESTION = "Назови по порядку дни недели."
_OLD_LIMIT, _NEW_LIMIT = "max_tokens", "max_completion_tokens"
_FORBIDDEN = (401, 403)
_OK = 200
_ANY_NUMBER = httpx2.Limits(max_connections=None, max_keepalive_connections=8)


class Server:
    """One server of the protocol; every method may be called from several threads."""

    def __init__(self, base_url: str, key: str, timeout_s: float) -> None:
        """Take where it is; `models`, the bases to try, and the jobs it may be left with follow."""
        self.base_url = base_url
        self.key = key
        self.timeout_s = timeout_s
        self.models: list[str] = []
        self.idle_jobs: list[str] = []
        self._limit = _OLD_LIMIT
        self._left: list[tuple[str, str]] = []
        self._open = ExitStack()
        self.http = _http(base_url)
        self.sdk = openai.OpenAI(
            base_url=base_url,
            api_key=key,
            max_retries=0,
            timeout=patience(CALL_S, CALL_S),
            http_client=self.http,
        )

    @property
    def model(self) -> str:
        """Return the base model that is tuned and asked."""
        return self.models[0]

    @property
    def has_key(self) -> bool:
        """Return whether we were given a key."""
        return self.key != NO_KEY

    @property
    def is_here(self) -> bool:
        """Return whether it is on this machine, so that it can reach our receiver."""
        return is_here(self.base_url)

    def call(self, method: str, path: str, **other: object) -> httpx2.Response:
        """Make a plain call; a refusal is an answer as any other."""
        told: dict[str, object] = {"headers": self.headers(), **other}
        return self.http.request(method, f"{self.base_url}{path}", **told)  # type: ignore[arg-type]

    def headers(self) -> dict[str, str]:
        """Return what lets a plain call in."""
        return {"Authorization": f"Bearer {self.key}"}

    def question(self, *, most: int = MOST_TOKENS, **other: object) -> dict[str, object]:
        """Return the body of a chat call with one short question; `most` tokens may answer."""
        messages = [{"role": "user", "content": QUESTION}]
        return {"model": self.model, "messages": messages, self._limit: most, **other}

    def ask(self, **other: Any) -> ChatCompletion:
        """Ask a short question through the SDK; some models know only the newer limit's name."""
        try:
            return self._asked(self.question(**other))
        except openai.BadRequestError as error:
            if self._limit == _NEW_LIMIT or _NEW_LIMIT not in str(error):
                raise
            self._limit = _NEW_LIMIT
            return self._asked(self.question(**other))

    def _asked(self, asked: Mapping[str, object]) -> ChatCompletion:
        create: Callable[..., ChatCompletion] = self.sdk.chat.completions.create
        return create(**asked)

    def stream(self, **other: Any) -> list[ChatCompletionChunk]:
        """Ask a short question with `stream` through the SDK; return every chunk."""
        create: Callable[..., Iterable[ChatCompletionChunk]] = self.sdk.chat.completions.create
        return list(create(**self.question(stream=True, **other)))

    @contextmanager
    def streamed(self, **other: Any) -> Iterator[httpx2.Response]:
        """Give the open answer to a streamed question, as it stands on the wire."""
        asked = self.question(stream=True, **other)
        url = f"{self.base_url}/chat/completions"
        with self.http.stream("POST", url, json=asked, headers=self.headers()) as response:
            if response.status_code != _OK:
                response.read()
                raise openai.APIStatusError(short(response.text), response=response, body=None)
            yield response

    def undo(self, method: str, path: str) -> None:
        """Note the call that removes what was just made; POST stops a job."""
        self._left.append((method, path))

    def closing(self, close: Callable[[], object]) -> None:
        """Note what of our own is to be closed at the end."""
        self._open.callback(close)

    def close(self, *, keep: bool) -> None:
        """Remove what was made, newest first, unless `keep`; jobs are stopped in any case."""
        for method, path in reversed(self._left):
            if method == "POST" or not keep:
                try:
                    self.call(method, path)
                except httpx2.HTTPError:  # it is gone, or broken: the checks have said so
                    continue
        self._open.close()
        self.sdk.close()


def _http(base_url: str) -> httpx2.Client:
    return httpx2.Client(
        timeout=patience(CALL_S, CALL_S), limits=_ANY_NUMBER, trust_env=not is_here(base_url)
    )


def found(url: str, key: str, model: str | None, timeout_s: float) -> Server:
    """Return the server at a URL that is given with or without /v1.

    Raises ConfigError for a wrong URL, ProviderError where nobody answers, Refused where what
    answers is no server of the protocol or refuses the key.
    """
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("OPENAI_API_KEY fits into no header", "provider-test-bad-key")
    hide([key])
    for base_url in _candidates(url):
        server = Server(base_url, key or NO_KEY, timeout_s)
        try:
            names = _names(_listed(server))
        except BaseException:
            server.close(keep=True)
            raise
        if names:
            server.models = [model] if model else names
            return server
        server.close(keep=True)
    raise Refused("no server of the protocol", "provider-test-no-server", url=url)


def _listed(server: Server) -> httpx2.Response:
    with provider_errors():
        answer = server.call("GET", "/models")
    if answer.status_code in _FORBIDDEN:
        raise Refused("the key is refused", "provider-test-key-refused", url=server.base_url)
    return answer


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


def _names(answer: httpx2.Response) -> list[str]:
    """Return the models that a list names; none where the answer is no such list."""
    try:
        told = answer.json()
    except ValueError:
        return []
    listed = told.get("data") if isinstance(told, dict) else None
    cards = listed if answer.status_code == _OK and isinstance(listed, list) else []
    return [str(card["id"]) for card in cards if isinstance(card, dict) and card.get("id")]
