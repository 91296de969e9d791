"""Servers of tests on free ports of this machine, each in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import uvicorn

from merlin.core.server import listen
from tests.support.waiting import wait_until


@contextmanager
def serve_app(app, port=0):
    """Serve an ASGI application; give its address."""
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", server_header=False)
    server = uvicorn.Server(config)
    with listen("port", "127.0.0.1", port) as listener:
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Handler(BaseHTTPRequestHandler):
    """One call of a server; quiet. What is served says what `get` and `post` do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.get()

    def do_POST(self):
        self.post()

    def body(self):
        """Return the body of a call, whole or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def answer(self, status, content=b"", kind="application/json", **headers):
        """Answer the call; of headers' names `_` is `-`."""
        self.send_response(status)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Type": kind, "Content-Length": len(content), **given}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server of a handler, on a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self):
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Say nothing of a caller who left: a test may be about just that."""


@contextmanager
def serve_http(server):
    """Serve by a server, or by a handler's class, until the block ends; give the server."""
    with server if isinstance(server, Server) else Server(server) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


# What the engine's own webhooks are signed with where a test does not say.
SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiB3ZWJob29rcy4="


@dataclass(frozen=True)
class Delivery:
    """One call that a receiver got; names of headers in small letters."""

    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def webhook_id(self):
        return self.headers["webhook-id"]

    def event(self, secret=SECRET):
        """Return the event as the openai package reads it, its signature proven."""
        with openai.OpenAI(api_key="none") as client:
            return client.webhooks.unwrap(self.body, self.headers, secret=secret)


class Receiver(Server):
    """Keeps what is posted; answers by `script` (a status, or one and headers), then always 200."""

    def __init__(self):
        self.told, self.script = [], []
        self.is_silent = threading.Event()
        super().__init__(_Receiving)

    @property
    def url(self):
        return f"{super().url}/hook"


class _Receiving(Handler):
    def post(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.told.append(Delivery(self.path, headers, self.body()))
        if self.server.is_silent.is_set():
            self.connection.recv(1)  # until the caller has had enough
            return
        script = self.server.script
        answer = script.pop(0) if script else 200
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        self.answer(status, **headers)


@contextmanager
def receiving(tls=None):
    """Give a receiver that listens, by TLS where a context is given."""
    receiver = Receiver()
    if tls is not None:
        receiver.socket = tls.wrap_socket(receiver.socket, server_side=True)
    with serve_http(receiver):
        yield receiver
