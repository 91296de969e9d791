"""Bounds: what a page's form may bring."""

from __future__ import annotations

from starlette.requests import Request


def is_too_large(request: Request, most_bytes: int) -> bool:
    """Return whether a form brings too much, or does not say how much it brings."""
    if "transfer-encoding" in request.headers:
        return True
    length = request.headers.get("content-length", "0")
    return not (length.isascii() and length.isdigit() and int(length) <= most_bytes)
