"""Somebody who is told of webhooks: keeps what came, and answers as the test says."""

from __future__ import annotations

import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
from local_servers import serve_http

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiB3ZWJob29rcy4="


@dataclass(frozen=True)
class Told:
    path: str
    headers: dict
    body: bytes

    @property
    def webhook_id(self):
        return self.headers["webhook-id"]

    def event(self, secret=SECRET):
        """Return the event as the openai package reads it, its signature proven."""
        with openai.OpenAI(api_key="none") as client:
            return client.webhooks.unwrap(self.body, self.headers, secret=secret)


class Ear(ThreadingHTTPServer):
    """Answers by `script` (a status, or a status and headers), then always 200."""

    daemon_threads = True

    def __init__(self):
        self.told, self.script = [], []
        self.is_silent = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self):
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}/hook"

    def handle_error(self, request, client_address):
        """Say nothing of a caller who left: a test may be about just that."""


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.told.append(Told(self.path, headers, body))
        if self.server.is_silent.is_set():
            self.connection.recv(1)  # until the engine has had enough
            return
        script = self.server.script
        answer = script.pop(0) if script else 200
        status, more = answer if isinstance(answer, tuple) else (answer, {})
        self.send_response(status)
        for name, value in more.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@contextmanager
def listening(tls=None):
    ear = Ear()
    if tls is not None:
        ear.socket = tls.wrap_socket(ear.socket, server_side=True)
    with serve_http(ear):
        yield ear
