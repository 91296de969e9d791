"""Alias: `/api/v1/…` is the same as `/api/…`, and no second description of it.

A later version that differs gets routes of its own before this layer; until then programs may
name the version that they were written for.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/api/"
VERSIONED = "/api/v1/"


class Alias:
    """A layer that hands on versioned calls as those of the one api."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand one call on; log, counters and problems name its plain path."""
        path = scope.get("path", "")
        if path.startswith(VERSIONED):
            scope["path"] = PREFIX + path[len(VERSIONED) :]
            raw = scope.get("raw_path") or b""
            scope["raw_path"] = raw.replace(VERSIONED.encode(), PREFIX.encode(), 1)
        await self._app(scope, receive, send)
