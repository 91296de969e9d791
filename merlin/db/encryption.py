"""Encryption of people's texts in the database, and its keys.

A sealed text is `1.<key id>.<nonce, ciphertext and tag, url-safe base64>` by AES-256-GCM; the
version and the key's id are authenticated with it. Of several keys, one a line, the first encrypts;
the others decrypt what they encrypted (`merlin.db.keyring` rotates them).
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from merlin.config.settings import TEXT_KEY
from merlin.core import durable_files
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.log import get_logger, hide_secrets

log = get_logger(__name__)

KEY_BYTES = 32
NONCE_BYTES = 12
_VERSION = "1"
# A sealed text as it is stored.
SEALED = re.compile(r"1\.(?P<key>[0-9a-f]{8})\.[\w=-]+", re.ASCII)
_BETWEEN_KEYS = re.compile(r"[\s,]+")


class DecryptionFailed(MerlinError):
    """A stored text cannot be decrypted: its key is missing, or the text was modified."""


class Cipher:
    """Encrypts with the newest key; decrypts with any of the keys."""

    def __init__(self, keys: Mapping[str, bytes], newest: str) -> None:
        self._raw = {newest: keys[newest], **keys}
        self._keys = {key_id: AESGCM(key) for key_id, key in self._raw.items()}

    @property
    def newest(self) -> str:
        """Return the id of the key that encrypts."""
        return next(iter(self._keys))

    @property
    def holds(self) -> tuple[str, ...]:
        """Return the ids of all its keys, the encrypting one first."""
        return tuple(self._keys)

    def seal(self, text: str) -> str:
        """Return `text` encrypted; the same text gives a different result each time.

        A lone surrogate becomes a question mark.
        """
        newest, key = next(iter(self._keys.items()))
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = f"{_VERSION}.{newest}"
        body = key.encrypt(nonce, text.encode("utf-8", "replace"), head.encode())
        return f"{head}.{base64.urlsafe_b64encode(nonce + body).decode()}"

    def open(self, sealed: str) -> str:
        """Return the decrypted text. Raises DecryptionFailed."""
        version, _, rest = sealed.partition(".")
        key_id, _, coded = rest.partition(".")
        key = self._keys.get(key_id)
        if version != _VERSION or key is None:
            raise DecryptionFailed(
                "no key for this text", "store-no-key", key_id=key_id
            )
        try:
            body = _decode(coded.encode())
            head = f"{version}.{key_id}".encode()
            return key.decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], head).decode()
        except (InvalidTag, ValueError) as error:
            raise DecryptionFailed(
                "a stored text was changed", "store-seal-broken"
            ) from error

    def marks(self, text: str) -> list[str]:
        """Return the keyed hashes of `text`, the newest key's first."""
        raw = self._raw.values()
        marks = [
            hmac.new(key, b"merlin mark " + text.encode(), "sha256") for key in raw
        ]
        return [mark.hexdigest() for mark in marks]


def load_or_make_key(state_dir: Path, given: str | None) -> Cipher:
    """Return the cipher of the credential `given`, else of `state_dir/text.key`, made if missing.

    With both, the credential encrypts and the file's keys still decrypt. Raises ConfigError if a
    key is not 32 bytes in url-safe base64; the message never contains the key.
    """
    path = key_path(state_dir)
    if given is None and not path.exists():
        _make(path)
    keys = read_keys(path, given)
    return Cipher({key_id(key): key for key in keys}, key_id(keys[0]))


def key_path(state_dir: Path) -> Path:
    """Return the path of the key file that is used without a credential."""
    return state_dir / "text.key"


def read_keys(path: Path, given: str | None = None) -> list[bytes]:
    """Return the keys of the credential `given` and of the file, [] if there is neither.

    The encrypting one is first. Raises ConfigError.
    """
    keys = [] if given is None else parse_keys(given, TEXT_KEY)
    text = path.read_text("ascii", "replace") if path.exists() else None
    is_empty = text is None or (keys and not text)
    return keys if is_empty else [*keys, *parse_keys(text or "", str(path))]


def digest(secret: str) -> str:
    """Return the hash that is stored of a key or another random secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def key_id(key: bytes) -> str:
    """Return the id of a key, which reveals nothing about the key itself."""
    return hashlib.sha256(b"merlin text key " + key).hexdigest()[:8]


def parse_keys(text: str, where: str) -> list[bytes]:
    """Return the keys in a text, one a line; none is logged from now on. Raises ConfigError."""
    words = _BETWEEN_KEYS.split(text.strip())
    hide_secrets(words)
    return [_key(word.encode(), where) for word in words]


def _key(text: bytes, where: str) -> bytes:
    try:
        key = _decode(text)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(f"{where} is not a key", "store-bad-key", where=where)
    return key


def _decode(text: bytes) -> bytes:
    # Strict, unlike urlsafe_b64decode, which ignores characters outside the alphabet.
    return base64.b64decode(text, altchars=b"-_", validate=True)


def _make(path: Path) -> None:
    """Create the key file atomically, unless another process has created it before."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        draft = Path(folder, path.name)
        draft.touch(0o600)
        draft.write_bytes(format_keys([new_key()]))
        durable_files.sync_file(draft)
        durable_files.give_to_owner(draft, path.parent)
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    durable_files.sync_file(path.parent)
    log.warning(
        "made a key for people's texts; keep a copy apart from backups", path=str(path)
    )


def new_key() -> bytes:
    """Return a new random key."""
    return secrets.token_bytes(KEY_BYTES)


def format_keys(keys: Sequence[bytes]) -> bytes:
    """Return the content of a file of keys."""
    return b"".join(base64.urlsafe_b64encode(key) + b"\n" for key in keys)
