"""The engine behind a proxy that breaks one thing at a time, for the checks to find."""

import asyncio
import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

from merlin.cli.provider_checks import CHECKS, LONG_EPOCHS, connect, run_checks
from merlin.config.engine import EngineSettings
from tests.engine.running_engine import create_engine_app
from tests.support.http_servers import serve_app
from tests.support.pausable_recall import pausable_bases
from tests.support.waiting import longest

KEY = "key-of-the-engine"


@dataclass(frozen=True)
class Request:
    """A request of a client."""

    method: str
    path: str
    query: tuple = ()
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self):
        is_json = self.headers.get("content-type") == "application/json"
        return json.loads(self.body) if self.body and is_json else {}

    def with_json(self, **other):
        """Return the request with other fields in its JSON; None removes a field."""
        document = {
            name: value
            for name, value in {**self.json, **other}.items()
            if value is not None
        }
        return replace(self, body=json.dumps(document).encode())

    def without_query(self, *names):
        """Return the request without the query parameters with these prefixes."""
        query = tuple(pair for pair in self.query if not pair[0].startswith(names))
        return replace(self, query=query)

    def with_headers(self, **other):
        return replace(self, headers={**self.headers, **other})


@dataclass(frozen=True)
class Response:
    """A response; `body` is complete, also of a stream."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        is_json = self.headers.get("content-type") == "application/json"
        return json.loads(self.body) if is_json else {}

    def with_json(self, **other):
        """Return the response with other fields in its JSON."""
        return replace(self, body=json.dumps({**self.json, **other}).encode())

    def map_events(self, change):
        """Return a streamed response with `change` applied to each event; None drops an event."""
        events = [change(event) for event in self.body.decode().split("\n\n") if event]
        return replace(
            self, body="".join(f"{e}\n\n" for e in events if e is not None).encode()
        )


def make_response(status, content, content_type="application/json"):
    body = (
        content.encode() if isinstance(content, str) else json.dumps(content).encode()
    )
    return Response(status, {"content-type": content_type}, body)


def _keep_unchanged(value, *_rest):
    return value


class Proxy:
    """An ASGI application around the engine's.

    `change_request` changes or answers requests, `change_response` changes responses. `gates` are
    opened for jobs that a changed answer reports as stopped though the engine runs them.
    """

    def __init__(self, app, gates):
        self._app = app
        self._gates = gates
        self.reset()

    def reset(self):
        self.change_request = self.change_response = _keep_unchanged
        self.requests = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = self.change_request(await _read_request(scope, receive))
        if isinstance(request, Request):
            self.requests.append(request)
            response = self.change_response(
                await self._forward(scope, request), request
            )
        else:
            response = request
            self._open_gate(scope["path"], response)
        await send_response(response, send)

    def _open_gate(self, path, response):
        if path.endswith("/cancel") and response.status == 200:
            self._gates[path.split("/")[-2]].set()

    async def _forward(self, scope, request):
        messages = []
        headers = {**request.headers, "content-length": str(len(request.body))}
        changed_scope = {
            **scope,
            "method": request.method,
            "path": request.path,
            "query_string": urlencode(request.query).encode(),
            "headers": _encode_headers(headers),
        }
        body = iter(
            [{"type": "http.request", "body": request.body, "more_body": False}]
        )

        async def receive():
            message = next(body, None)
            return message or await asyncio.Event().wait()

        async def collect(message):
            messages.append(message)

        await self._app(changed_scope, receive, collect)
        head = {
            name.decode(): value.decode("latin-1")
            for name, value in messages[0]["headers"]
        }
        content = b"".join(message.get("body", b"") for message in messages[1:])
        return Response(messages[0]["status"], head, content)


async def _read_request(scope, receive):
    body = b""
    has_more = True
    while has_more:
        message = await receive()
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    headers = {
        name.decode(): value.decode("latin-1") for name, value in scope["headers"]
    }
    query = tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    return Request(scope["method"], scope["path"], query, headers, body)


def _encode_headers(headers):
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def send_response(response, send):
    """Send a response as an ASGI application does."""
    headers = _encode_headers(
        {**response.headers, "content-length": str(len(response.body))}
    )
    await send(
        {"type": "http.response.start", "status": response.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": response.body})


@contextmanager
def run_proxy(folder, wrap=Proxy):
    """Run an engine behind a proxy in a thread; yield the proxy, which has a `url`."""
    settings = EngineSettings(folder, "127.0.0.1", 0, KEY)
    gates = defaultdict(threading.Event)

    def get_gate(task):
        # The long job must not be over before it is cancelled.
        is_long = task.hyperparameters["n_epochs"] == LONG_EPOCHS
        return gates[task.folder.name] if is_long else None

    # Only where its cancellation is ignored is the long job trained to its end.
    bases = pausable_bases(settings, get_gate, most_epochs=2)
    proxy = wrap(create_engine_app(settings, bases), gates)
    with serve_app(proxy) as proxy.url:
        yield proxy


def run_suite(url, key=KEY, model=None):
    """Run all checks; return name → result."""
    server = connect(f"{url}/v1", key, model, longest())
    try:
        outcomes = run_checks(server, tuple(CHECKS), lambda _outcome: None)
    finally:
        server.close()
    return {outcome.name: outcome.result for outcome in outcomes}
