"""A git server over HTTP for tests: git's http-backend, which can lose answers or be down."""

import base64
import os
import subprocess
from contextlib import contextmanager
from http import HTTPStatus

from tests.support.http_servers import Handler, serve_http

SECRET = "merlin:t0ken-of-merlin"


@contextmanager
def serve_git(root):
    """Serve the bare repositories in a folder; yield the server.

    `drops` is how many answers to a push are dropped, after the push was made; `refuses` is part of
    the addresses for which the password counts as wrong.
    """
    with serve_http(_Backend) as server:
        server.root = root
        server.drops = 0
        server.is_down = False
        server.refuses = "nothing"
        yield server


class _Backend(Handler):
    protocol_version = (
        "HTTP/1.0"  # on a persistent connection git would retry by itself
    )

    def get(self):
        self.backend(b"")

    def post(self):
        self.backend(self.body())

    def backend(self, body):
        expected = "Basic " + base64.b64encode(SECRET.encode()).decode()
        if self.server.refuses in self.path:
            expected = "a newer one"
        if self.server.is_down or self.headers.get("Authorization") != expected:
            self.send_error(HTTPStatus.BAD_GATEWAY if self.server.is_down else 401)
            return
        path, _, query = self.path.partition("?")
        variables = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "merlin",
        }
        completed = subprocess.run(
            ["git", "http-backend"],
            input=body,
            capture_output=True,
            env={**os.environ, **variables},
        )
        is_push = self.command == "POST" and path.endswith("receive-pack")
        if is_push and self.server.drops:
            self.server.drops -= 1
            self.close_connection = True
            return
        head, _, content = completed.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.answer(int(fields.pop("Status", "200 OK").split()[0]), content, **fields)
