"""How commands use the daemon: send it a request and wait, or do its work if none is running.

Commands that edit use an `EditSession`: a context after a fetch, and a way to wait for the commit.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from merlin.app import changes, requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.config import Config, credential
from merlin.core.errors import MerlinError, SourceError
from merlin.core.optional_imports import without_garbage_collection
from merlin.dataset.changes import Change, Changes, ChangeState, Edit
from merlin.dataset.commit_message import local_editor
from merlin.dataset.preview import unified_diff
from merlin.db.database import Database
from merlin.db.processes import Lead
from merlin.db.requests import Request, RequestKind, Requests, RequestState
from merlin.engine.trainers.recall import train_and_answer
from merlin.wiring.context import make_cipher, opened

# The daemon's modules take half a second to load, and are not needed while it is running.
if TYPE_CHECKING:
    from merlin.daemon.services import DaemonServices

T = TypeVar("T")
Notify = Callable[..., None]

# Poll faster at first: most requests take a moment.
FIRST_POLL_S, POLL_S = 0.01, 0.1
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
    late_at, lead_at, is_notified, pause_s = started_at + LATE_S, started_at, False, FIRST_POLL_S
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


ENDED = (RequestState.DONE, RequestState.FAILED)


def request_daemon(
    config: Config,
    act: Callable[[Context, Actor], Request],
    notify: Notify,
    *,
    is_waiting: bool = True,
) -> Mapping[str, object]:
    """Create a request with `act`, and return the daemon's result for it.

    Without a daemon, this process takes the lead and handles the request. Without waiting, returns
    the number of the stored request. Raises the errors of `act` and of the daemon.
    """
    with opened(config) as database:
        ctx = Context(config=config, db=database)
        request = act(ctx, Actor.operator())
        if not is_waiting:
            return {"request": request.request_id}
        rows, request_id = Requests(database), request.request_id

        def poll() -> Request | None:
            current = rows.get(request_id)
            return current if current.state in ENDED else None

        handle = partial(_handle_request, config, database, request.kind, notify)
        on_late = partial(notify, "daemon-late", seconds=int(LATE_S), request=request_id)
        try:
            finished = wait_for_daemon(config, poll, handle, notify, on_late)
            if finished.state is not RequestState.DONE:
                raise finished.error
        except MerlinError:
            # The user was told that the request failed, so a later daemon must not handle it, and
            # the status need not show it.
            rows.withdraw(request_id)
            raise
        return finished.result


@contextmanager
def daemon_services(
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
    with services_of(config, database, lambda: None, has_providers=not missing) as services:
        yield services
        if is_launching and not missing:
            launch(services)
    if missing and notify is not None:
        notify("cli-not-launched", names=", ".join(missing))


def _find_missing_credentials(config: Config) -> list[str]:
    """Return the names of the providers' credentials that are not set, in order."""
    names = dict.fromkeys(provider.credential for provider in config.providers)
    return [name for name in names if not credential(name, is_needed=False)]


@without_garbage_collection()
def _handle_request(config: Config, database: Database, kind: str, notify: Notify) -> None:
    from merlin.daemon.requests import LAUNCHES_NOTHING, NEEDS_PROVIDER, serve_requests
    from merlin.daemon.ticks import fetch, read_commits

    needs_provider = RequestKind(kind) in NEEDS_PROVIDER
    has_providers = needs_provider or not _find_missing_credentials(config)
    # Only a build request may start training, so only it reports that nothing was launched.
    is_build = kind == RequestKind.BUILD
    notify_missing = notify if is_build else None
    # The editors' index is updated by the next edit, or by the daemon.
    fetch_commits = read_commits if is_build else fetch
    launches = RequestKind(kind) not in LAUNCHES_NOTHING
    with daemon_services(
        config, database, notify_missing, needs_provider=needs_provider, is_launching=launches
    ) as services:
        Requests(services.db).release()
        serve_requests(services, partial(fetch_commits, services), has_providers=has_providers)


@contextmanager
def edit_session(config: Config, notify: Notify) -> Iterator[EditSession]:
    """Fetch, then yield an edit session. Raises the errors of the daemon."""
    notify_user = _notify_once(notify)
    request_daemon(config, requests.fetch, notify_user)
    with opened(config) as database:
        database.cipher = make_cipher(config)
        ctx = Context(config=config, db=database, teach=train_and_answer)
        yield EditSession(config, ctx, Actor.operator(), notify_user)


def _notify_once(notify: Notify) -> Notify:
    """Return a `notify` that prints each key once, however many steps a command has."""
    reported: set[str] = set()

    def notify_once(key: str, **arguments: object) -> None:
        if key not in reported:
            reported.add(key)
            notify(key, **arguments)

    return notify_once


@dataclass(frozen=True, slots=True)
class EditSession:
    """The context of a command that edits, and its way to a commit."""

    config: Config
    ctx: Context
    actor: Actor
    notify: Notify

    def commit(
        self, dataset: str, edits: Sequence[Edit], subject: str, names: tuple[str, str]
    ) -> str:
        """Request a commit and return the id of its change, for `wait`.

        `names` are the user's name and e-mail in git. Raises Refused.
        """
        editor = local_editor(getpass.getuser(), *names)
        saved = changes.save(self.ctx, self.actor, dataset, edits, subject, editor=editor)
        return saved[0].change_id

    def wait(self, change_id: str) -> Change:
        """Wait until the change is committed; without a daemon, this process commits it.

        Raises MerlinError if the change is refused, is in conflict, or cannot be pushed now (then
        it stays queued).
        """
        on_late = partial(self.notify, "change-late", seconds=int(LATE_S), change=change_id)
        poll = partial(_read_change, Changes(self.ctx.db), change_id)
        return wait_for_daemon(self.config, poll, self._commit_queued, self.notify, on_late)

    def _commit_queued(self) -> None:
        from merlin.daemon.ticks import fetch

        with daemon_services(self.config, self.ctx.db, self.notify) as services:
            try:
                services.changing()
            except SourceError:
                return  # the change stores the reason why it waits
            fetch(services)


def _read_change(rows: Changes, change_id: str) -> Change | None:
    change = rows.get(change_id)
    if change.state is ChangeState.COMMITTED:
        return change
    reason = {"key": change.reason, "arguments": dict(change.arguments)}
    if change.state is ChangeState.CONFLICT:
        raise _withdraw_conflict(rows, change)
    if change.state is ChangeState.REFUSED:
        raise MerlinError(change.reason, "change-not-saved", reason=reason)
    if change.state is ChangeState.PARKED:
        raise MerlinError(change.reason, "change-parked", change=change_id, reason=reason)
    if change.reason and change.state is ChangeState.WAITING:
        raise MerlinError(change.reason, "change-waits", change=change_id, reason=reason)
    return None


def _withdraw_conflict(rows: Changes, change: Change) -> MerlinError:
    """Withdraw the edit, as a command cannot ask how to merge; return an error with its diff."""
    differences = [
        unified_diff(file.theirs.text, file.text, file.path)
        for file in rows.list_of_batch(change.batch)
        if file.theirs is not None
    ]
    rows.give_up(change.change_id)
    return MerlinError("a conflict", "change-in-conflict", difference="\n".join(differences))
