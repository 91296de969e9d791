"""From columns to values and back: times, JSON, encrypted texts.

One text that no key opens must not stop the reading of all others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from merlin.core.clock import from_iso, iso
from merlin.core.log import get_logger
from merlin.core.messages import Message
from merlin.db.encryption import Cipher, DecryptionFailed

log = get_logger(__name__)


def decrypt(cipher: Cipher, sealed: str) -> str | None:
    """Return the text; "" for one that was forgotten, None for one that no key here opens."""
    if not sealed:
        return ""
    try:
        return cipher.open(sealed)
    except DecryptionFailed as error:
        log.warning("a stored text cannot be opened", reason=str(error))
        return None


def storable_text(text: str) -> str:
    """Return `text` as both databases store it: no NUL, no half of a surrogate pair."""
    return (
        text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


def dump_json(value: object) -> str:
    """Return `value` as the JSON that a column keeps."""
    return storable_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def load_json(text: str | None) -> Any:
    """Return what `dumped` wrote; None stays None."""
    return None if text is None else json.loads(text)


def dump_time(moment: datetime | None) -> str | None:
    """Return a time as a column keeps it."""
    return None if moment is None else iso(moment)


def load_time(text: str | None) -> datetime | None:
    """Return the time that a column keeps."""
    return None if text is None else from_iso(text)


def messages_of(text: str) -> tuple[Message, ...]:
    """Return the messages that `dumped_messages` wrote."""
    return tuple(_message(each) for each in json.loads(text))


def _message(stored: Mapping[str, Any]) -> Message:
    extra = {key: value for key, value in stored.items() if key not in ("role", "content")}
    return Message(stored["role"], stored["content"], extra)
