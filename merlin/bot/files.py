"""What a message holds besides text, fetched from Telegram piece by piece and never too large.

The address of a file holds the bot's token: no error and no log line tells it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
from telegram.error import NetworkError, TimedOut

from merlin.app.inbox import json_integer
from merlin.bot.loops import pause
from merlin.bot.transport import CONNECT_S, READ_S, NotSent
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
_LARGEST_WORD = 1_000_000
_CHUNK = 65_536
_OK, _BAD, _NOT_THERE, _BUSY, _SERVER = 200, 400, 404, 429, 500


@dataclass(frozen=True, slots=True)
class FilesPatience:
    """How long one fetch may take, in seconds, and how often it is tried."""

    total_s: float = TOTAL_S
    read_s: float = READ_S
    longest_pause_s: float = LONGEST_PAUSE_S
    tries: int = TRIES


class Files:
    """The files of one bot; `base_url` ends in `/bot`, as the services have it."""

    def __init__(self, token: str, base_url: str, patience: FilesPatience | None = None) -> None:
        self._method_url = f"{base_url}{token}"
        self._file_url = f"{base_url.removesuffix('/bot')}/file/bot{token}"
        self._patience = patience or FilesPatience()
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Open the session; a second call changes nothing."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_S, sock_read=self._patience.read_s
                ),
            )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def fetch(self, file_id: str, limit_bytes: int) -> bytes:
        """Return a file's bytes, tried a few times where the line is bad.

        Raises Unreadable (media-too-large, media-gone), NetworkError when Telegram does not hand
        it out now.
        """
        attempt = 0
        while True:
            try:
                async with asyncio.timeout(self._patience.total_s):
                    return await self._once(file_id, limit_bytes)
            except (NetworkError, TimeoutError) as error:
                attempt += 1
                if attempt >= self._patience.tries:
                    raise _as_network_error(error) from None
                log.info("a file did not come", attempt=attempt, reason=type(error).__name__)
            await pause(attempt, self._patience.longest_pause_s)

    async def _once(self, file_id: str, limit_bytes: int) -> bytes:
        async with self._answer(f"{self._method_url}/getFile", {"file_id": file_id}) as answer:
            told = await _bounded(answer, _LARGEST_WORD)
            path, size = _path(answer.status, told)
        if size > limit_bytes:
            raise too_large(limit_bytes)
        async with self._answer(f"{self._file_url}/{quote(path)}") as answer:
            if answer.status != _OK:
                raise _refusal(answer.status, "")
            return await _bounded(answer, limit_bytes)

    @asynccontextmanager
    async def _answer(
        self, url: str, form: dict[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the answer to a call; whatever breaks is told without the address."""
        if self._session is None:
            raise NotSent("the files are not open")
        method = "POST" if form else "GET"
        try:
            async with self._session.request(
                method, url, data=form, allow_redirects=False
            ) as answer:
                yield answer
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotSent(f"no connection: {type(error).__name__}") from None
        except TimeoutError as error:
            raise TimedOut(f"no answer in time: {type(error).__name__}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NetworkError(f"connection broke: {type(error).__name__}") from None


def _as_network_error(error: Exception) -> NetworkError:
    return error if isinstance(error, NetworkError) else TimedOut("the file came too slowly")


async def _bounded(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """Return a body, read no further than it may be long. Raises Unreadable."""
    if (answer.content_length or 0) > most:
        raise too_large(most)
    return await join_pieces(answer.content.iter_chunked(_CHUNK), most, too_large(most))


def _path(status: int, told: bytes) -> tuple[str, int]:
    """Return a file's path and size (0: not told) from the answer of getFile."""
    try:
        said = json.loads(told)
    except ValueError:
        raise NetworkError(f"getFile answered {status} without JSON") from None
    if not isinstance(said, dict) or status != _OK:
        raise _refusal(status, str(said.get("description", "")) if isinstance(said, dict) else "")
    result = said.get("result")
    path = result.get("file_path") if isinstance(result, dict) else None
    size = result.get("file_size") if isinstance(result, dict) else None
    if not isinstance(path, str) or not path:
        raise UnusableFile("media-gone")
    return path, size if isinstance(size, int) else 0


def _refusal(status: int, words: str) -> Exception:
    """Return what a status other than 200 means."""
    if "too big" in words.lower():  # Telegram has no code for it, only words. Source: tdlib.
        return too_large(TELEGRAM_BYTES)
    if status in {_BAD, _NOT_THERE}:
        return UnusableFile("media-gone")
    return NetworkError(f"Telegram answered {status}")


# What people send besides text, and by which word we speak of it. A GIF is a document too, so
# that older clients show it: what it really is comes first.
_KINDS = {
    "animation": "other",
    "voice": "voice",
    "audio": "voice",
    "video_note": "voice",
    "photo": "photo",
    "document": "document",
    "sticker": "other",
    "video": "other",
    "location": "other",
    "venue": "other",
    "contact": "other",
    "poll": "other",
    "dice": "other",
    "story": "other",
    "paid_media": "other",
    "checklist": "other",
}
# Files sent as documents that are something else, by the beginning of their mime type.
_DOCUMENTS = {"image/": "photo", "audio/": "voice"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A file of a message; `kind` is voice, photo, document or other.

    `size` is in bytes and `seconds` of a sound, 0 where Telegram does not say; `album` is the
    group that it was sent with, "" for none.
    """

    kind: str
    file_id: str = ""
    name: str = ""
    mime: str = ""
    size: int = 0
    seconds: int = 0
    album: str = ""


def sent_of(message: Mapping[str, Any]) -> Sent | None:
    """Return what a message holds besides text, None for nothing."""
    for name, kind in _KINDS.items():
        if name in message:
            return _sent(kind, name, message)
    return None


def _sent(kind: str, name: str, message: Mapping[str, Any]) -> Sent:
    found = message[name]
    if isinstance(found, list):  # a photo in several sizes, the largest last
        found = found[-1] if found else {}
    file: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    if kind == "other":
        return Sent(kind)
    mime = str(file.get("mime_type", ""))
    if kind == "document":
        kind = next((word for mark, word in _DOCUMENTS.items() if mime.startswith(mark)), kind)
    return Sent(
        kind=kind,
        file_id=str(file.get("file_id", "")),
        name=str(file.get("file_name", "")),
        mime=mime,
        size=json_integer(file, "file_size"),
        seconds=json_integer(file, "duration"),
        album=str(message.get("media_group_id", "")),
    )
