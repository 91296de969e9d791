"""`merlin backup|restore|migrate-db|upgrade`: save, restore and move the stored state."""

from __future__ import annotations

import io
import os
import shlex
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Annotated

import typer

from merlin.cli.options import (
    DEFAULT,
    AsJson,
    ConfigPath,
    configuration,
    print_result,
    require_stopped,
)
from merlin.cli.output import (
    format_cell,
    print_json,
    print_list,
    print_message,
    show_progress,
    unwritable_error,
)
from merlin.core.clock import from_iso, utc_now
from merlin.core.durable_files import (
    give_to_owner,
    remove_abandoned,
    rename_durably,
    temporary_folder,
)
from merlin.core.errors import ConfigError, MerlinError, Refused
from merlin.db.connections import require_whole, restore_mark, sqlite_path
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.wiring.context import open_migrated_database

if TYPE_CHECKING:
    from merlin.config import Config
    from merlin.db.backup import Manifest

app = typer.Typer()
_ARCHIVE_STEM = "merlin-{:%Y%m%dT%H%M%S.%fZ}"
_ENDING = ".tar.gz"
_SYNCED_BYTES = 4 << 20
_DRY_RUN = typer.Option(
    "--dry-run", help="Verify every byte and show the contents; change nothing."
)


@app.command()
def backup(
    to: Annotated[
        str,
        typer.Argument(
            help="Folder for archives (default: backups); - writes to stdout."
        ),
    ] = "",
    config: ConfigPath = DEFAULT,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Keep only this many of all archives there."),
    ] = None,
    with_key: Annotated[
        bool,
        typer.Option(
            "--with-key", help="Include the key that encrypts people's texts."
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Write database, builds and the engine's models to one archive; Merlin can be running."""
    from merlin.db.backup import note_backup, write_backup

    settings = configuration(config)
    now = utc_now()
    state = settings.state_dir
    require_whole(state)
    write = partial(write_backup, state, settings.database, at=now, with_key=with_key)
    if to == "-":
        _write_to_stdout(write)
        note_backup(state, now)
        return
    folder = Path(to) if to else state / "backups"
    is_new = not folder.exists()
    path = folder / f"{_ARCHIVE_STEM.format(now)}{_ENDING}"
    _write_archive(write, path, to)
    give_to_owner(*((folder, folder.parent) if is_new else (path, folder)))
    archives = sorted(folder.glob(f"merlin-*Z{_ENDING}"))
    expired = archives[:-keep] if keep else []
    for archive in expired:
        archive.unlink(missing_ok=True)  # another backup may be removing it
    note_backup(state, now)
    size = path.stat().st_size
    values = {
        "path": str(path),
        "bytes": size,
        "deleted": [str(archive) for archive in expired],
    }
    shown = {"path": str(path), "mb": round(size / 1e6, 1), "deleted": len(expired)}
    print_result(values, "backup-done", json=json, **shown)


def _write_to_stdout(write: partial[Manifest]) -> None:
    """Write an archive to standard output. Raises Refused, MerlinError if nobody reads it all."""
    if sys.stdout.isatty():
        raise Refused("stdout is a terminal", "backup-terminal")
    try:
        with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as piped:
            write(piped)
    except BrokenPipeError as error:
        raise MerlinError("the reader closed the pipe", "backup-not-read") from error


def _write_archive(write: partial[Manifest], path: Path, to: str) -> None:
    """Write an archive that is there as a whole or not at all; `to` is what the command named.

    Raises ConfigError, and the errors of a folder that cannot be written.
    """
    folder = path.parent
    remove_abandoned(folder.glob(f".merlin-*{_ENDING}.part"))
    temporary = folder / f".{path.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.touch(0o600)
        # Synced in pieces: one sync of a whole archive would delay everyone's commits meanwhile.
        synced = os.open(temporary, os.O_WRONLY | os.O_DSYNC)
        with os.fdopen(synced, "wb", _SYNCED_BYTES) as target:
            write(target)
        rename_durably(temporary, path)
    except FileExistsError as error:
        raise ConfigError("not a folder", "backup-no-folder", path=to) from error
    except OSError as error:
        # A copy is made in the state folder before it goes into the archive.
        raise unwritable_error(Path(error.filename or folder), error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@app.command()
def restore(
    archive: Annotated[
        str, typer.Argument(help="Archive made by `merlin backup`; - reads stdin.")
    ],
    config: ConfigPath = DEFAULT,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Restore over an existing database, which is kept as a copy.",
        ),
    ] = False,
    dry_run: Annotated[bool, _DRY_RUN] = False,
    json: AsJson = False,
) -> None:
    """Restore a backup, after verifying every byte; Merlin must be stopped."""
    from merlin.cli.key import find_missing_keys
    from merlin.db.backup import (
        find_former_databases,
        read_backup,
        restore_backup,
    )

    settings = configuration(config)
    with ExitStack() as stack:
        source = _open_archive(stack, archive)
        if dry_run:
            # On the disk of the state folder if it exists.
            state = settings.state_dir
            folder = state if state.is_dir() else Path(gettempdir())
            scratch = stack.enter_context(temporary_folder(folder, ".verify-"))
            manifest = read_backup(source, scratch)
        else:
            _check_replaceable(stack, settings, may_replace=replace)
            manifest = restore_backup(
                source, settings.state_dir, settings.database, utc_now()
            )
    _print_manifest(
        "restore-verified" if dry_run else "restore-done", manifest, json=json
    )
    if dry_run:
        return
    with open_migrated_database(settings):  # the backup may be of an earlier version
        missing = find_missing_keys(settings)
    if missing:
        print_message("restore-lacks-text-key", keys=", ".join(missing))
    if former := find_former_databases(settings.state_dir, settings.database):
        print_message("restore-former", paths=shlex.join(map(str, former)))


def _open_archive(stack: ExitStack, archive: str) -> io.BufferedReader:
    try:
        if archive == "-":
            return stack.enter_context(os.fdopen(os.dup(sys.stdin.fileno()), "rb"))
        return stack.enter_context(Path(archive).open("rb"))
    except OSError as error:
        named = {"path": archive, "reason": error.strerror or str(error)}
        raise Refused(str(error), "restore-unreadable", **named) from error


def _check_replaceable(stack: ExitStack, config: Config, *, may_replace: bool) -> None:
    """Check that the state may be replaced, and hold the daemon's lock until `stack` closes.

    Raises Refused if there is a state without `may_replace`, or if a process is running. The state
    that an interrupted restore left may be replaced.
    """
    from merlin.cli.health import health_error
    from merlin.config import process_names
    from merlin.db.backup import list_databases

    places = [place for _, place in list_databases(config.state_dir, config.database)]
    existing = [place for place in places if place is not None and place.exists()]
    if existing and not (may_replace or restore_mark(config.state_dir).exists()):
        raise Refused(
            "there is a database", "restore-database-exists", path=str(existing[0])
        )
    if existing:
        names = {"engine"} & {*process_names(config)}  # no heartbeat without a daemon
        running = [name for name in names if health_error(config, name) is None]
        stack.enter_context(require_stopped(config, running))


def _print_manifest(key: str, manifest: Manifest, *, json: bool) -> None:
    size = sum(member.size for member in manifest.members.values())
    arguments = {"merlin": manifest.merlin, "files": len(manifest.members)}
    at = manifest.created_at
    values = {
        "created_at": at,
        "database": manifest.database,
        **arguments,
        "bytes": size,
    }
    shown = {"at": format_cell(from_iso(at)), "mb": round(size / 1e6, 1), **arguments}
    print_result(values, key, json=json, **shown)


@app.command("migrate-db")
def migrate_db(
    to: Annotated[
        str, typer.Argument(help="Empty database: postgresql://USER@HOST/NAME.")
    ],
    config: ConfigPath = DEFAULT,
    json: AsJson = False,
) -> None:
    """Copy the SQLite database into an empty PostgreSQL."""
    from merlin.db.copying import copy_database

    settings = configuration(config)
    if not settings.database.startswith("sqlite:"):
        raise Refused("the database is not SQLite", "migrate-db-source")
    if not to.startswith(("postgresql:", "postgres:")):
        raise Refused("not PostgreSQL", "migrate-db-target")
    with require_stopped(settings):
        with open_migrated_database(settings), open_database(to) as database:
            migrate(database)
        with show_progress("migrate-db-progress") as advance:
            row_counts = copy_database(sqlite_path(settings.database), to, advance)
    counts = [{"table": table, "rows": rows} for table, rows in row_counts.items()]
    if json:
        print_json(counts)
        return
    print_list([entry for entry in counts if entry["rows"]], ["table", "rows"])
    print_message(
        "migrate-db-done", rows=sum(row_counts.values()), tables=len(row_counts)
    )


@app.command()
def upgrade(config: ConfigPath = DEFAULT) -> None:
    """Update the database schema and exit; processes also do it when they start."""
    with open_migrated_database(configuration(config)):
        print_message("upgrade-done")
