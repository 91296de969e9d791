"""Signatures of the Standard Webhooks scheme."""

import base64
import binascii
from collections.abc import Mapping

from standardwebhooks import Webhook, WebhookVerificationError

PREFIX = "whsec_"


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
