"""Dangerous acts that wait for a second person: one row each, from being asked for to decided.

    waiting -> approved | declined | failed | expired

`failed`: approved, but no longer possible. Which acts those are says `security.two_people`;
`merlin.app.approvals` performs one once it is approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from merlin.account.accounts import is_of_telegram
from merlin.core.clock import iso
from merlin.core.errors import ApprovalNeeded, NotFound, Refused
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Repository, transaction
from merlin.db.notices import OTHERS, Notices
from merlin.db.tables import APPROVAL
from merlin.db.values import RowMap, dump_json

# How long one may wait.
LASTS = timedelta(hours=24)


class ApprovalState(StrEnum):
    """Where one stands; the values are what the database stores."""

    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Approval:
    """One act that somebody asked for.

    `act` names what is performed with `arguments`; `subject` is what the audit names; `told` fills
    the text `approval-act-<act>`. `asked_by` is a person's id, `decided_by` as the audit names
    people.
    """

    number: int
    act: str
    subject: str
    arguments: Mapping[str, Any]
    told: Mapping[str, Any]
    asked_by: int
    asked_at: datetime
    state: ApprovalState = ApprovalState.WAITING
    decided_by: str = ""
    decided_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """Return until when it may be decided."""
        return self.asked_at + LASTS

    @property
    def words(self) -> Mapping[str, object]:
        """Return what is asked for, as a text that is an argument of another one."""
        return {"key": f"approval-act-{self.act}", "arguments": self.told}


class Approvals(Repository):
    """What waits for a second person, and what became of it."""

    @transaction
    def propose(self, needed: ApprovalNeeded) -> int:
        """Store what needs approval and tell the other admins; return its number.

        What the same person asked for already, and still waits, is the same.
        """
        arguments, asker = dump_json(needed.values), person_reference(needed.asked_by)
        same = (APPROVAL.act == needed.act) & (APPROVAL.subject == needed.subject)
        same &= (APPROVAL.asked_by == needed.asked_by) & (APPROVAL.arguments == arguments)
        row = self.db.row(APPROVAL.select(APPROVAL.id).where(self._waits() & same))
        if row is not None:
            return int(row["id"])
        new = Approval(
            0,
            needed.act,
            needed.subject,
            needed.values,
            needed.told,
            needed.asked_by,
            self._clock(),
        )
        number = self.db.add(APPROVAL, _APPROVALS.write(new, but=("number",)))
        noted = {"number": number, "act": needed.act}
        Audit(self.db, self._clock).note(asker, "approval.ask", needed.subject, noted)
        told = {"by": asker, "what": new.words, "subject": needed.subject, "approval": number}
        Notices(self.db, self._clock).tell(OTHERS, "notice-approval-asked", told)
        return number

    def waiting(self, limit: int = 50) -> list[Approval]:
        """Return what waits, the oldest first."""
        rows = APPROVAL.select().where(self._waits()).order_by(APPROVAL.id).limit(limit)
        return _APPROVALS.read_all(self.db.rows(rows))

    def count(self) -> int:
        """Return how many wait."""
        return self.db.count(APPROVAL, self._waits())

    def get(self, number: int) -> Approval:
        """Return one, decided or not. Raises NotFound."""
        missing = NotFound(f"no approval {number}", "approval-none", number=str(number))
        return _APPROVALS.read(self.db.one(APPROVAL.select().where(APPROVAL.id == number), missing))

    @transaction
    def decide(self, number: int, state: ApprovalState, by: str) -> None:
        """Decide one that waits. Raises Refused where somebody did, or it waited too long."""
        values = {"state": state.value, "decided_by": by, "decided_at": iso(self._clock())}
        condition = self._waits() & (APPROVAL.id == number)
        if not self.db.change(APPROVAL.update(values).where(condition)):
            raise Refused(f"{number} does not wait", "approval-decided", number=str(number))

    @transaction
    def fail(self, number: int) -> None:
        """Note that what was approved could not be performed."""
        failed = APPROVAL.update({"state": ApprovalState.FAILED.value})
        self.db.change(failed.where(APPROVAL.id == number))

    @transaction
    def expire(self) -> int:
        """Let go of what waited too long and tell its askers; return how many."""
        is_open = APPROVAL.state == ApprovalState.WAITING.value
        late = is_open & (APPROVAL.asked_at <= self._oldest())
        found = _APPROVALS.read_all(self.db.rows(APPROVAL.select().where(late)))
        values = {"state": ApprovalState.EXPIRED.value, "decided_at": iso(self._clock())}
        for each in found:
            condition = is_open & (APPROVAL.id == each.number)
            if self.db.change(APPROVAL.update(values).where(condition)):
                self.tell_asker(each, "notice-approval-expired")
        return len(found)

    def tell_asker(self, approval: Approval, key: str, **more: object) -> None:
        """Tell who asked what became of it, where the bot can."""
        if is_of_telegram(approval.asked_by):
            arguments = {"what": approval.words, "number": str(approval.number), **more}
            Notices(self.db, self._clock).tell(str(approval.asked_by), key, arguments)

    def _waits(self) -> Any:
        is_open = APPROVAL.state == ApprovalState.WAITING.value
        return is_open & (APPROVAL.asked_at > self._oldest())

    def _oldest(self) -> str:
        return iso(self._clock() - LASTS)


_APPROVALS = RowMap(Approval, columns={"number": "id"})
