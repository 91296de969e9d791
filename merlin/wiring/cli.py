"""What commands need: asking the daemon, or doing its work where none is running."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Mapping
from functools import partial

from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.core.request import Request, RequestState
from merlin.daemon.requests import serve_requests
from merlin.daemon.ticks import fetch, launch
from merlin.store.database import Database
from merlin.store.lead import Lead
from merlin.store.requests import RequestRows
from merlin.wiring.daemon import services_of
from merlin.wiring.database import opened

LOOK_S = 0.1
LATE_S = 30.0
LEAD_LOOK_S = 1.0
ENDED = (RequestState.DONE, RequestState.FAILED)

Say = Callable[..., None]


class AskedOnly(MerlinError):
    """The request is stored; nobody waits for its result."""

    exit_code = 0


def ask(
    config: Config, kind: str, arguments: Mapping[str, object], say: Say, *, is_waiting: bool = True
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
        return _result(_waited(config, database, request_id, say))


def _do(config: Config, database: Database) -> None:
    with services_of(config, database, lambda: None) as services:
        services.requests.release()
        serve_requests(services, partial(fetch, services))
        launch(services)


def _waited(config: Config, database: Database, request_id: int, say: Say) -> Request:
    """Return the request when it is done: by the daemon, or by us as soon as nobody leads."""
    requests, lead = RequestRows(database), Lead(config.state_dir, config.database)
    begun = time.monotonic()
    told_at, lead_at, is_told = begun + LATE_S, begun, False
    while (request := requests.get(request_id)).state not in ENDED:
        now = time.monotonic()
        if now >= lead_at:
            lead_at = now + LEAD_LOOK_S
            if lead.take():
                with lead:
                    say("no-daemon")
                    _do(config, database)
                continue
            if not is_told:
                say("asked-daemon")
                is_told = True
        if now > told_at:
            say("daemon-late", seconds=int(LATE_S), request=request_id)
            told_at += LATE_S
        time.sleep(LOOK_S)
    return request


def _result(request: Request) -> Mapping[str, object]:
    if request.state is RequestState.DONE:
        return request.result
    said = request.result
    arguments = said.get("arguments")
    told = dict(arguments) if isinstance(arguments, Mapping) else {}
    told.pop("message", None)
    raise MerlinError(str(said.get("message")), str(said.get("key")), **told)
