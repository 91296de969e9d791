"""`merlin backup` and `merlin restore`: the whole state as one archive."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Annotated

import typer

from merlin.cli.options import DEFAULT, AsJson, ConfigPath, configuration, require_stopped
from merlin.cli.output import print_json, print_message, write_whole
from merlin.core.clock import utc_now
from merlin.core.errors import Refused

app = typer.Typer()
_NAME = "merlin-{:%Y%m%dT%H%M%SZ}.tar.gz"


@app.command()
def backup(
    to: Annotated[str, typer.Argument(help="A folder for archives; - writes one to stdout.")],
    config: ConfigPath = DEFAULT,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Delete all archives there but so many.")
    ] = None,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put the key of people's texts in, too.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Write database, builds and the engine's models into one archive, while Merlin runs."""
    from merlin.db.backup import write_backup

    settings, at = configuration(config), utc_now()
    state, url = settings.state_dir, settings.database
    if to == "-":
        write_backup(state, url, sys.stdout.buffer, at, with_key=with_key)
        return
    path = Path(to) / _NAME.format(at)

    def fill(beside: Path) -> None:
        beside.touch(0o600)
        with beside.open("wb") as target:
            write_backup(state, url, target, at, with_key=with_key)

    write_whole(path, fill)
    old = sorted(path.parent.glob("merlin-*Z.tar.gz"))[: -keep or None] if keep else []
    for each in old:
        each.unlink()
    size = path.stat().st_size
    if json:
        print_json({"path": str(path), "bytes": size, "deleted": [str(each) for each in old]})
        return
    print_message("backup-done", path=str(path), mb=round(size / 1e6, 1), deleted=len(old))


@app.command()
def restore(
    archive: Annotated[str, typer.Argument(help="An archive of `merlin backup`; - reads stdin.")],
    config: ConfigPath = DEFAULT,
    replace: Annotated[
        bool, typer.Option("--replace", help="Even if there is a database; it is kept beside.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Put a backup in place: verified byte by byte first; Merlin must be stopped."""
    from merlin.db.backup import restore_backup
    from merlin.db.connections import sqlite_path

    settings = configuration(config)
    with ExitStack() as stack:
        source = sys.stdin.buffer if archive == "-" else _opened(stack, Path(archive))
        is_sqlite = settings.database.startswith("sqlite:")
        if is_sqlite and (path := sqlite_path(settings.database)).exists():
            if not replace:
                raise Refused("there is a database", "restore-there", path=str(path))
            stack.enter_context(require_stopped(settings))
        manifest = restore_backup(source, settings.state_dir, settings.database, utc_now())
    if json:
        told = {"created_at": manifest.created_at, "files": len(manifest.members)}
        print_json(told)
        return
    print_message("restore-done", at=manifest.created_at, files=len(manifest.members))


def _opened(stack: ExitStack, path: Path) -> IO[bytes]:
    try:
        return stack.enter_context(path.open("rb"))
    except OSError as error:
        why = error.strerror or str(error)
        raise Refused(str(error), "restore-broken", why=f"{path}: {why}") from error
