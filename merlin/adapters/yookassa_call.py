"""One call to YooKassa while it is under way: whether it was sent, and how to cut it off.

`requests` knows a timeout for a connection and for each piece of an answer, none for the whole: a
server that drips one byte a second holds a thread for ever. So the socket is known from its first
moment on, and shut down from outside when the time is up.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Ended(Exception):
    """The call was ended before it was sent."""


class Call:
    """One call under way; `status` is its answer's, 0 for none yet."""

    def __init__(self) -> None:
        self.status = 0
        self._socket: socket.socket | None = None
        self._is_sent = False
        self._is_over = False
        self._lock = threading.RLock()

    def watch(self, connection: socket.socket) -> None:
        """Remember a connection by a number of its own, which TLS does not take over."""
        with self._lock:
            self.let_go()
            self._socket = connection.dup()
            if self._is_over:
                self._shut()

    def begin(self) -> None:
        """Note that the call is sent from now on. Raises Ended where it may be no more."""
        with self._lock:
            if self._is_over:
                raise Ended
            self._is_sent = True

    @property
    def is_sent(self) -> bool:
        """Return whether anybody may have heard the call."""
        with self._lock:
            return self._is_sent

    def end(self) -> bool:
        """Cut the call off from any thread; return whether it may have been carried out."""
        with self._lock:
            self._is_over = True
            self._shut()
            return self._is_sent

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Forget the connection."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
