"""Sealed: reading sealed texts where one that no key opens must not stop everything else."""

from __future__ import annotations

from merlin.core.log import get_logger
from merlin.store.cipher import Cipher, SealBroken

log = get_logger(__name__)


def opened(cipher: Cipher, sealed: str) -> str | None:
    """Return the text; "" for one that was forgotten, None for one that no key here opens."""
    if not sealed:
        return ""
    try:
        return cipher.open(sealed)
    except SealBroken as error:
        log.warning("a stored text cannot be opened", reason=str(error))
        return None
