"""One open engine: settings, database, bases and worker threads; what its routes work with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from merlin.core.durable_files import try_lock
from merlin.core.errors import LeadTaken
from merlin.engine.bases import BackendRegistry, Bases, bases_of
from merlin.engine.clients import Clients
from merlin.engine.database import Rows
from merlin.engine.job_queue import JobQueue
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
    work: JobQueue
    backends: BackendRegistry
    clients: Clients
    webhook_sender: WebhookSender
    transcriber: Transcriber
    _lock: int

    async def close(self) -> None:
        """Stop the work and let go of the folder."""
        await self.backends.close()
        await self.transcriber.close()
        await run_in_threadpool(self._stop)

    def _stop(self) -> None:
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
    lock = try_lock(folder / "lock")
    if lock is None:
        raise LeadTaken(f"another engine works in {folder}")
    bases = bases_of(settings) if bases is None else bases
    rows = Rows(folder / "engine.db")
    webhook_sender = webhook_sender_of(rows, settings)
    repositories = Repositories(rows, folder, webhook_sender.job_ended)
    repositories.sweep()
    work = JobQueue(repositories, bases, settings)
    work.start()
    webhook_sender.start()
    answering, log = settings.answering, folder / "logs" / "hearing.log"
    return Engine(
        settings=settings,
        bases=bases,
        repositories=repositories,
        work=work,
        backends=BackendRegistry(bases, repositories.models),
        clients=Clients(rows),
        webhook_sender=webhook_sender,
        transcriber=Transcriber(settings.hearing, answering.device, answering.idle_s, log),
        _lock=lock,
    )


def engine_of(request: Request) -> Engine:
    """Return the engine that a call is for."""
    return cast("Engine", request.app.state.engine)
