"""How commands edit: a context after a fetch, the way to a commit, and how both are printed."""

from __future__ import annotations

import re
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial

from merlin.app import changes, requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.cli import language
from merlin.cli.daemon_requests import (
    LATE_S,
    Notify,
    open_daemon_services,
    request_daemon,
    wait_for_daemon,
)
from merlin.cli.output import format_cell, print_message, print_next
from merlin.config import Config
from merlin.core.errors import MerlinError, SourceError
from merlin.dataset.changes import Change, Changes, ChangeState, Edit
from merlin.dataset.commit_message import Editor, Subject, local_editor
from merlin.dataset.finding import Finding
from merlin.dataset.preview import Preview
from merlin.wiring.context import make_cipher, open_migrated_database

JsonObject = dict[str, object]


@contextmanager
def edit_session(
    config: Config, notify: Notify = print_message
) -> Iterator[EditSession]:
    """Fetch, then yield an edit session. Raises the errors of the daemon."""
    reported: set[str] = set()

    def notify_once(key: str, **arguments: object) -> None:
        if key not in reported:  # however many steps a command has
            reported.add(key)
            notify(key, **arguments)

    request_daemon(config, requests.fetch, notify_once)
    with open_migrated_database(config) as database:
        database.cipher = make_cipher(config, database)
        ctx = Context(config=config, db=database)
        session = EditSession(ctx, Actor.operator(), notify_once)
        try:
            yield session
        except KeyboardInterrupt:
            Changes(database).withdraw(session.batch)  # saved, and not waited for yet
            raise


@dataclass(frozen=True, slots=True)
class EditSession:
    """The context of a command that edits, and its way to a commit.

    `batch` is the id of the changes that it commits, at most once.
    """

    ctx: Context
    actor: Actor
    notify: Notify
    batch: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def editor(self) -> Editor:
        """Return the author of the commits: name and e-mail of the user's git, else the login."""
        return local_editor(self.actor.name.removeprefix("cli:"), *_read_git_identity())

    def commit(self, dataset: str, edits: Sequence[Edit], subject: Subject = "") -> str:
        """Request a commit without a check; return the id of its change. Raises Refused."""
        saved = changes.save(
            self.ctx,
            self.actor,
            dataset,
            edits,
            subject,
            editor=self.editor,
            batch=self.batch,
        )
        return saved[0].change_id

    def finish(self, change_id: str, *, is_waiting: bool) -> JsonObject:
        """Return the state of a requested edit, waiting for its commit if asked to."""
        if is_waiting:
            self.wait(change_id)
        else:
            print_message("change-queued", change=change_id)
        change = changes.get(self.ctx, self.actor, change_id)
        return {
            "change": change_id,
            "dataset": change.dataset,
            "paths": [file.path for file in change.files],
            "state": change.state.value,
            "commit": change.commit,
            "subject": change.subject,
        }

    def wait(self, change_id: str) -> Change:
        """Wait until the change is committed; without a daemon, this process commits it.

        Raises MerlinError if the change is refused or cannot be pushed now (then
        it stays queued). Ctrl-C cancels a change whose commit has not begun.
        """
        on_late = partial(
            self.notify, "change-late", seconds=int(LATE_S), change=change_id
        )
        rows = Changes(self.ctx.db)
        config = self.ctx.config
        poll = partial(_read_change, rows, change_id)
        try:
            return wait_for_daemon(
                config, poll, self._commit_queued, self.notify, on_late
            )
        except KeyboardInterrupt:
            if not rows.withdraw(change_id):
                self.notify("change-queued", change=change_id)
            raise

    def _commit_queued(self) -> None:
        from merlin.daemon.ticks import fetch

        with open_daemon_services(
            self.ctx.config, self.ctx.db, self.notify
        ) as services:
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
    if change.state is ChangeState.REFUSED:
        raise MerlinError(change.reason, "change-not-saved", reason=reason)
    if change.state is ChangeState.PARKED:
        raise MerlinError(
            change.reason, "change-parked", change=change_id, reason=reason
        )
    if change.reason and change.state is ChangeState.WAITING:
        raise MerlinError(
            change.reason, "change-waits", change=change_id, reason=reason
        )
    return None


_IDENT = re.compile(r"(.*) <([^<>]*)> \d+ [+-]\d{4}")


def _read_git_identity() -> tuple[str, str]:
    """Return the name and e-mail that the user's git has, or ("", "") if it has none."""
    try:
        result = subprocess.run(
            ["git", "var", "GIT_AUTHOR_IDENT"],  # noqa: S607 - as the person's shell finds it
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "", ""
    match = _IDENT.fullmatch(result.stdout.strip())
    return (match[1], match[2]) if match else ("", "")


def preview_record(preview: Preview) -> JsonObject:
    """Return the findings of a preview for JSON."""
    return {
        "findings": [
            {**asdict(finding), "message": finding.text(language())}
            for finding in (*preview.findings, *preview.around)
        ],
    }


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings on stderr, one line each."""
    for finding in findings:
        sys.stderr.write(f"{finding.line_text(language())}\n")


def print_commit(values: Mapping[str, object]) -> None:
    """Print the commit that was made; nothing if it is still pending."""
    if values.get("commit"):
        sys.stdout.write(
            f"{str(values['commit'])[:10]}  {format_cell(values['subject'])}\n"
        )
        print_next("did-commit", dataset=values["dataset"])
