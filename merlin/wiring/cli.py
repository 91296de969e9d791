"""What commands need: asking the daemon, or doing its work where none is running."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from functools import partial

from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.core.request import Request, RequestKind, RequestState
from merlin.daemon.requests import serve_requests
from merlin.daemon.ticks import fetch, launch
from merlin.store.database import Database
from merlin.store.requests import RequestRows
from merlin.wiring.daemon import services_of
from merlin.wiring.database import opened
from merlin.wiring.waiting import LATE_S, Say, until

ENDED = (RequestState.DONE, RequestState.FAILED)


class AskedOnly(MerlinError):
    """The request is stored; nobody waits for its result."""

    exit_code = 0


def ask(
    config: Config,
    kind: RequestKind,
    arguments: Mapping[str, object],
    say: Say,
    *,
    is_waiting: bool = True,
) -> Mapping[str, object]:
    """Ask the daemon for something and return what came of it.

    Without a daemon this process takes the lead and does it. Raises what the daemon refused
    with, AskedOnly when not waiting.
    """
    with opened(config) as database:
        requests = RequestRows(database)
        request_id = requests.ask(kind, arguments, f"cli:{getpass.getuser()}")
        if not is_waiting:
            raise AskedOnly("asked", "asked-only", request=request_id)
        try:
            return _result(_waited(config, database, request_id, say))
        except MerlinError:
            # Who was told that it failed does not expect a later daemon to do it.
            requests.withdraw(request_id)
            raise


def _do(config: Config, database: Database) -> None:
    with services_of(config, database, lambda: None) as services:
        services.requests.release()
        serve_requests(services, partial(fetch, services))
        launch(services)


def _waited(config: Config, database: Database, request_id: int, say: Say) -> Request:
    """Return the request when it is done: by the daemon, or by us as soon as nobody leads."""
    requests = RequestRows(database)

    def look() -> Request | None:
        request = requests.get(request_id)
        return request if request.state in ENDED else None

    def late() -> None:
        say("daemon-late", seconds=int(LATE_S), request=request_id)

    return until(config, look, partial(_do, config, database), say, late)


def _result(request: Request) -> Mapping[str, object]:
    if request.state is RequestState.DONE:
        return request.result
    said = request.result
    arguments = said.get("arguments")
    told = dict(arguments) if isinstance(arguments, Mapping) else {}
    told.pop("message", None)
    raise MerlinError(str(said.get("message")), str(said.get("key")), **told)
