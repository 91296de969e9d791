"""Our engine behind a proxy that breaks one thing at a time, for the suite to find."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, urlencode

from merlin.config.engine import EngineSettings
from merlin.engine.conformance import run_checks, select_checks
from merlin.engine.conformance.harness import LONG_EPOCHS, connect
from merlin.engine.main import create_app
from tests.support.http_servers import serve_app
from tests.support.pausable_recall import pausable_bases
from tests.support.waiting import longest

KEY = "key-of-the-engine"


@dataclass(frozen=True)
class Call:
    """What a client asks, and what is answered to it."""

    method: str
    path: str
    query: tuple = ()
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self):
        is_json = self.headers.get("content-type") == "application/json"
        return json.loads(self.body) if self.body and is_json else {}

    def asking(self, **other):
        """Return the call with other fields in its JSON; None leaves one out."""
        told = {name: value for name, value in {**self.json, **other}.items() if value is not None}
        return replace(self, body=json.dumps(told).encode())

    def without(self, *names):
        """Return the call without what its query asks under these beginnings."""
        kept = tuple(pair for pair in self.query if not pair[0].startswith(names))
        return replace(self, query=kept)

    def with_headers(self, **other):
        return replace(self, headers={**self.headers, **other})


@dataclass(frozen=True)
class Answer:
    """What goes back; `body` is the whole of it, streams too."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        is_json = self.headers.get("content-type") == "application/json"
        return json.loads(self.body) if is_json else {}

    def saying(self, **other):
        """Return the answer with other fields in its JSON."""
        return replace(self, body=json.dumps({**self.json, **other}).encode())

    def events(self, change):
        """Return a streamed answer whose every event went through `change`; None drops it."""
        events = [change(event) for event in self.body.decode().split("\n\n") if event]
        return replace(self, body="".join(f"{e}\n\n" for e in events if e is not None).encode())


def make_answer(status, told, kind="application/json"):
    body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
    return Answer(status, {"content-type": kind}, body)


def _unchanged(told, *_more):
    return told


class Proxy:
    """An application around the engine's; `before` changes or answers calls, `after` answers.

    `gates` are opened for jobs that it said to have stopped without asking the engine to.
    """

    def __init__(self, app, gates):
        self._app = app
        self._gates = gates
        self.mend()

    def mend(self):
        self.before = self.after = _unchanged
        self.calls = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        call = self.before(await _call_of(scope, receive))
        if isinstance(call, Call):
            self.calls.append(call)
            answer = self.after(await self._asked(scope, call), call)
        else:
            answer = call
            self._let_go_on(scope["path"], answer)
        await send_answer(answer, send)

    def _let_go_on(self, path, answer):
        if path.endswith(("/cancel", "/pause")) and answer.status == 200:
            self._gates[path.split("/")[-2]].set()

    async def _asked(self, scope, call):
        came, headers = [], {**call.headers, "content-length": str(len(call.body))}
        told = {
            **scope,
            "method": call.method,
            "path": call.path,
            "query_string": urlencode(call.query).encode(),
            "headers": _on_the_wire(headers),
        }
        body = iter([{"type": "http.request", "body": call.body, "more_body": False}])

        async def receive():
            message = next(body, None)
            return message or await asyncio.Event().wait()

        async def keep(message):
            came.append(message)

        await self._app(told, receive, keep)
        head = {name.decode(): value.decode("latin-1") for name, value in came[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in came[1:])
        return Answer(came[0]["status"], head, content)


async def _call_of(scope, receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
    query = tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    return Call(scope["method"], scope["path"], query, headers, body)


def _on_the_wire(headers):
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


async def send_answer(answer, send):
    """Send an answer as an application does."""
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    told = _on_the_wire(headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": told})
    await send({"type": "http.response.body", "body": answer.body})


@contextmanager
def proxied(folder, wrap=Proxy):
    """Serve an engine in a thread behind a proxy; give the proxy, which knows its `url`."""
    settings, gates = EngineSettings(folder, "127.0.0.1", 0, KEY), defaultdict(threading.Event)

    def gate_of(task):
        # Otherwise the long job might be done before it is paused or cancelled.
        is_long = task.hyperparameters["n_epochs"] == LONG_EPOCHS
        return gates[task.folder.name] if is_long else None

    proxy = wrap(create_app(settings, bases=pausable_bases(settings, gate_of)), gates)
    with serve_app(proxy) as proxy.url:
        yield proxy


def results(url, *names, key=KEY, keep=False, timeout_s=None):
    """Make the checks of these names and what they need; return name → outcome."""
    server = connect(url, key, None, timeout_s or longest())
    try:
        outcomes = run_checks(server, select_checks(names, keep=keep), lambda _outcome: None)
    finally:
        server.close(keep=keep)
    return {outcome.name: outcome for outcome in outcomes}
