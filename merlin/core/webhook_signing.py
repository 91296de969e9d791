"""Secrets and signatures of the Standard Webhooks scheme."""

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook, WebhookVerificationError

PREFIX = "whsec_"
_BYTES = 32
_VISIBLE_CHARACTERS = 4
Headers = dict[str, str]


def new_secret() -> str:
    """Return a new secret of 256 bits."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def mask_secret(secret: str) -> str:
    """Return the secret masked except for its last characters, so that its owner recognises it."""
    return f"{PREFIX}****{secret[-_VISIBLE_CHARACTERS:]}"


def signing_key(secret: str) -> bytes:
    """Return the signing key. Raises ValueError if the secret is empty or not valid base64."""
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


def make_signed_headers(
    delivery_id: str, at: datetime, body: bytes, signing_secrets: Sequence[str]
) -> Headers:
    """Return the headers of one delivery attempt, with a signature by each secret."""
    signatures = (
        Webhook(signing_key(secret)).sign(delivery_id, at, body.decode())
        for secret in signing_secrets
    )
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether a webhook was signed with this secret within five minutes of now.

    Raises ValueError if `signing_key` rejects the secret.
    """
    webhook = Webhook(signing_key(secret))
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        # ValueError: headers that are not text, numbers or base64
        return False
    return True
