"""How commands use the daemon: send it a request and wait, or do its work if none is running."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.cli.output import print_message
from merlin.config import Config
from merlin.config.credentials import credential
from merlin.core.errors import MerlinError, SourceError
from merlin.dataset.changes import Changes
from merlin.db.database import Database
from merlin.db.processes import Lead
from merlin.db.requests import Request, RequestKind, Requests, RequestState
from merlin.wiring.context import open_migrated_database, open_reading_context

# The daemon's modules take half a second to load, and are not needed while it is running.
if TYPE_CHECKING:
    from merlin.daemon.services import DaemonServices

T = TypeVar("T")
Notify = Callable[..., None]

# Poll faster at first: most requests take a moment.
FIRST_POLL_S = 0.01
POLL_S = 0.1
LATE_S = 30.0
LEAD_POLL_S = 1.0


def wait_for_daemon(
    config: Config,
    poll: Callable[[], T | None],
    work: Callable[[], object],
    notify: Notify,
    on_late: Callable[[], object],
) -> T:
    """Call `poll` until it returns a result; if no daemon leads, call `work` to produce one.

    `notify` tells the user what is being waited for, `on_late` that it takes long. Exceptions of
    `work` propagate.
    """
    lead = Lead(config.state_dir, config.database)
    started_at = time.monotonic()
    late_at = started_at + LATE_S
    lead_at = started_at
    is_notified = False
    pause_s = FIRST_POLL_S
    while (result := poll()) is None:
        now = time.monotonic()
        if now >= lead_at:
            lead_at = now + LEAD_POLL_S
            if lead.take():
                with lead:
                    notify("no-daemon")
                    work()
                continue
            if not is_notified:
                notify("queued-waiting")
                is_notified = True
        if now > late_at:
            on_late()
            late_at += LATE_S
        time.sleep(pause_s)
        pause_s = min(POLL_S, 1.1 * pause_s)
    return result


@contextmanager
def open_files_context(config: Config) -> Iterator[Context]:
    """Yield a read-only context with the files of the newest commit that was read.

    A running daemon follows it. Without one, a build leaves the files as they were, so they are
    updated here, unless this user may not write the state. Raises NotFound if nothing was recorded.
    """
    with open_reading_context(config):
        lead = Lead(config.state_dir, config.database)
    is_leading = False
    with suppress(OSError):
        is_leading = lead.take()
    if is_leading:
        from merlin.daemon.ticks import update_files

        with (
            lead,
            open_migrated_database(config) as database,
            open_daemon_services(
                config, database, None, is_launching=False
            ) as services,
        ):
            update_files(services)
    with open_reading_context(config) as ctx:
        yield ctx


ENDED = (RequestState.DONE, RequestState.FAILED)


def request_daemon(
    config: Config,
    act: Callable[[Context, Actor], Request],
    notify: Notify = print_message,
    *,
    is_waiting: bool = True,
) -> Mapping[str, object]:
    """Create a request with `act`, and return the daemon's result for it.

    Without a daemon, this process takes the lead and handles the request. Without waiting, returns
    the number of the stored request. Raises the errors of `act` and of the daemon.
    """
    with open_migrated_database(config) as database:
        ctx = Context(config=config, db=database)
        request = act(ctx, Actor.operator())
        if not is_waiting:
            return {"request": request.request_id}
        rows = Requests(database)
        request_id = request.request_id

        def poll() -> Request | None:
            current = rows.get(request_id)
            return current if current.state in ENDED else None

        handle = partial(_handle_request, config, database, request.kind, notify)
        on_late = partial(
            notify, "daemon-late", seconds=int(LATE_S), request=request_id
        )
        try:
            finished = wait_for_daemon(config, poll, handle, notify, on_late)
            if finished.state is not RequestState.DONE:
                raise finished.error
        except (MerlinError, KeyboardInterrupt):
            # The user was told that the request failed, or does not want it any more, so a later
            # daemon must not handle it, and the status need not show it.
            is_withdrawn = rows.withdraw(request_id)
            if not is_withdrawn and request.kind != RequestKind.FETCH:
                notify("queued-only", request=request_id)
            raise
        return finished.result


@contextmanager
def open_daemon_services(
    config: Config,
    database: Database,
    notify: Notify | None,
    *,
    needs_provider: bool = False,
    is_launching: bool = True,
) -> Iterator[DaemonServices]:
    """Yield the daemon's services to a command that does its work; then launch the waiting jobs.

    Without `is_launching`, or if a provider's credential is missing, nothing is launched: the
    daemon will do it. A missing credential is reported by `notify`; with `needs_provider` it raises
    ConfigError.
    """
    from merlin.daemon.ticks import launch
    from merlin.wiring.daemon import services_of

    missing = [] if needs_provider else _find_missing_credentials(config)
    with services_of(
        config, database, lambda: None, has_providers=not missing
    ) as services:
        yield services
        if is_launching and not missing:
            launch(services)
    if missing and notify is not None:
        notify("cli-not-launched", names=", ".join(missing))


def _find_missing_credentials(config: Config) -> list[str]:
    """Return the names of the providers' credentials that are not set, in order."""
    names = dict.fromkeys(provider.credential for provider in config.providers)
    return [name for name in names if not credential(name, is_needed=False)]


def _handle_request(
    config: Config, database: Database, kind: str, notify: Notify
) -> None:
    from merlin.daemon.requests import NEEDS_PROVIDER, serve_requests
    from merlin.daemon.ticks import fetch, process_commits

    needs_provider = RequestKind(kind) in NEEDS_PROVIDER
    has_providers = needs_provider or not _find_missing_credentials(config)
    # Only a build request may start training, so only it reports that nothing was launched.
    is_build = kind == RequestKind.BUILD
    notify_missing = notify if is_build else None
    # The editors' index is updated by whoever needs it, or by the daemon.
    fetch_commits = process_commits if is_build else fetch
    with open_daemon_services(
        config, database, notify_missing, needs_provider=needs_provider
    ) as services:
        rows = Requests(services.db)
        rows.release()
        # A repeated import finds its examples among those of the interrupted one.
        if Changes(services.db).release():
            with suppress(SourceError):  # the change stores the reason why it waits
                services.changing()
        try:
            serve_requests(
                services, partial(fetch_commits, services), has_providers=has_providers
            )
        except KeyboardInterrupt:
            rows.release()
            raise
