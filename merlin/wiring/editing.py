"""What commands that edit need: a context after a fetch, and the wait for a commit."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from merlin.app import changes, requests
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.config import Config
from merlin.core.errors import MerlinError, SourceError
from merlin.daemon.ticks import fetch
from merlin.dataset.change_queue import Changes
from merlin.dataset.changes import Change, ChangeState, Edit, local_editor
from merlin.dataset.preview import unified_diff
from merlin.wiring.cli import LATE_S, Say, ask, at_work, until
from merlin.wiring.context import command_context
from merlin.wiring.database import make_cipher, opened


@contextmanager
def editing(config: Config, say: Say) -> Iterator[EditSession]:
    """Fetch, then yield what an editor needs. Raises what the daemon refuses with."""
    told = _once(say)
    ask(config, requests.fetch, told)
    with opened(config) as database:
        database.cipher = make_cipher(config)
        yield EditSession(config, command_context(config, database), Actor.operator(), told)


def _once(say: Say) -> Say:
    """Return `say` that tells one sentence a single time, however many steps a command has."""
    said: set[str] = set()

    def say_once(key: str, **arguments: object) -> None:
        if key not in said:
            said.add(key)
            say(key, **arguments)

    return say_once


@dataclass(frozen=True, slots=True)
class EditSession:
    """What one command works with, and its way to a commit."""

    config: Config
    ctx: Context
    actor: Actor
    say: Say

    def commit(
        self, dataset: str, edits: Sequence[Edit], subject: str, names: tuple[str, str]
    ) -> str:
        """Ask for a commit; return the id of the change to wait for.

        `names`: name and e-mail as the person's git has them. Raises Refused.
        """
        editor = local_editor(getpass.getuser(), *names)
        made = changes.save(self.ctx, self.actor, dataset, edits, subject, editor=editor)
        return made[0].change_id

    def wait(self, change_id: str) -> Change:
        """Return the change when it is committed; without a daemon this process commits it.

        Raises MerlinError when it is refused, stands in conflict or cannot be pushed now (then
        it waits on).
        """
        late = partial(self.say, "change-late", seconds=int(LATE_S), change=change_id)
        look = partial(_look, Changes(self.ctx.db), change_id)
        return until(self.config, look, self._work, self.say, late)

    def _work(self) -> None:
        with at_work(self.config, self.ctx.db, self.say) as services:
            try:
                services.changing()
            except SourceError:
                return  # the change says why it waits
            fetch(services)


def _look(rows: Changes, change_id: str) -> Change | None:
    change = rows.get(change_id)
    if change.state is ChangeState.COMMITTED:
        return change
    why = {"key": change.reason, "arguments": dict(change.arguments)}
    if change.state is ChangeState.CONFLICT:
        raise _conflict(rows, change)
    if change.state is ChangeState.REFUSED:
        raise MerlinError(change.reason, "change-was-refused", reason=why)
    if change.state is ChangeState.PARKED:
        raise MerlinError(change.reason, "change-parked", change=change_id, reason=why)
    if change.reason and change.state is ChangeState.WAITING:
        raise MerlinError(change.reason, "change-waits", change=change_id, reason=why)
    return None


def _conflict(rows: Changes, change: Change) -> MerlinError:
    """Take the edit back, for nobody is asked at a keyboard; what was meant is shown."""
    shown = [
        unified_diff(each.theirs.text, each.text, each.path)
        for each in rows.of_batch(change.batch)
        if each.theirs is not None
    ]
    rows.give_up(change.change_id)
    return MerlinError("a conflict", "change-in-conflict", difference="\n".join(shown))
