"""A receiver of webhooks on this machine, for as long as a check needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_LOOK_S = 0.02
_LONGEST = 1_000_000
_OK, _LATER = 200, 503


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call that came in."""

    body: bytes
    headers: Mapping[str, str]

    @property
    def webhook_id(self) -> str:
        """Return what names the message: the same at every try."""
        return self.headers.get("webhook-id", "")


class Receiver:
    """Takes deliveries; the first one is put off with 503, so that it must come again."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK_S,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Return where deliveries go."""
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def wait(self, number: int, patience_s: float) -> list[Delivery]:
        """Return what came, as soon as it is `number` deliveries or patience ends."""
        end = time.monotonic() + patience_s
        while len(self.deliveries) < number and time.monotonic() < end:
            time.sleep(_LOOK_S)
        return list(self.deliveries)

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, delivery: Delivery) -> int:
        with self._lock:
            self.deliveries.append(delivery)
            return _LATER if len(self.deliveries) == 1 else _OK

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("content-length") or 0), _LONGEST)
                told = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._take(Delivery(self.rfile.read(size), told))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Say nothing: stderr is the command's."""

        return Handler
