"""Cipher: what people say lies encrypted in the database, and the key is found or made.

A sealed text is `1.<key id>.<nonce, ciphertext and tag, url-safe base64>` by AES-256-GCM; the
version and the key's id are authenticated with it. Old keys still open what they sealed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from merlin.core import durable
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.log import get_logger

log = get_logger(__name__)

KEY_BYTES, NONCE_BYTES = 32, 12
CREDENTIAL = "MERLIN_TEXT_KEY"
_VERSION = "1"


class SealBroken(MerlinError):
    """A stored text cannot be opened: its key is not here, or it was changed."""


class Cipher:
    """Seals with the newest key, opens with whichever of the keys sealed."""

    def __init__(self, keys: Mapping[str, bytes], newest: str) -> None:
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = newest
        if newest not in self._keys:
            raise ValueError("the newest key is not among the keys")

    def seal(self, text: str) -> str:
        """Return `text` sealed; the same text never looks the same twice."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = f"{_VERSION}.{self._newest}"
        body = self._keys[self._newest].encrypt(nonce, text.encode(), head.encode())
        return f"{head}.{base64.urlsafe_b64encode(nonce + body).decode()}"

    def open(self, sealed: str) -> str:
        """Return the text that was sealed. Raises SealBroken."""
        version, _, rest = sealed.partition(".")
        key_id, _, coded = rest.partition(".")
        key = self._keys.get(key_id)
        if version != _VERSION or key is None:
            raise SealBroken("no key for this text", "store-no-key", key_id=key_id)
        try:
            body = _decoded(coded.encode())
            head = f"{version}.{key_id}".encode()
            return key.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], head).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken("a stored text was changed", "store-seal-broken") from error


def load_or_make_key(state_dir: Path, given: str | None) -> Cipher:
    """Return the cipher of the credential `given`, else of `state_dir/text.key`, made if missing.

    With both, the credential seals and the file's key still opens. Raises ConfigError when a
    key is not 32 bytes in url-safe base64; the words never show the key.
    """
    path = state_dir / "text.key"
    if given is not None:
        newest = _key(given.encode(), CREDENTIAL)
        older = [_key(path.read_bytes(), str(path))] if path.exists() else []
        return _cipher(newest, *older)
    if not path.exists():
        _make(path)
    return _cipher(_key(path.read_bytes(), str(path)))


def key_id(key: bytes) -> str:
    """Return the name of a key: it tells keys apart and nothing of what they are."""
    return hashlib.sha256(b"merlin text key " + key).hexdigest()[:8]


def _cipher(newest: bytes, *older: bytes) -> Cipher:
    return Cipher({key_id(key): key for key in (*older, newest)}, key_id(newest))


def _key(text: bytes, where: str) -> bytes:
    try:
        key = _decoded(text.strip())
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{where} is not a key", "store-bad-key", where=where)
    return key


def _decoded(text: bytes) -> bytes:
    # Strict, unlike urlsafe_b64decode, which passes over what is not of the alphabet.
    return base64.b64decode(text, altchars=b"-_", validate=True)


def _make(path: Path) -> None:
    """Make the key file, whole at its first sight; a process that came first has made it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".text.key.{os.getpid()}.{secrets.token_hex(4)}")
    made = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES))
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(made + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    durable.sync(path.parent)
    log.warning("made a key for people's texts; keep it with your backups", path=str(path))
