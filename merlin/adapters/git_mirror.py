"""The bare mirror on disk: made, found damaged, moved aside.

    absent -> made -> (suspect -> checked -> sound | moved aside)

Readers may only mark it as suspect; whoever holds it for writing checks and replaces it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from merlin.adapters.git_address import Address
from merlin.adapters.git_walls import CONFIG_NAME, GitFailed, Run, config_text
from merlin.core.clock import utc_now
from merlin.core.errors import SourceError
from merlin.core.log import get_logger

log = get_logger(__name__)
_SUSPECT = "merlin.suspect"
_CLEANED, _CLEAN_EVERY = "merlin.cleaned", timedelta(days=1)
_NEEDED = "refs/merlin/needed/"
_KEPT_BROKEN = 2
_PARTS = ("HEAD", "config", "objects", "refs")


def settle(mirror: Path, place: Address) -> None:
    """Write git's settings file where it is not as it must be; a reader's mirror stays as it is.

    Raises OSError when the mirror cannot be written.
    """
    path, text = mirror / CONFIG_NAME, config_text(place)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    mirror.mkdir(parents=True, exist_ok=True)
    draft = mirror / f".{CONFIG_NAME}.{os.getpid()}"
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def make(mirror: Path, run: Run, lock: int) -> None:
    """Make the bare repository where there is none yet; a half-made one is completed."""
    if not all((mirror / part).exists() for part in _PARTS):
        run("init", "--bare", "--quiet", "--template=", lock=lock)


def is_begun(mirror: Path) -> bool:
    """Return whether there is anything of a repository that could be damaged."""
    return any((mirror / part).exists() for part in _PARTS)


def suspect(mirror: Path) -> None:
    """Ask for a check at the next fetch."""
    try:
        (mirror / _SUSPECT).touch()
    except OSError:
        log.warning("mirror cannot be marked", mirror=str(mirror))


def is_suspect(mirror: Path) -> bool:
    """Return whether a reader found something wrong since the last check."""
    return (mirror / _SUSPECT).exists()


def is_sound(mirror: Path, run: Run) -> bool:
    """Look at every object; take the mark away when all is well."""
    try:
        run("fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs")
    except GitFailed as failure:
        log.warning("mirror is damaged", mirror=str(mirror), reason=str(failure))
        return False
    (mirror / _SUSPECT).unlink(missing_ok=True)
    return True


def mark_clean(mirror: Path, now: datetime) -> bool:
    """Return whether a day has passed since this was asked last, and note that it was."""
    mark = mirror / _CLEANED
    if mark.exists() and timedelta() <= now - _changed(mark) < _CLEAN_EVERY:
        return False
    mark.touch()
    os.utime(mark, (now.timestamp(), now.timestamp()))
    return True


def keep(run: Run, needed: Collection[str], lock: int) -> None:
    """Let the `needed` commits be reachable, as far as they are there, and no others by this."""
    here = run("for-each-ref", "--format=%(refname)", _NEEDED).decode().split()
    known = run("cat-file", "--batch-check", feed=_lines(needed)).decode() if needed else ""
    there = {line.split()[0] for line in known.splitlines() if line.split()[1:2] == ["commit"]}
    asked = [f"update {_NEEDED}{sha} {sha}" for sha in sorted(there)]
    asked += [f"delete {ref}" for ref in here if ref.removeprefix(_NEEDED) not in there]
    if asked:
        run("update-ref", "--stdin", feed=_lines(asked), lock=lock)


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _lines(words: Collection[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def move_aside(mirror: Path) -> Path:
    """Rename a damaged mirror, so that the next fetch clones anew; return where it lies."""
    stamp = utc_now().strftime("%Y%m%dT%H%M%S%f")
    aside = mirror.with_name(f"{mirror.name}.broken-{stamp}")
    mirror.rename(aside)
    log.error("damaged mirror moved aside", mirror=str(mirror), aside=str(aside))
    for old in sorted(mirror.parent.glob(f"{mirror.name}.broken-*"))[:-_KEPT_BROKEN]:
        shutil.rmtree(old, ignore_errors=True)
    return aside


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what the disk says into SourceError."""
    try:
        yield
    except OSError as error:
        reason = str(error)
        raise SourceError(
            f"the mirror cannot be used: {reason}", "git-failed", reason=reason
        ) from error
