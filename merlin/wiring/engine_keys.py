"""The clients of the engine, opened beside it: it reads their rows at every call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from merlin.config import Config
from merlin.engine.clients import Clients
from merlin.engine.database import Rows
from merlin.wiring.engine import engine_folder


@contextmanager
def clients_of(config: Config) -> Iterator[Clients]:
    """Give the clients; the engine may run, or never have run yet."""
    place = engine_folder(config)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(Rows(place / "engine.db")) as rows:
        yield Clients(rows)
