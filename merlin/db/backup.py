"""Backups: a snapshot of the database, the builds, the engine's models, optionally the text key.

An archive is a .tar.gz. Its last member, the manifest, lists every other member with size and
sha256, so a truncated archive has no manifest. SQLite is copied by VACUUM INTO, which does not
block writers, PostgreSQL by pg_dump. What can be recreated from git (the mirror) is left
out.

With a key the whole .tar.gz is one AES-256-GCM message: `HEAD`, the key's id, a nonce, the
ciphertext, the tag. It is decrypted into a file and unpacked only after its tag was verified.
"""

import gzip
import hashlib
import io
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from merlin import __version__
from merlin.core.clock import from_iso, iso
from merlin.core.durable_files import (
    FileDigest,
    give_to_owner,
    remove_durably,
    rename_durably,
    sync_file,
    temporary_folder,
    try_lock,
    write_durably,
)
from merlin.core.errors import MerlinError, Refused
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.db.connections import not_recorded, restore_mark, sqlite_path
from merlin.db.database import Database, open_database
from merlin.db.encryption import NONCE_BYTES, key_id, key_path
from merlin.db.migrations import STEPS, list_applied, list_pending

log = get_logger(__name__)

MANIFEST, DUMP, DATABASE, ENGINE = "manifest.json", "merlin.dump", "merlin.db", "engine/engine.db"
RESTORE_PREFIX = ".merlin-restore-"
FOLDERS = ("builds", "engine/files", "engine/models")
HEAD = b"merlin backup 1\n"
_KEY_ID, _TAG = 8, 16
_NOTED, _PIPED = "run/backup", " -"
_FORMAT = 1
_CHUNK = 1 << 20
_LOCK_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of an archive; `schema` lists the migrations applied to its database.

    `lacks` is the engine's database if it could not be copied, else "".
    """

    created_at: str
    database: str
    schema: tuple[str, ...]
    members: Mapping[str, FileDigest]
    merlin: str = __version__
    format: int = _FORMAT
    lacks: str = ""


def note_backup(state_dir: Path, at: datetime, *, is_piped: bool = False) -> None:
    """Record the time of a backup; `is_piped`: another program stores it, or fails to."""
    note = f"{iso(at)}{_PIPED if is_piped else ''}"
    write_durably(state_dir / _NOTED, lambda place: place.write_text(note))
    give_to_owner((state_dir / _NOTED).parent, state_dir)


def find_last_backup(state_dir: Path) -> tuple[datetime, bool] | None:
    """Return the time of the last backup and whether it was piped, None if there was none.

    Raises OSError if that cannot be read.
    """
    try:
        note = (state_dir / _NOTED).read_text("ascii")
        return from_iso(note.removesuffix(_PIPED)), note.endswith(_PIPED)
    except (FileNotFoundError, ValueError):
        return None


# Source: NIST SP 800-38D, 5.2.1.1.
MAX_ENCRYPTED = 2**36 - 32


class _Encryption:
    """Encrypts written bytes into a stream by AES-256-GCM; `close` adds the tag.

    Raises MerlinError if they exceed the maximum length of one message.
    """

    def __init__(self, target: IO[bytes], key: bytes) -> None:
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = HEAD + key_id(key).encode() + nonce
        self._target, self._size = target, 0
        self._encryptor = Cipher(AES(key), GCM(nonce)).encryptor()
        self._encryptor.authenticate_additional_data(head)
        target.write(head)

    def write(self, plain: bytes) -> int:
        """Encrypt and write all of it."""
        self._size += len(plain)
        if self._size > MAX_ENCRYPTED:
            raise MerlinError("more than can be encrypted", "backup-too-large")
        self._target.write(self._encryptor.update(plain))
        return len(plain)

    def flush(self) -> None:
        """Flush the stream below."""
        self._target.flush()

    def close(self) -> None:
        """Write the tag; the stream below stays open."""
        self._target.write(self._encryptor.finalize() + self._encryptor.tag)


def _decrypt(source: IO[bytes], target: IO[bytes], keys: Sequence[bytes]) -> None:
    """Decrypt `source` into `target`. Raises Refused if none of the keys fits."""
    head = source.read(len(HEAD) + _KEY_ID + NONCE_BYTES)
    named = head[len(HEAD) : -NONCE_BYTES].decode("ascii", "replace")
    is_whole = len(head) == len(HEAD) + _KEY_ID + NONCE_BYTES and head.startswith(HEAD)
    if not (is_whole and named.isascii() and named.isalnum()):
        raise Refused("another head", "restore-no-archive")
    key = next((each for each in keys if key_id(each) == named), None)
    if key is None:
        raise Refused("another key", "restore-wrong-key" if keys else "restore-no-key", id=named)
    decryptor = Cipher(AES(key), GCM(head[-NONCE_BYTES:])).decryptor()
    decryptor.authenticate_additional_data(head)
    held = b""
    while chunk := source.read(_CHUNK):
        held += chunk
        target.write(decryptor.update(held[:-_TAG]))
        held = held[-_TAG:]
    try:
        decryptor.finalize_with_tag(held)
    except (InvalidTag, ValueError) as error:
        raise Refused("another tag", "restore-no-archive") from error
    target.seek(0)


def write_backup(
    state_dir: Path,
    url: str,
    target: IO[bytes],
    at: datetime,
    *,
    with_key: bool = False,
    key: bytes | None = None,
) -> Manifest:
    """Write an archive of the state into a stream, encrypted if a `key` of 32 bytes is given.

    `with_key` includes the key of people's texts. Without the engine's database, if that is
    damaged, the rest is worth more than nothing. Raises NotFound if there is no database yet,
    MerlinError if it is lost or damaged or pg_dump fails.
    """
    if url.startswith("sqlite:") and not sqlite_path(url).exists():
        raise not_recorded(state_dir)
    members: dict[str, FileDigest] = {}
    lacks = ""
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        closing(_Encryption(target, key)) if key else nullcontext(target) as stream,
        temporary_folder(state_dir, ".backup-") as beside,
        gzip.open(stream, "wb", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        staged = beside / "copy"
        for name, place in list_databases(state_dir, url):
            try:
                _copy_database(name, place, url, staged)
                members[name] = _add(archive, name, staged)
            except MerlinError as error:
                if name != ENGINE:
                    raise
                lacks = name
                log.warning("the backup lacks a database", path=str(place), reason=str(error))
            staged.unlink(missing_ok=True)
        with open_database(url, read_only=True) as database:
            schema = list_applied(database)
        if not schema:
            raise not_recorded(state_dir)
        for name in _files(state_dir, with_key=with_key):
            with suppress(FileNotFoundError):  # removed by retention meanwhile
                members[name] = _add(archive, name, state_dir / name)
        manifest = Manifest(iso(at), database.dialect, schema, members, lacks=lacks)
        content = json.dumps(asdict(manifest), indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(content), 0o600
        archive.addfile(info, io.BytesIO(content))
    return manifest


def list_databases(state_dir: Path, url: str) -> Iterator[tuple[str, Path | None]]:
    """Yield the name in an archive, and the SQLite file, of each database."""
    if url.startswith("sqlite:"):
        yield DATABASE, sqlite_path(url)
    else:
        yield DUMP, None
    if (state_dir / ENGINE).exists():
        yield ENGINE, state_dir / ENGINE


def _copy_database(name: str, place: Path | None, url: str, staged: Path) -> None:
    if place is None:
        _call_postgresql("pg_dump", url, "--format=custom", f"--file={staged}")
        return
    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as database:
        try:
            database.execute("PRAGMA synchronous = OFF")  # of the copy, which its users sync
            database.execute("VACUUM INTO ?", (str(staged),))
        except sqlite3.Error as error:
            raise MerlinError(str(error), "backup-failed", what=name, reason=str(error)) from error


def keep_before_upgrade(state_dir: Path, url: str, database: Database) -> None:
    """Copy a database before its schema changes; only the newest copy is kept.

    The copy allows a return to the previous version: `merlin.db.before-STEP` beside the SQLite
    file, `merlin.dump.before-STEP` by pg_dump in the state folder; STEP is the first migration to
    apply. Raises MerlinError if the SQLite copy cannot be written. Without a pg_dump that matches
    the server the upgrade continues: migrations only add, all in one transaction.
    """
    steps = list_pending(database)
    if not steps:  # another process has upgraded it
        return
    place = sqlite_path(url) if url.startswith("sqlite:") else None
    path = place or state_dir / DUMP
    kept = path.with_name(f"{path.name}.before-{steps[0].__name__}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    older = [each for each in path.parent.glob(f"{path.name}.before-m*") if each != kept]
    beside = kept.with_name(f".{kept.name}.part")
    while (lock := try_lock(beside)) is None:  # another process makes the copy
        time.sleep(_LOCK_POLL_S)
    try:
        if kept.exists():
            return
        os.truncate(beside, 0)  # what a killed process left
        _copy_database(path.name, place, url, beside)
        rename_durably(beside, kept)
        give_to_owner(kept, kept.parent)
    except MerlinError as error:
        if place:
            raise
        log.warning("the upgrade goes on without a copy of PostgreSQL", reason=str(error))
        return
    finally:
        beside.unlink(missing_ok=True)
        os.close(lock)
    log.info("kept the database of before the upgrade", path=str(kept))
    for each in older:
        each.unlink(missing_ok=True)


def _call_postgresql(program: str, url: str, *arguments: str) -> None:
    """Run a PostgreSQL program on the database. Raises MerlinError with its error output."""
    from psycopg import pq  # noqa: PLC0415 - SQLite does without it

    # By the environment: a password in the arguments would be visible in `ps`.
    options = [each for each in pq.Conninfo.parse(url.encode()) if each.val is not None]
    named = {option.keyword.decode(): (option.val or b"").decode() for option in options}
    environment = {
        option.envvar.decode(): named[option.keyword.decode()]
        for option in options
        if option.envvar
    }
    words = [program, *arguments, "--no-password"]
    if program == "pg_restore":
        words.append(f"--dbname={named['dbname']}")
    try:
        done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, its arguments ours
            words, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise MerlinError(str(error), "backup-no-program", program=program) from error
    if done.returncode:
        why = redact(done.stderr).strip() or f"exit code {done.returncode}"
        raise MerlinError(why, "backup-failed", what=program, reason=why)


def _files(state_dir: Path, *, with_key: bool) -> Iterator[str]:
    """Yield the paths within the state folder of the files to copy unchanged."""
    for folder in FOLDERS:
        for path in sorted((state_dir / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(state_dir))
    if with_key and (key := key_path(state_dir)).exists():
        yield str(key.relative_to(state_dir))


def _add(archive: tarfile.TarFile, name: str, path: Path) -> FileDigest:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        info = tarfile.TarInfo(name)
        info.size, info.mode = file.tell(), 0o600
        info.mtime = int(path.stat().st_mtime)
        file.seek(0)
        archive.addfile(info, file)
    return FileDigest(info.size, digest)


def read_backup(source: io.BufferedReader, folder: Path, keys: Sequence[bytes]) -> Manifest:
    """Unpack an archive into a new folder and verify every file against the manifest.

    An encrypted archive is decrypted with one of `keys`. Raises Refused for an archive that is
    truncated, modified, of a newer version, or that none of the keys decrypts.
    """
    if source.peek(1)[:1] != HEAD[:1]:
        return _read_archive(source, folder)
    with tempfile.TemporaryFile(dir=folder) as plain:
        _decrypt(source, plain, keys)
        return _read_archive(plain, folder)


def _read_archive(source: IO[bytes], folder: Path) -> Manifest:
    found: dict[str, FileDigest] = {}
    content = b""
    try:
        with tarfile.open(fileobj=source, mode="r|gz") as archive:
            for info in archive:
                if info.name == MANIFEST:
                    content = _open_member(archive, info).read()
                else:
                    found[info.name] = _unpack(archive, info, folder)
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise Refused(str(error), "restore-no-archive") from error
    except OSError as error:
        named = {"path": str(folder), "reason": error.strerror or str(error)}
        raise Refused(str(error), "restore-unreadable", **named) from error
    manifest = _parse_manifest(content)
    expected = manifest.members
    differing = sorted(
        name for name in {*expected, *found} if expected.get(name) != found.get(name)
    )
    if differing:
        raise Refused("members differ", "restore-broken", why=differing[0])
    return manifest


def _parse_manifest(content: bytes) -> Manifest:
    """Return the manifest. Raises Refused if it is missing or of a newer version."""
    try:
        document = json.loads(content)
        if document["format"] > _FORMAT or {*document["schema"]} - {
            step.__name__ for step in STEPS
        }:
            raise Refused("a newer backup", "restore-newer", version=str(document["merlin"]))
        members = {name: FileDigest(**each) for name, each in document.pop("members").items()}
        from_iso(document["created_at"])
        return Manifest(**{**document, "schema": tuple(document["schema"])}, members=members)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refused("no manifest", "restore-broken", why=MANIFEST) from error


def _open_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    reading = archive.extractfile(info)
    if reading is None:
        raise tarfile.TarError(f"{info.name} is no file")
    return reading


def _is_ours(name: str) -> bool:
    """Return whether a backup may contain a file of this name: git might run one in mirror.git."""
    parts = PurePosixPath(name).parts
    is_known = name in (DATABASE, DUMP, ENGINE, key_path(Path()).name)
    is_below = name.startswith(tuple(f"{folder}/" for folder in FOLDERS))
    return (is_known or is_below) and "/".join(parts) == name and ".." not in parts


def _unpack(archive: tarfile.TarFile, info: tarfile.TarInfo, folder: Path) -> FileDigest:
    if not _is_ours(info.name):
        raise tarfile.TarError(f"{info.name} is none of a backup's files")
    target = folder / info.name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with _open_member(archive, info) as reading, target.open("wb") as file:
        while chunk := reading.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    target.chmod(0o600)
    sync_file(target)
    return FileDigest(size, digest.hexdigest())


def restore_backup(
    source: io.BufferedReader, state_dir: Path, url: str, at: datetime, keys: Sequence[bytes]
) -> Manifest:
    """Replace the state by that of an archive; return its manifest.

    No process may use the state meanwhile. First the whole archive is unpacked and verified: a kill
    leaves the old state. Then the files are moved, the databases last. Until that is complete, a
    marker file in the state folder keeps every process from starting; running the same command
    again completes the restore. The old SQLite file is kept as `merlin.db.before-TIME`.
    Raises Refused as `read_backup` does, for a backup of another kind of database, and for a
    PostgreSQL database that is not empty.
    """
    dialect = "sqlite" if url.startswith("sqlite:") else "postgresql"
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with temporary_folder(state_dir, RESTORE_PREFIX) as folder:
        manifest = read_backup(source, folder, keys)
        if manifest.database != dialect:
            kinds = {"backup": manifest.database, "configured": dialect}
            raise Refused("another kind of database", "restore-other-database", **kinds)
        if dialect == "postgresql":
            with open_database(url) as database:
                if database.has_table("migration"):
                    raise Refused("not empty", "restore-not-empty")
        mark = restore_mark(state_dir)
        write_durably(mark, lambda place: place.write_text(manifest.created_at))
        for name in manifest.members:
            if name not in (DATABASE, DUMP, ENGINE):
                _move(folder / name, state_dir / name)
        if ENGINE in manifest.members:
            _replace_database(folder / ENGINE, state_dir / ENGINE, at)
        kill_point("restore.moving")
        if DATABASE in manifest.members:
            _replace_database(folder / DATABASE, sqlite_path(url), at)
        if DUMP in manifest.members:
            words = ("--no-owner", "--exit-on-error", "--single-transaction", str(folder / DUMP))
            _call_postgresql("pg_restore", url, *words)
        give_to_owner(state_dir, state_dir)
        remove_durably(mark)
    return manifest


def _replace_database(source: Path, place: Path, at: datetime) -> None:
    """Replace an SQLite file; the old one is kept, after its WAL was written into it."""
    if place.exists():
        with closing(sqlite3.connect(place)) as database, suppress(sqlite3.DatabaseError):
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for ending in ("-wal", "-shm"):
            place.with_name(place.name + ending).unlink(missing_ok=True)
        kept = place.with_name(f"{place.name}.before-{at:%Y%m%dT%H%M%SZ}")
        kept.unlink(missing_ok=True)
        os.link(place, kept)
    _move(source, place)


def find_former_databases(state_dir: Path, url: str) -> list[Path]:
    """Return the SQLite files that restores and the last upgrade kept."""
    places = [place for _, place in list_databases(state_dir, url) if place is not None]
    return sorted(path for each in places for path in each.parent.glob(f"{each.name}.before-*"))


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)
    sync_file(target.parent)
