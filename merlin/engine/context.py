"""What one engine holds: settings, database, repositories, bases and worker threads.

What the routes of one engine work with.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from merlin.core.durable_files import try_lock
from merlin.core.errors import LeadTaken
from merlin.engine.bases import Bases, bases_of
from merlin.engine.clients import Clients
from merlin.engine.database import Repeats, Rows
from merlin.engine.files import Files
from merlin.engine.job_events import JobEvents
from merlin.engine.job_queue import JobQueue
from merlin.engine.jobs import Jobs
from merlin.engine.models import Models
from merlin.engine.serving.backends import BackendRegistry
from merlin.engine.settings import EngineSettings
from merlin.engine.storage import Repositories
from merlin.engine.transcription import Transcriber
from merlin.engine.webhooks.delivery import WebhookSender, check_webhooks, webhook_sender_of


@dataclass
class Engine:
    """One open engine: its folder is locked until `close`."""

    settings: EngineSettings
    bases: Bases
    repositories: Repositories
    repeats: Repeats
    work: JobQueue
    backends: BackendRegistry
    clients: Clients
    webhook_sender: WebhookSender
    transcriber: Transcriber
    _lock: int

    async def close(self) -> None:
        """Lay the work down and let go of the folder."""
        await self.backends.close()
        await self.transcriber.close()
        await run_in_threadpool(self._lay_down)

    def _lay_down(self) -> None:
        self.work.stop()
        self.webhook_sender.stop()
        self.repositories.rows.close()
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
    repeats, job_events, webhook_sender = (
        Repeats(rows),
        JobEvents(rows),
        webhook_sender_of(rows, settings),
    )
    files = Files(rows, repeats, folder / "files")
    models = Models(rows, folder / "models")
    jobs = Jobs(rows, repeats, job_events, webhook_sender.job_ended)
    repositories = Repositories(rows, files, jobs, job_events, models, folder)
    repositories.sweep()
    work = JobQueue(repositories, bases, settings)
    work.start()
    webhook_sender.start()
    backends, clients, transcriber = (
        BackendRegistry(bases, models),
        Clients(rows),
        _transcriber(settings),
    )
    return Engine(
        settings,
        bases,
        repositories,
        repeats,
        work,
        backends,
        clients,
        webhook_sender,
        transcriber,
        lock,
    )


def _transcriber(settings: EngineSettings) -> Transcriber:
    answering = settings.answering
    log_file = settings.folder / "logs" / "hearing.log"
    return Transcriber(settings.hearing, answering.device, answering.idle_s, log_file)


def _locked(path: Path) -> int:
    lock = try_lock(path)
    if lock is None:
        raise LeadTaken(f"another engine works in {path.parent}")
    return lock


def engine_of(request: Request) -> Engine:
    """Return the engine that a call is for."""
    return cast("Engine", request.app.state.engine)
