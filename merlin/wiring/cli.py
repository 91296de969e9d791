"""What commands need: asking the daemon and waiting for it, or doing its work where none runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.config import Config
from merlin.core.errors import MerlinError
from merlin.daemon.requests import KINDS, serve_requests
from merlin.daemon.services import DaemonServices
from merlin.daemon.ticks import fetch, launch
from merlin.db.database import Database
from merlin.db.processes import Lead
from merlin.db.requests import Request, RequestKind, Requests, RequestState
from merlin.wiring.context import command_context
from merlin.wiring.daemon import services_of
from merlin.wiring.database import opened
from merlin.wiring.providers import missing_credentials

T = TypeVar("T")
Say = Callable[..., None]

LOOK_S = 0.1
LATE_S = 30.0
LEAD_LOOK_S = 1.0


def until(
    config: Config,
    look: Callable[[], T | None],
    work: Callable[[], object],
    say: Say,
    late: Callable[[], object],
) -> T:
    """Return the first thing that `look` finds: made by the daemon, or by `work` where none leads.

    `say` tells the person what is waited for, `late` that it takes long. What `work` raises
    passes through.
    """
    lead = Lead(config.state_dir, config.database)
    begun = time.monotonic()
    late_at, lead_at, is_told = begun + LATE_S, begun, False
    while (found := look()) is None:
        now = time.monotonic()
        if now >= lead_at:
            lead_at = now + LEAD_LOOK_S
            if lead.take():
                with lead:
                    say("no-daemon")
                    work()
                continue
            if not is_told:
                say("asked-daemon")
                is_told = True
        if now > late_at:
            late()
            late_at += LATE_S
        time.sleep(LOOK_S)
    return found


ENDED = (RequestState.DONE, RequestState.FAILED)


class AskedOnly(MerlinError):
    """The request is stored; nobody waits for its result."""

    exit_code = 0


def ask(
    config: Config,
    act: Callable[[Context, Actor], Request],
    say: Say,
    *,
    is_waiting: bool = True,
) -> Mapping[str, object]:
    """Let an act ask the daemon for something, and return what came of it.

    Without a daemon this process takes the lead and does it. Raises what the act and the daemon
    refuse with, AskedOnly when not waiting.
    """
    with opened(config) as database:
        ctx = command_context(config, database)
        request = act(ctx, Actor.operator())
        if not is_waiting:
            raise AskedOnly("asked", "asked-only", request=request.request_id)
        try:
            return _result(_waited(config, database, request, say))
        except MerlinError:
            # Who was told that it failed does not expect a later daemon to do it.
            Requests(database).withdraw(request.request_id)
            raise


@contextmanager
def at_work(
    config: Config, database: Database, say: Say | None, *, needs_provider: bool = False
) -> Iterator[DaemonServices]:
    """Yield the daemon's services to a command that does its work; then launch what waits.

    Where a provider's credential is missing nothing is launched, which `say` tells; the daemon
    will. With `needs_provider` ConfigError is raised then.
    """
    missing = [] if needs_provider else missing_credentials(config)
    with services_of(config, database, lambda: None, has_providers=not missing) as services:
        yield services
        if not missing:
            launch(services)
    if missing and say is not None:
        say("cli-not-launched", names=", ".join(missing))


def _do(config: Config, database: Database, kind: str, say: Say) -> None:
    needs_provider = KINDS[RequestKind(kind)].needs_provider
    has_providers = needs_provider or not missing_credentials(config)
    # Who asks for anything else expects no training to come of it.
    told = say if kind == RequestKind.BUILD else None
    with at_work(config, database, told, needs_provider=needs_provider) as services:
        Requests(services.db).release()
        serve_requests(services, partial(fetch, services), has_providers=has_providers)


def _waited(config: Config, database: Database, asked: Request, say: Say) -> Request:
    """Return the request when it is done: by the daemon, or by us as soon as nobody leads."""
    requests, request_id = Requests(database), asked.request_id

    def look() -> Request | None:
        request = requests.get(request_id)
        return request if request.state in ENDED else None

    def late() -> None:
        say("daemon-late", seconds=int(LATE_S), request=request_id)

    return until(config, look, partial(_do, config, database, asked.kind, say), say, late)


def _result(request: Request) -> Mapping[str, object]:
    if request.state is RequestState.DONE:
        return request.result
    said = request.result
    arguments = said.get("arguments")
    told = dict(arguments) if isinstance(arguments, Mapping) else {}
    told.pop("message", None)
    raise MerlinError(str(said.get("message")), str(said.get("key")), **told)
