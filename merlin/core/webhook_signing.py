"""Signatures of the Standard Webhooks scheme, version v1: HMAC-SHA256 over id.timestamp.body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

PREFIX = "whsec_"
_BYTES = 32
_SHOWN = 4
# A call that is older, or of the future, may be one that was overheard.
_TOLERANCE_S = 300
_DIGITS = 12


def new_secret() -> str:
    """Return a new secret of 256 bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def hint_of(secret: str) -> str:
    """Return what a secret's owner may know it by."""
    return f"{PREFIX}****{secret[-_SHOWN:]}"


def key_of(secret: str) -> bytes:
    """Return the bytes that sign. Raises ValueError for a secret that is empty or no base64."""
    if not secret.startswith(PREFIX):
        key = secret.encode()
    else:
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError("no base64 after whsec_") from error
    if not key:
        raise ValueError("an empty secret")
    return key


def headers_of(delivery_id: str, at: int, body: bytes, signing: Sequence[str]) -> dict[str, str]:
    """Return the headers of one try at `at` (seconds since 1970): a signature a secret."""
    signed = f"{delivery_id}.{at}.".encode() + body
    made = (hmac.new(key_of(secret), signed, hashlib.sha256).digest() for secret in signing)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in made),
    }


def is_signed(secret: str, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
    """Return whether a call was signed with a secret, within five minutes of `now`.

    Raises ValueError for a secret that `key_of` refuses.
    """
    delivery_id, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (delivery_id and moment.isascii() and moment.isdigit() and len(moment) <= _DIGITS):
        return False
    at = int(moment)
    if abs(now.timestamp() - at) > _TOLERANCE_S:
        return False
    wanted = headers_of(delivery_id, at, body, [secret])["webhook-signature"].encode()
    given = headers.get("webhook-signature", "").encode("latin-1").split()
    return any(hmac.compare_digest(each, wanted) for each in given)
