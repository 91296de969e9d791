"""A desk in the place of the database, and a way to serve the api over real HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import uvicorn
from waiting import longest

from merlin.api.services import ApiServices, Picture
from merlin.core.errors import MerlinError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRET = "s3cret-of-the-webhook"


class Desk:
    """What the services of a test did, and what they shall do."""

    def __init__(self):
        self.picture = Picture()
        self.error = None
        self.updates = []
        self.fetches = 0
        self.polls = 0
        self.changed = threading.Condition()

    def _note(self, name, change):
        with self.changed:
            if self.error is not None:
                raise self.error
            setattr(self, name, change(getattr(self, name)))
            self.changed.notify_all()

    async def look(self):
        self._note("picture", lambda picture: picture)
        return self.picture

    async def ask_fetch(self):
        self._note("fetches", lambda count: count + 1)

    async def ask_poll(self):
        self._note("polls", lambda count: count + 1)

    async def store_update(self, update):
        self._note("updates", lambda updates: [*updates, update])

    def wait_for(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, timeout=longest())


class Away:
    """A store whose database does not answer."""

    async def read(self, _work):
        raise MerlinError("there is no database here")

    do = read


def services_of(desk, store=None):
    """Return services that do everything at the desk; what the database holds is not asked."""
    away = store or Away()
    return ApiServices(
        store=away,
        db=None,
        look=desk.look,
        ask_fetch=desk.ask_fetch,
        ask_poll=desk.ask_poll,
        store_update=desk.store_update,
        telegram_secret=SECRET,
        clock=lambda: NOW,
        still_alive=lambda: None,
    )


@contextmanager
def serving(app):
    """Serve an application on a free port; give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
