"""Backups: a snapshot of the database, the builds, the engine's models, optionally the text key.

An archive is a .tar.gz. Its last member, the manifest, lists every other member with size and
sha256, so a truncated archive has no manifest. SQLite is copied by VACUUM INTO, which does not
block writers, PostgreSQL by pg_dump. What can be recreated from git (the mirror) is left
out.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

from merlin import __version__
from merlin.core.clock import from_iso, iso
from merlin.core.durable_files import (
    FileDigest,
    give_to_owner,
    remove_durably,
    sync_file,
    temporary_folder,
    write_durably,
)
from merlin.core.errors import MerlinError, Refused
from merlin.core.killpoint import kill_point
from merlin.core.log import get_logger, redact
from merlin.db.connections import not_recorded, open_session, restore_mark, sqlite_path
from merlin.db.database import open_database
from merlin.db.driver_errors import driver_errors
from merlin.db.encryption import key_path
from merlin.db.migrations import STEPS, list_applied

log = get_logger(__name__)

MANIFEST = "manifest.json"
DUMP = "merlin.dump"
DATABASE = "merlin.db"
ENGINE = "engine/engine.db"
RESTORE_PREFIX = ".merlin-restore-"
FOLDERS = ("builds", "engine/files", "engine/models")
_NOTED = "run/backup"
_FORMAT = 1
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of an archive; `schema` lists the migrations applied to its database."""

    created_at: str
    database: str
    schema: tuple[str, ...]
    members: Mapping[str, FileDigest]
    merlin: str = __version__
    format: int = _FORMAT


def note_backup(state_dir: Path, at: datetime) -> None:
    """Record the time of a backup."""
    write_durably(state_dir / _NOTED, lambda place: place.write_text(iso(at)))
    give_to_owner((state_dir / _NOTED).parent, state_dir)


def find_last_backup(state_dir: Path) -> datetime | None:
    """Return the time of the last backup, None if there was none.

    Raises OSError if that cannot be read.
    """
    try:
        return from_iso((state_dir / _NOTED).read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return None


def write_backup(
    state_dir: Path,
    url: str,
    target: IO[bytes],
    at: datetime,
    *,
    with_key: bool = False,
) -> Manifest:
    """Write an archive of the state into a stream; `with_key` includes the key of people's texts.

    Raises NotFound if there is no database yet, MerlinError if one is lost or damaged or pg_dump
    fails.
    """
    if url.startswith("sqlite:") and not sqlite_path(url).exists():
        raise not_recorded(state_dir)
    members: dict[str, FileDigest] = {}
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        temporary_folder(state_dir, ".backup-") as beside,
        gzip.open(target, "wb", compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        staged = beside / "copy"
        for name, place in list_databases(state_dir, url):
            _copy_database(name, place, url, staged)
            members[name] = _add(archive, name, staged)
            staged.unlink()
        with open_database(url, read_only=True) as database:
            schema = list_applied(database)
        if not schema:
            raise not_recorded(state_dir)
        for name in _files(state_dir, with_key=with_key):
            with suppress(FileNotFoundError):  # removed by retention meanwhile
                members[name] = _add(archive, name, state_dir / name)
        manifest = Manifest(iso(at), database.dialect, schema, members)
        content = json.dumps(asdict(manifest), indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(content)
        info.mode = 0o600
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
            ((found,),) = database.execute("PRAGMA quick_check(1)")
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            database.execute(
                "PRAGMA synchronous = OFF"
            )  # of the copy, which its users sync
            database.execute("VACUUM INTO ?", (str(staged),))
        except sqlite3.Error as error:
            raise MerlinError(
                str(error), "backup-failed", what=name, reason=str(error)
            ) from error


def _call_postgresql(program: str, url: str, *arguments: str) -> None:
    """Run a PostgreSQL program on the database. Raises MerlinError with its error output."""
    from psycopg import pq  # noqa: PLC0415 - SQLite does without it

    # By the environment: a password in the arguments would be visible in `ps`.
    options = [each for each in pq.Conninfo.parse(url.encode()) if each.val is not None]
    named = {
        option.keyword.decode(): (option.val or b"").decode() for option in options
    }
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
            words,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
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
        info.size = file.tell()
        info.mode = 0o600
        info.mtime = int(path.stat().st_mtime)
        file.seek(0)
        archive.addfile(info, file)
    return FileDigest(info.size, digest)


def read_backup(source: IO[bytes], folder: Path) -> Manifest:
    """Unpack an archive into a new folder and verify every file against the manifest.

    Raises Refused for an archive that is truncated, modified or of a newer version.
    """
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
            raise Refused(
                "a newer backup", "restore-newer", version=str(document["merlin"])
            )
        members = {
            name: FileDigest(**each) for name, each in document.pop("members").items()
        }
        from_iso(document["created_at"])
        return Manifest(
            **{**document, "schema": tuple(document["schema"])}, members=members
        )
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


def _unpack(
    archive: tarfile.TarFile, info: tarfile.TarInfo, folder: Path
) -> FileDigest:
    if not _is_ours(info.name):
        raise tarfile.TarError(f"{info.name} is none of a backup's files")
    target = folder / info.name
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    size = 0
    with _open_member(archive, info) as reading, target.open("wb") as file:
        while chunk := reading.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    target.chmod(0o600)
    sync_file(target)
    return FileDigest(size, digest.hexdigest())


def restore_backup(
    source: IO[bytes], state_dir: Path, url: str, at: datetime
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
    for left in state_dir.glob(f"{RESTORE_PREFIX}*"):  # by a restore that was killed
        remove_durably(left)
    with temporary_folder(state_dir, RESTORE_PREFIX) as folder:
        manifest = read_backup(source, folder)
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
            _call_postgresql(
                "pg_restore",
                url,
                "--no-owner",
                "--exit-on-error",
                "--single-transaction",
                str(folder / DUMP),
            )
            # Until then every query is planned for empty tables.
            with driver_errors(), open_session(url, autocommit=True) as session:
                session.execute("ANALYZE")
        give_to_owner(state_dir, state_dir)
        remove_durably(mark)
    return manifest


def _replace_database(source: Path, place: Path, at: datetime) -> None:
    """Replace an SQLite file; the old one is kept, after its WAL was written into it."""
    if place.exists():
        with (
            closing(sqlite3.connect(place)) as database,
            suppress(sqlite3.DatabaseError),
        ):
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for ending in ("-wal", "-shm"):
            place.with_name(place.name + ending).unlink(missing_ok=True)
        kept = place.with_name(f"{place.name}.before-{at:%Y%m%dT%H%M%SZ}")
        kept.unlink(missing_ok=True)
        os.link(place, kept)
    _move(source, place)


def find_former_databases(state_dir: Path, url: str) -> list[Path]:
    """Return the SQLite files that restores kept."""
    places = [place for _, place in list_databases(state_dir, url) if place is not None]
    return sorted(
        path for each in places for path in each.parent.glob(f"{each.name}.before-*")
    )


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)
    sync_file(target.parent)
