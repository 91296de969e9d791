"""Entrance: who may see the pages. The engine's key opens them, once a browser; then a cookie.

A session is a random word whose digest is kept in memory: a restart signs everybody out. Without
a key the engine listens on this machine alone, and its pages answer to this machine's names
alone, so that no other site can lead a browser here under a name of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from merlin.core.loopback import is_loopback
from merlin.core.web.speech import is_secure

COOKIE = "merlin-engine"
LASTS_S = 7 * 24 * 3600
MOST_SESSIONS = 1000
FREE_TRIES, LONGEST_WAIT_S = 5, 300.0
MOST_ADDRESSES = 10_000


@dataclass
class Tries:
    """Wrong keys by address: five are free, each further one doubles the wait."""

    _wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def wait_s(self, address: str, now: float) -> float:
        """Return how long the address has to wait before the next try."""
        count, until = self._wrong.get(address, (0, 0.0))
        return max(until - now, 0.0) if count >= FREE_TRIES else 0.0

    def wrong(self, address: str, now: float) -> None:
        """Note a wrong key."""
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        # Above that the power would be a number nobody waits for.
        wait = min(2.0 ** min(count - FREE_TRIES, 20), LONGEST_WAIT_S)
        self._wrong[address] = count, now + wait
        if len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def right(self, address: str) -> None:
        """Forget what was wrong before."""
        self._wrong.pop(address, None)


@dataclass
class Entrance:
    """The door of one engine's pages; used by the loop that serves, never by two threads."""

    key: str = field(repr=False)
    tries: Tries = field(default_factory=Tries)
    _sessions: OrderedDict[str, float] = field(default_factory=OrderedDict, repr=False)

    def lets_in(self, request: Request) -> bool:
        """Return whether this call may see the pages: by a session or by the key itself."""
        if not self.key:
            return True
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_right(told.strip()):
            return True
        until = self._sessions.get(_digest(request.cookies.get(COOKIE, "")), 0.0)
        return until > time.monotonic()

    def is_ours(self, request: Request) -> bool:
        """Return whether the call names this engine as it may be named."""
        if self.key:
            return True
        try:
            return is_loopback(urlsplit(f"//{request.headers.get('host', '')}").hostname)
        except ValueError:  # half an IPv6 address
            return False

    def is_right(self, told: str) -> bool:
        """Return whether this is the key, in a time that tells nothing of it."""
        return hmac.compare_digest(told.encode("utf-8", "replace"), self.key.encode())

    def open(self, request: Request, response: Response) -> None:
        """Begin a session in this browser."""
        word = secrets.token_urlsafe(32)
        self._sessions[_digest(word)] = time.monotonic() + LASTS_S
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        response.set_cookie(
            COOKIE,
            word,
            max_age=LASTS_S,
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )

    def shut(self, request: Request, response: Response) -> None:
        """End this browser's session."""
        self._sessions.pop(_digest(request.cookies.get(COOKIE, "")), None)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=is_secure(request))


def entrance_of(request: Request) -> Entrance:
    """Return the door of the engine that a call is for."""
    state = request.app.state
    if not hasattr(state, "entrance"):
        state.entrance = Entrance(state.settings.key)
    entrance: Entrance = state.entrance
    return entrance


def _digest(word: str) -> str:
    return hashlib.sha256(word.encode("utf-8", "replace")).hexdigest()
