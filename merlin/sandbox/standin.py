"""What every stand-in's door for tests can do: come, go, and be looked into while it serves."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

from merlin.sandbox.serving import ServerThread, StandInApp

T = TypeVar("T")


class StandIn:
    """A stand-in in a thread, on a port of its own: `with ….StandIn() as outside:`.

    `stop` and `start` again is the service down and back: same port, same state.
    """

    def __init__(self, make_app: Callable[[], StandInApp], port: int) -> None:
        self._server = ServerThread(make_app, port)

    def start(self) -> Self:
        """Listen; on return the port answers."""
        self._server.start()
        return self

    def stop(self) -> None:
        """Close every connection and the port; the state stays."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _read(self, function: Callable[[], T]) -> T:
        return self._server.call(function) if self._server.is_running else function()
