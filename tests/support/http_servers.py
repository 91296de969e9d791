"""HTTP servers for tests on free local ports, each in its own thread."""

import asyncio
import json
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import uvicorn

from merlin.core.server import listen
from tests.support.ending import wait_for_end
from tests.support.waiting import wait_until


@contextmanager
def serve_app(app, port=0):
    """Serve an ASGI application; yield its URL."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", server_header=False
    )
    server = uvicorn.Server(config)
    with listen("port", "127.0.0.1", port) as listener:
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            wait_until(lambda: server.started or not thread.is_alive())
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            wait_for_end(thread)


class Handler(BaseHTTPRequestHandler):
    """Handles one call without logging; subclasses define `get` and `post`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.get()

    def do_POST(self):
        self.post()

    def body(self):
        """Return the request body, sent whole or chunked."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def answer(self, status, content=b"", content_type="application/json", **headers):
        """Send a response; `_` in header names becomes `-`."""
        self.send_response(status)
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {
            "Content-Type": content_type,
            "Content-Length": len(content),
            **extra,
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Log nothing."""


class Server(ThreadingHTTPServer):
    """An HTTP server with a handler, on a free port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self):
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Ignore a client that disconnected: some tests do that on purpose."""


@contextmanager
def serve_http(server):
    """Run a server, or a server for a handler class, until the block ends; yield the server."""
    with server if isinstance(server, Server) else Server(server) as running_server:
        thread = threading.Thread(
            target=running_server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        thread.start()
        try:
            yield running_server
        finally:
            running_server.shutdown()
            wait_for_end(thread)


@dataclass(frozen=True)
class Delivery:
    """One call that a receiver got; header names are lower case."""

    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Receiver(Server):
    """Stores what is posted; answers by `script` (status, or status and headers), then 200."""

    def __init__(self):
        self.deliveries = []
        self.script = []
        super().__init__(_ReceiverHandler)

    @property
    def url(self):
        return f"{super().url}/hook"


class _ReceiverHandler(Handler):
    def post(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.deliveries.append(Delivery(self.path, headers, self.body()))
        script = self.server.script
        answer = script.pop(0) if script else 200
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        self.answer(status, **headers)


@contextmanager
def run_receiver(tls=None):
    """Yield a running receiver, over TLS when a context is given."""
    receiver = Receiver()
    if tls is not None:
        receiver.socket = tls.wrap_socket(receiver.socket, server_side=True)
    with serve_http(receiver):
        yield receiver
