"""What a message holds besides text, fetched from Telegram piece by piece and never too large.

The address of a file holds the bot's token: no error and no log line tells it.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlencode

from telegram.error import BadRequest, NetworkError, TelegramError, TimedOut

from merlin.bot.transport import READ_S, AiohttpRequest, pause
from merlin.config.settings import MEGABYTE
from merlin.core.log import get_logger
from merlin.core.server import join_pieces
from merlin.providers.documents import UnusableFile, too_large

log = get_logger(__name__)

TOTAL_S = 120.0
TRIES = 3
LONGEST_PAUSE_S = 10.0
# What the Bot API hands out at most. Source: the Bot API, getFile.
TELEGRAM_BYTES = 20 * MEGABYTE
_CHUNK = 65_536
_OK, _GONE = 200, (400, 404)


class Files:
    """The files of one bot; `base_url` ends in `/bot`, as the services have it.

    One fetch may take `total_s` with silence of `read_s`, and is tried so often, with pauses of so
    many seconds at most.
    """

    def __init__(
        self,
        transport: AiohttpRequest,
        token: str,
        base_url: str,
        *,
        total_s: float = TOTAL_S,
        read_s: float = READ_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
        tries: int = TRIES,
    ) -> None:
        self._transport = transport
        self._method_url = f"{base_url}{token}/getFile"
        self._file_url = f"{base_url.removesuffix('/bot')}/file/bot{token}"
        self._total_s, self._read_s = total_s, read_s
        self._longest_pause_s, self._tries = longest_pause_s, tries

    async def fetch(self, file_id: str, limit_bytes: int) -> bytes:
        """Return a file's bytes, tried a few times where the line is bad.

        Raises UnusableFile (media-too-large, media-gone), NetworkError when Telegram does not hand
        it out now.
        """
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(self._total_s):
                    return await self._once(file_id, limit_bytes)
            except (NetworkError, TimeoutError) as error:
                attempt += 1
                if attempt >= self._tries:
                    if isinstance(error, NetworkError):
                        raise error from None
                    raise TimedOut("the file came too slowly") from None
                log.info("a file did not come", attempt=attempt, reason=type(error).__name__)
            await pause(attempt, self._longest_pause_s)

    async def _once(self, file_id: str, limit_bytes: int) -> bytes:
        path, size = await self._find(file_id)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        url = f"{self._file_url}/{quote(path)}"
        async with self._transport.open("GET", url, read_s=self._read_s) as answer:
            if answer.status in _GONE:
                raise UnusableFile("media-gone")
            if answer.status != _OK:
                raise NetworkError(f"Telegram answered {answer.status}")
            if (answer.content_length or 0) > limit_bytes:
                raise too_large(limit_bytes)
            pieces = answer.content.iter_chunked(_CHUNK)
            return await join_pieces(pieces, limit_bytes, too_large(limit_bytes))

    async def _find(self, file_id: str) -> tuple[str, int]:
        """Return a file's path and size (0: not told) from the answer of getFile."""
        url = f"{self._method_url}?{urlencode({'file_id': file_id})}"
        try:
            found: object = await self._transport.post(url, read_timeout=self._read_s)
        except BadRequest as error:
            # Telegram has no code for it, only words. Source: tdlib.
            if "too big" in str(error).lower():
                raise too_large(TELEGRAM_BYTES) from None
            raise UnusableFile("media-gone") from None
        except NetworkError:
            raise
        except (TelegramError, TypeError) as error:
            raise NetworkError(f"getFile was not answered: {type(error).__name__}") from None
        told = found if isinstance(found, dict) else {}
        path, size = told.get("file_path"), told.get("file_size")
        if not isinstance(path, str) or not path:
            raise UnusableFile("media-gone")
        return path, size if isinstance(size, int) else 0
