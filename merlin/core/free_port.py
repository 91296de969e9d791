"""Ports for servers that start a moment later: the demo's and the tests'."""

from __future__ import annotations

import secrets
import socket
import sys
from collections import deque

# Below the range from which systems take ports for outgoing connections (Linux: from 32768),
# so that none is taken away by chance before its server listens.
_FIRST, _LAST = 20_000, 32_000
# The newest ports stay bound, listened on by nobody: no other process is given one of them
# before its server starts, or while it starts again.
_KEPT: deque[int] = deque()
_MOST_KEPT = 64


def free_ports(count: int, *, is_kept: bool = True) -> list[int]:
    """Return `count` different ports of 127.0.0.1 that nobody listens on now.

    `is_kept`: nobody else gets them while this process lives; a server that listens on one has
    to set SO_REUSEADDR alone, as ours do.
    """
    found: list[int] = []
    while len(found) < count:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if port not in found and _is_free(port, is_kept=is_kept):
            found.append(port)
    return found


def _is_free(port: int, *, is_kept: bool) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        # Elsewhere such a port could not be listened on.
        if is_kept and sys.platform == "linux":
            _keep(probe)
    return True


def _keep(probe: socket.socket) -> None:
    # Only now: a port that was bound so from the beginning could be bound by two.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _KEPT.append(probe.detach())
    if len(_KEPT) > _MOST_KEPT:
        socket.close(_KEPT.popleft())
