"""What the routes of one engine work with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from merlin.core.errors import LeadTaken
from merlin.core.lock import taken
from merlin.engine.answering.desk import Desk
from merlin.engine.bases import Bases, bases_of
from merlin.engine.clients import Clients
from merlin.engine.diary import Diary
from merlin.engine.files import Files
from merlin.engine.hearing import Hearing
from merlin.engine.jobs import Jobs
from merlin.engine.models import Models
from merlin.engine.repeats import Repeats
from merlin.engine.rows import Rows
from merlin.engine.settings import EngineSettings
from merlin.engine.shelves import Shelves
from merlin.engine.webhooks.courier import Courier, check_webhooks, courier_of
from merlin.engine.work import Work


@dataclass
class Engine:
    """One open engine: its folder is locked until `close`."""

    settings: EngineSettings
    bases: Bases
    shelves: Shelves
    repeats: Repeats
    work: Work
    desk: Desk
    clients: Clients
    courier: Courier
    hearing: Hearing
    _lock: int

    async def close(self) -> None:
        """Lay the work down and let go of the folder."""
        await self.desk.close()
        await self.hearing.close()
        await run_in_threadpool(self._lay_down)

    def _lay_down(self) -> None:
        self.work.stop()
        self.courier.stop()
        self.shelves.rows.close()
        os.close(self._lock)


def open_engine(settings: EngineSettings, bases: Bases | None = None) -> Engine:
    """Open the engine's folder, sweep what a crash left, begin to work.

    `bases` are those of the settings where none are given. Raises LeadTaken when another engine
    has the folder, ConfigError for webhooks that cannot be sent.
    """
    check_webhooks(settings)
    folder = settings.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _locked(folder / "lock")
    bases = bases_of(settings) if bases is None else bases
    rows = Rows(folder / "engine.db")
    repeats, diary, courier = Repeats(rows), Diary(rows), courier_of(rows, settings)
    files = Files(rows, repeats, folder / "files")
    models = Models(rows, folder / "models")
    jobs = Jobs(rows, repeats, diary, courier.job_ended)
    shelves = Shelves(rows, files, jobs, diary, models, folder)
    shelves.sweep()
    work = Work(shelves, bases, settings)
    work.start()
    courier.start()
    desk, clients, hearing = Desk(bases, models), Clients(rows), _hearing(settings)
    return Engine(settings, bases, shelves, repeats, work, desk, clients, courier, hearing, lock)


def _hearing(settings: EngineSettings) -> Hearing:
    answering = settings.answering
    log_file = settings.folder / "logs" / "hearing.log"
    return Hearing(settings.hearing, answering.device, answering.idle_s, log_file)


def _locked(path: Path) -> int:
    lock = taken(path)
    if lock is None:
        raise LeadTaken(f"another engine works in {path.parent}")
    return lock


def engine_of(request: Request) -> Engine:
    """Return the engine that a call is for."""
    return cast("Engine", request.app.state.engine)
