"""Protocol: HTTP/1.1 by httptools (llhttp), with an end to how long a head may be.

The parser itself would keep a head for as long as it goes on, in memory.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 * 1024


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol; a head that is too long is answered 400 and the connection closed."""

    _head_bytes = 0
    _is_in_head = True

    def data_received(self, data: bytes) -> None:
        """Take what came, unless the head has grown too long."""
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        # What came last may have been a body, or the end of the head.
        if self._is_in_head and self._head_bytes > MOST_HEAD_BYTES and not self._is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """Count no more: what follows is a body."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count again: what follows is another head."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_complete()

    def _is_closing(self) -> bool:
        return self.transport.is_closing()
