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
        lead = Lead(config.state_dir, config.database)
        if lead.take():
            with lead:
                say("no-daemon")
                _do(config, database)
        else:
            say("asked-daemon")
        return _result(_waited(requests, request_id, say))


def _do(config: Config, database: Database) -> None:
    with services_of(config, database, lambda: None) as services:
        serve_requests(services, partial(fetch, services))
        launch(services)


def _waited(requests: RequestRows, request_id: int, say: Say) -> Request:
    told_at = time.monotonic() + LATE_S
    while True:
        request = requests.get(request_id)
        if request.state in (RequestState.DONE, RequestState.FAILED):
            return request
        if time.monotonic() > told_at:
            say("daemon-late", seconds=int(LATE_S), request=request_id)
            told_at += LATE_S
        time.sleep(LOOK_S)


def _result(request: Request) -> Mapping[str, object]:
    if request.state is RequestState.DONE:
        return request.result
    said = request.result
    arguments = said.get("arguments")
    told = dict(arguments) if isinstance(arguments, Mapping) else {}
    told.pop("message", None)
    raise MerlinError(str(said.get("message")), str(said.get("key")), **told)
