"""Telegram data: who opened a Mini App, in the words that Telegram signed (`initData`).

Ed25519 is asked first: it needs Telegram's public key and the bot's id, no token. The HMAC needs
the bot's token, and counts for clients that send no signature. Sources: core.telegram.org/bots/
webapps, "Validating data received via the Mini App" and "Validating data for Third-Party Use".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from merlin.core.utf16 import whole

# Telegram's public keys, in hexadecimal digits; the second is that of its test servers.
PRODUCTION = "e7bf03a2fa4602af4580703d88dda5bb59f32ed8b02a56c187fe7d34caed242d"
TEST = "40055058a4ee38156a06562e52eece92a771bcd8346a8c4615cb7376eddf72ec"
# How old it may be where somebody signs in by it; and how far Telegram's clock may be before ours.
FRESH = timedelta(hours=1)
AHEAD = timedelta(seconds=30)
MOST_BYTES, MOST_FIELDS = 4096, 32
MOST_ID = 2**52
_NAME_LENGTH = 129
_PROOFS = ("hash", "signature")


@dataclass(frozen=True, slots=True)
class Signers:
    """By what data is believed: `bot_id` and `keys` for Ed25519, `token` for the HMAC.

    Without a bot id, or without a token, that check passes nothing.
    """

    bot_id: int = 0
    keys: tuple[str, ...] = (PRODUCTION,)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TelegramPerson:
    """Whom Telegram vouches for; `source` is the same for the same data, however it is written."""

    user_id: int
    name: str
    language_code: str
    source: str


def read_telegram_data(text: str, signers: Signers, now: datetime) -> TelegramPerson | None:
    """Return who opened the page; None for what is forged, broken, old or of no person."""
    try:
        fields = _fields(text)
        is_believed = _is_signed(fields, signers) or _is_hashed(fields, signers.token)
        return _person(fields) if is_believed and _is_fresh(fields, now) else None
    except (ValueError, KeyError, OverflowError, RecursionError):
        return None


def _fields(text: str) -> dict[str, str]:
    """Return the fields. Raises ValueError for what Telegram never writes."""
    if len(text.encode()) > MOST_BYTES:
        raise ValueError("too long")
    pairs = parse_qsl(
        text,
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=MOST_FIELDS,
    )
    fields = dict(pairs)
    # What is signed is joined by line ends: within a value one could be read another way.
    if len(fields) < len(pairs) or any("\n" in name + value for name, value in pairs):
        raise ValueError("not as Telegram writes")
    return fields


def _is_signed(fields: Mapping[str, str], signers: Signers) -> bool:
    if not signers.bot_id or not fields.get("signature"):
        return False
    signature = _decoded(fields["signature"])
    said = f"{signers.bot_id}:WebAppData\n{_joined(fields, _PROOFS)}".encode()
    return any(_verifies(key, signature, said) for key in signers.keys)


def _verifies(key: str, signature: bytes, said: bytes) -> bool:
    with suppress(InvalidSignature):
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(signature, said)
        return True
    return False


def _decoded(text: str) -> bytes:
    """Return base64url without padding, written the one right way. Raises ValueError."""
    found = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    if base64.urlsafe_b64encode(found).rstrip(b"=") != text.encode("ascii"):
        raise ValueError("another way to write it")
    return found


def _is_hashed(fields: Mapping[str, str], token: str) -> bool:
    if not token or "hash" not in fields:
        return False
    secret = hmac.digest(b"WebAppData", token.encode(), "sha256")
    said = hmac.digest(secret, _joined(fields, ("hash",)).encode(), "sha256").hex()
    return hmac.compare_digest(said.encode(), fields["hash"].encode())


def _joined(fields: Mapping[str, str], without: tuple[str, ...]) -> str:
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields) if name not in without)


def _is_fresh(fields: Mapping[str, str], now: datetime) -> bool:
    said = fields["auth_date"]
    if not (said.isascii() and said.isdecimal()):
        return False
    at = datetime.fromtimestamp(int(said), UTC)
    return at - AHEAD <= now <= at + FRESH


def _person(fields: Mapping[str, str]) -> TelegramPerson | None:
    user = json.loads(fields["user"])
    if not isinstance(user, dict) or user.get("is_bot"):
        return None
    user_id = user.get("id")
    if type(user_id) is not int or not 0 < user_id < MOST_ID:
        return None
    named = [user.get(name) for name in ("first_name", "last_name")]
    name = " ".join(each for each in named if isinstance(each, str) and each)
    language = user.get("language_code")
    return TelegramPerson(
        user_id=user_id,
        name=whole(name)[:_NAME_LENGTH],
        language_code=whole(language)[:35] if isinstance(language, str) else "",
        source=hashlib.sha256(_joined(fields, _PROOFS).encode()).hexdigest(),
    )
