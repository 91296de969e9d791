"""A real HTTP server that answers by a script and records the calls it received."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.http_servers import Handler, Server, serve_http
from tests.support.waiting import longest


@dataclass(frozen=True)
class Reply:
    """How the scripted server answers one call.

    `body`: JSON (dict or list), bytes unchanged, a list of bytes sent one by one, or a function
    that returns one of them at each call. `drop`: read
    the call, then close without a response. `hang`: never answer. `cut`: announce more than is
    sent. `pause_s`: between the parts of a list.
    """

    body: object = b""
    status: int = 200
    headers: tuple = ()
    drop: bool = False
    hang: bool = False
    cut: bool = False
    pause_s: float = 0.0


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class ScriptedServer(Server):
    """Answers calls by `script` in order, repeating the last reply; records all calls."""

    def __init__(self):
        self.script = []
        self.calls = []
        self.closing = Event()
        super().__init__(ScriptedHandler)

    @property
    def base_url(self):
        return f"{self.url}/v1"

    def will(self, *replies):
        self.script[:] = [r if isinstance(r, Reply) else Reply(r) for r in replies]


class ScriptedHandler(Handler):
    def handle_call(self):
        parts = urlsplit(self.path)
        call = Call(
            self.command,
            parts.path,
            parse_qs(parts.query),
            {k.lower(): v for k, v in self.headers.items()},
            self.body(),
        )
        self.server.calls.append(call)
        script = self.server.script
        with suppress(OSError):  # the client may have disconnected
            self.reply(script.pop(0) if len(script) > 1 else script[0])

    get = post = do_DELETE = handle_call  # noqa: N815 - the library's names

    def reply(self, reply):
        self.close_connection = reply.drop or reply.hang or reply.cut
        if reply.hang:
            self.server.closing.wait(longest())
        if reply.drop or reply.hang:
            return
        body = reply.body() if callable(reply.body) else reply.body
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        parts = body if isinstance(body, list) else [body]
        self.send_response(reply.status)
        self.send_header("Content-Length", str(sum(map(len, parts)) + 100 * reply.cut))
        self.send_header("Content-Type", "application/json")
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()
            time.sleep(reply.pause_s)


@pytest.fixture
def server():
    with serve_http(ScriptedServer()) as running_server:
        yield running_server
        running_server.closing.set()


@pytest.fixture
def reply():
    return Reply
