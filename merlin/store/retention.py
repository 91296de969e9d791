"""Taking away what has been kept long enough, a few rows at once, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from peewee import Select

from merlin.account.retention import Retention
from merlin.chat.review import ProposalState
from merlin.chat.turn import TurnState
from merlin.core.clock import Clock, iso, utc_now
from merlin.core.request import RequestState
from merlin.inbox.outgoing import OutgoingState
from merlin.inbox.update import UpdateState
from merlin.store.account_tables import AUDIT, QUOTA_USE
from merlin.store.chat_tables import DIALOG, OUTGOING, SESSION, TURN, UPDATE
from merlin.store.database import Database, transaction
from merlin.store.group_tables import GROUP_SETTING, INLINE_QUESTION
from merlin.store.ratings_tables import LEFT_BEHIND, PROPOSAL
from merlin.store.row_keys import key_of
from merlin.store.tables import NOTICE, REQUEST, Table

AT_ONCE = 500
# What was used counts in its month; two of them are safe in every time zone.
USES_DAYS = 62
# What groups chose that the bot is out of, and questions that wait behind a link.
GONE_DAYS = 30
_NOTHING = "{}"


class RetentionRows:
    """What was finished long ago, by table."""

    def __init__(self, db: Database, retention: Retention, clock: Clock = utc_now) -> None:
        self.db = db
        self._retention = retention
        self._clock = clock

    def sweep(self, at_once: int = AT_ONCE) -> int:
        """Take away at most so many rows of each table; return how many went."""
        return sum(
            self._delete(table, these, at_once) for table, these in self._over()
        ) + self._blank(at_once)

    @transaction
    def _delete(self, table: Table, these: Any, at_once: int) -> int:
        keys = [getattr(table, name) for name in key_of(table)]
        some = table.select(*keys).where(these).limit(at_once)
        return sum(self._drop(table, row) for row in self.db.rows(some))

    def _drop(self, table: Table, row: dict[str, Any]) -> int:
        this = [getattr(table, name) == value for name, value in row.items()]
        return self.db.change(table.delete().where(*this))

    def _over(self) -> Iterator[tuple[Table, Any]]:
        """Yield each table with the condition of the rows that may go."""
        days = self._retention
        if before := self._before(days.updates_days):
            yield from _finished(before)
        if before := self._before(days.outgoing_days):
            settled = (OutgoingState.SENT.value, OutgoingState.DROPPED.value)
            yield OUTGOING, OUTGOING.state.in_(settled) & (OUTGOING.settled_at < before)
            # A word that is told only once is kept, so that it is never told again.
            yield NOTICE, NOTICE.once.is_null() & (NOTICE.handed_over_at < before)
        if before := self._before(days.turns_days):
            yield TURN, (TURN.state == TurnState.TOLD.value) & (TURN.asked_at < before)
            last = (SESSION.touched_at != "") & (SESSION.touched_at < before)
            yield SESSION, last & (SESSION.is_open == 0) & SESSION.id.not_in(_with_turns())
        if before := self._before(days.audit_days):
            yield AUDIT, AUDIT.at < before
        uses = QUOTA_USE.gift_id.is_null() & (QUOTA_USE.at < self._before(USES_DAYS))
        yield QUOTA_USE, uses
        gone = GROUP_SETTING.gone_at < self._before(GONE_DAYS)
        yield GROUP_SETTING, gone
        yield INLINE_QUESTION, INLINE_QUESTION.at < self._before(GONE_DAYS)
        yield LEFT_BEHIND, LEFT_BEHIND.until < iso(self._clock())

    def _before(self, days: int) -> str:
        """Return the time so many days ago, "" for 0."""
        return iso(self._clock() - timedelta(days=days)) if days else ""

    @transaction
    def _blank(self, at_once: int) -> int:
        """Forget what was said in notices that are kept for their word."""
        before = self._before(self._retention.outgoing_days)
        old = (NOTICE.handed_over_at < before) & (NOTICE.arguments != _NOTHING)
        some = self.db.rows(NOTICE.select(NOTICE.id).where(old).limit(at_once)) if before else []
        ids = [row["id"] for row in some]
        blank = NOTICE.update({"arguments": _NOTHING, "to_whom": ""})
        return self.db.change(blank.where(NOTICE.id.in_(ids))) if ids else 0


def _finished(before: str) -> Iterator[tuple[Table, Any]]:
    over = UPDATE.state != UpdateState.WAITING.value
    yield UPDATE, over & (UPDATE.finished_at < before)
    done = (RequestState.DONE.value, RequestState.FAILED.value)
    yield REQUEST, REQUEST.state.in_(done) & (REQUEST.created_at < before)
    yield DIALOG, DIALOG.at < before
    unused = (SESSION.touched_at == "") & (SESSION.is_open == 0) & (SESSION.created_at < before)
    yield SESSION, unused & SESSION.id.not_in(_with_turns())
    ended = (ProposalState.DECLINED.value, ProposalState.WITHDRAWN.value)
    gone = PROPOSAL.state.in_(ended) & (PROPOSAL.example_id == "")
    yield PROPOSAL, gone & (PROPOSAL.at < before)


def _with_turns() -> Select:
    return TURN.select(TURN.session_id)
