"""What people hand over: files, voices, photos, albums of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from merlin.core.errors import Refused
from merlin.core.utf16 import units
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.entities import CAPTION_UNITS, typed
from merlin.sandbox.telegram.errors import BotApiError
from merlin.sandbox.telegram.files import as_media, keep_file
from merlin.sandbox.telegram.presence import Place, Presence

KINDS = frozenset({"document", "photo", "voice", "video_note", "audio", "video"})
MOST_IN_ALBUM = 10


class Handing(Presence):
    """People's files."""

    def send_file(
        self,
        who: str | int,
        upload: Upload,
        *,
        kind: str = "document",
        caption: str = "",
        seconds: int = 0,
    ) -> int:
        """Send a document, photo, voice, video_note, audio or video of so many seconds."""
        return self._hand(self.place(who), upload, kind, {}, (caption, seconds))

    def send_album(
        self, who: str | int, uploads: Sequence[Upload], *, kind: str = "photo", caption: str = ""
    ) -> list[int]:
        """Send 2 to 10 photos or documents as one album: an update each, one media_group_id."""
        if not 2 <= len(uploads) <= MOST_IN_ALBUM:  # noqa: PLR2004 - Telegram's least
            raise Refused("an album has 2 to 10 files")
        place = self.place(who)
        album = {"media_group_id": str(secrets.randbits(57))}
        captions = [caption, *[""] * (len(uploads) - 1)]
        return [
            self._hand(place, upload, kind, album, (words, 0))
            for upload, words in zip(uploads, captions, strict=True)
        ]

    def _hand(
        self,
        place: Place,
        upload: Upload,
        kind: str,
        more: dict[str, Any],
        said: tuple[str, int],
    ) -> int:
        caption, seconds = said
        if kind not in KINDS:
            raise Refused(f"people send no {kind} here")
        if units(caption) > CAPTION_UNITS:
            raise Refused("a caption has at most 1024 characters")
        try:
            file = keep_file(self._world, kind, upload)
        except BotApiError as error:
            raise Refused("a file must not be empty") from error
        content = {**more, **as_media(self._world, file, kind, seconds=seconds)}
        if caption:
            marked = typed(caption)
            content |= {"caption": caption, **({"caption_entities": marked} if marked else {})}
        return self.send(place, content)
