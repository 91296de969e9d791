"""What the routes of one engine work with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from starlette.requests import Request

from merlin.core.errors import LeadTaken
from merlin.core.lock import taken
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
    _lock: int

    def close(self) -> None:
        """Lay the work down and let go of the folder."""
        self.work.stop()
        self.shelves.rows.close()
        os.close(self._lock)


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


def _locked(path: Path) -> int:
    lock = taken(path)
    if lock is None:
        raise LeadTaken(f"another engine works in {path.parent}")
    return lock


def engine_of(request: Request) -> Engine:
    """Return the engine that a call is for."""
    return cast("Engine", request.app.state.engine)
