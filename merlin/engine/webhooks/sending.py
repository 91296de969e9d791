"""One try: a POST that is bounded in time, follows nothing, and reads no body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from merlin import __version__
from merlin.core.clock import utc_now
from merlin.core.webhook_signing import headers_of
from merlin.engine.refusal import Refusal
from merlin.engine.webhooks.walls import Resolver, Walls

TIMEOUT_S = 15.0
LONGEST_RETRY_AFTER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try; `status` None where nobody answered, and `trouble` says why."""

    status: int | None
    trouble: str = ""
    again_in_s: float = 0.0

    @property
    def is_taken(self) -> bool:
        """Return whether the endpoint took the delivery."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - any 2xx

    @property
    def is_gone(self) -> bool:
        """Return whether the endpoint wants no more."""
        return self.status == HTTPStatus.GONE


class Sending:
    """The engine's own way out; opened within the loop that uses it."""

    def __init__(self, walls: Walls) -> None:
        self._walls = walls
        self._session = aiohttp.ClientSession(
            # No bound on connections: dead endpoints hold up nobody.
            connector=aiohttp.TCPConnector(resolver=Resolver(walls), limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": f"merlin-engine/{__version__}"},
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def send(self, url: str, delivery_id: str, body: str, signing: Sequence[str]) -> Outcome:
        """Try once; whatever goes wrong is the outcome."""
        content = body.encode()
        headers = headers_of(delivery_id, int(utc_now().timestamp()), content, signing)
        headers["content-type"] = "application/json"
        try:
            self._walls.check(url)
            answering = self._session.post(
                url, data=content, headers=headers, allow_redirects=False
            )
            async with answering as answer:
                after = retry_after_s(answer.headers.get("retry-after", ""))
                return Outcome(answer.status, f"HTTP {answer.status}", after)
        except Refusal as refused:
            return Outcome(None, str(refused))
        except TimeoutError:
            return Outcome(None, f"no answer in {TIMEOUT_S:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(None, f"{type(error).__name__}: {error}")


def retry_after_s(told: str) -> float:
    """Return the seconds of a header Retry-After, a number or a date; 0 for what is neither."""
    if told.isascii() and told.isdigit():
        return min(float(told[:9]), LONGEST_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(told)
    except ValueError:
        return 0.0
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(0.0, (at - utc_now()).total_seconds()), LONGEST_RETRY_AFTER_S)
