"""Secrets and signatures of the Standard Webhooks scheme."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError

PREFIX = "whsec_"
_BYTES = 32
_SHOWN = 4
Headers = dict[str, str]


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


def headers_of(delivery_id: str, at: datetime, body: bytes, signing: Sequence[str]) -> Headers:
    """Return the headers of one try: a signature by each secret."""
    made = (Webhook(key_of(each)).sign(delivery_id, at, body.decode()) for each in signing)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(made),
    }


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether a call was signed with a secret, within five minutes of now.

    Raises ValueError for a secret that `key_of` refuses.
    """
    webhook = Webhook(key_of(secret))
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        # ValueError: what is no text, number or base64.
        return False
    return True
