"""How commands edit: a context after a fetch, and a way to wait for the commit."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from merlin.app import changes, requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.cli.daemon_requests import (
    LATE_S,
    Notify,
    open_daemon_services,
    request_daemon,
    wait_for_daemon,
)
from merlin.config import Config
from merlin.core.errors import MerlinError, SourceError
from merlin.dataset.changes import Change, Changes, ChangeState, Edit
from merlin.dataset.commit_message import local_editor
from merlin.dataset.preview import unified_diff
from merlin.engine.trainers.recall import train_and_answer
from merlin.wiring.context import make_cipher, open_migrated_database


@contextmanager
def edit_session(config: Config, notify: Notify) -> Iterator[EditSession]:
    """Fetch, then yield an edit session. Raises the errors of the daemon."""
    notify_user = _notify_once(notify)
    request_daemon(config, requests.fetch, notify_user)
    with open_migrated_database(config) as database:
        database.cipher = make_cipher(config)
        ctx = Context(config=config, db=database, teach=train_and_answer)
        yield EditSession(ctx, Actor.operator(), notify_user)


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
        it stays queued). Ctrl-C cancels a change whose commit has not begun.
        """
        on_late = partial(self.notify, "change-late", seconds=int(LATE_S), change=change_id)
        rows, config = Changes(self.ctx.db), self.ctx.config
        poll = partial(_read_change, rows, change_id)
        try:
            return wait_for_daemon(config, poll, self._commit_queued, self.notify, on_late)
        except KeyboardInterrupt:
            if not rows.give_up(change_id):
                self.notify("change-queued", change=change_id)
            raise

    def _commit_queued(self) -> None:
        from merlin.daemon.ticks import fetch

        with open_daemon_services(self.ctx.config, self.ctx.db, self.notify) as services:
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
        # A command cannot ask how to merge.
        differences = [
            unified_diff(file.theirs.text, file.text, file.path)
            for file in rows.list_of_batch(change.batch)
            if file.theirs is not None
        ]
        rows.give_up(change.change_id)
        raise MerlinError("a conflict", "change-in-conflict", difference="\n".join(differences))
    if change.state is ChangeState.REFUSED:
        raise MerlinError(change.reason, "change-not-saved", reason=reason)
    if change.state is ChangeState.PARKED:
        raise MerlinError(change.reason, "change-parked", change=change_id, reason=reason)
    if change.reason and change.state is ChangeState.WAITING:
        raise MerlinError(change.reason, "change-waits", change=change_id, reason=reason)
    return None
