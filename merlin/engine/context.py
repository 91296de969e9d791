"""The application context: settings, key, database, bases and worker threads."""

import hmac
import os
from typing import cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from merlin.config.engine import EngineSettings
from merlin.core.durable_files import remove_durably, try_lock
from merlin.core.errors import LeadTaken
from merlin.core.i18n import text
from merlin.core.log import get_logger
from merlin.engine.bases import BackendRegistry, Bases, build_bases
from merlin.engine.database import Database
from merlin.engine.job_queue import JobQueue
from merlin.engine.storage import Repositories
from merlin.openai_protocol.errors import ApiError

log = get_logger(__name__)


class Engine:
    """One open engine: its folder is locked until `close`."""

    def __init__(self, settings: EngineSettings, bases: Bases | None = None) -> None:
        """Open and lock the engine's folder, clean up after a crash, start the threads.

        `bases` default to those of the settings. Raises LeadTaken if another engine has locked the
        folder.
        """
        folder = settings.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = try_lock(folder / "lock")
        if lock is None:
            raise LeadTaken(f"another engine works in {folder}")
        self._lock = lock
        self.settings = settings
        self.bases = build_bases(settings) if bases is None else bases
        database = Database(folder / "engine.db")
        self.repositories = Repositories(database, folder)
        # Earlier versions took files in parts, and kept them here.
        remove_durably(folder / "uploads")
        if count := self.repositories.clean_up():
            aside = {"count": count, "folder": str(folder / "aside")}
            log.warning(text(settings.language, "engine-set-aside", **aside))
        self.backends = BackendRegistry(self.bases, self.repositories.models)
        self.work = JobQueue(self.repositories, self.bases, settings)
        self.work.start()

    async def close(self) -> None:
        """Stop the threads and unlock the folder."""
        await self.backends.close()
        await run_in_threadpool(self._stop)

    def _stop(self) -> None:
        self.work.stop()
        self.repositories.database.close()
        os.close(self._lock)


def get_engine(request: Request) -> Engine:
    """Return the engine of a request."""
    return cast("Engine", request.app.state.engine)


async def require_key(request: Request) -> None:
    """Raise ApiError 401 for a request without the engine's key; compares in constant time."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    # latin-1 restores the header's bytes; a wrong key can contain any byte
    key = credential.strip().encode("latin-1")
    own = request.app.state.settings.key.encode()
    if not hmac.compare_digest(key, own) or scheme.lower() != "bearer":
        message = (
            "Incorrect API key provided. Send it as 'Authorization: Bearer <key>'."
        )
        raise ApiError(401, message)
