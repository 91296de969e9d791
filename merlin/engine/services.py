"""What the routes of one engine work with."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from starlette.requests import Request

from merlin.core.errors import LeadTaken
from merlin.engine.diary import Diary
from merlin.engine.files import Files
from merlin.engine.jobs import Jobs
from merlin.engine.models import Models
from merlin.engine.repeats import Repeats
from merlin.engine.rows import Rows
from merlin.engine.serving import Serving
from merlin.engine.settings import EngineSettings
from merlin.engine.work import Shelves, Work


@dataclass
class Engine:
    """One open engine: its folder is locked until `close`."""

    settings: EngineSettings
    shelves: Shelves
    repeats: Repeats
    work: Work
    serving: Serving
    _lock: IO[bytes]

    def close(self) -> None:
        """Lay the work down and let go of the folder."""
        self.work.stop()
        self.shelves.rows.close()
        self._lock.close()


def open_engine(settings: EngineSettings) -> Engine:
    """Open the engine's folder, sweep what a crash left, begin to work.

    Raises LeadTaken when another engine has the folder.
    """
    settings.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _locked(settings.folder / "lock")
    rows = Rows(settings.folder / "engine.db")
    repeats, diary = Repeats(rows), Diary(rows)
    files = Files(rows, repeats, settings.folder / "files")
    models = Models(rows, settings.folder / "models")
    shelves = Shelves(rows, files, Jobs(rows, repeats, diary), diary, models)
    files.sweep()
    models.sweep()
    work = Work(shelves, settings.pace_s, settings.language)
    work.start()
    return Engine(settings, shelves, repeats, work, Serving(models), lock)


def _locked(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise LeadTaken(f"another engine works in {path.parent}") from error
    return file


def engine_of(request: Request) -> Engine:
    """Return the engine that a call is for."""
    return cast("Engine", request.app.state.engine)
