"""Dangerous operations that need a second person's approval: one row for each.

    waiting -> approved | declined | failed | expired

`failed`: approved, but no longer possible. `security.two_people` lists these operations;
`merlin.app.approvals` performs one after its approval.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from merlin.core.clock import iso
from merlin.core.errors import ApprovalNeeded, MerlinError, NotFound, Refused
from merlin.db.audit import Audit, person_reference
from merlin.db.database import Repository, lock_user, transaction
from merlin.db.notices import OTHERS, Notices
from merlin.db.requests import Request
from merlin.db.tables import APPROVAL
from merlin.db.values import RowMap, dump_json

# The time in which an approval can be decided.
APPROVAL_LIFETIME = timedelta(hours=24)


class ApprovalState(StrEnum):
    """The state of an approval."""

    # The values are stored in the database.
    WAITING = "waiting"
    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Approval:
    """An operation that a person requested.

    `act` names the operation that is performed with `arguments`; `subject` is its object in the
    audit; `text_arguments` fill the text `approval-act-<act>`. `asked_by` is a person's id,
    `decided_by` a person as named in the audit.
    """

    number: int
    act: str
    subject: str
    arguments: Mapping[str, Any]
    text_arguments: Mapping[str, Any]
    asked_by: int
    asked_at: datetime
    state: ApprovalState = ApprovalState.WAITING
    decided_by: str = ""
    decided_at: datetime | None = None

    @property
    def expires_at(self) -> datetime:
        """Return the time until which it can be decided."""
        return self.asked_at + APPROVAL_LIFETIME

    @property
    def once(self) -> str:
        """Return the idempotency key of the operation."""
        return f"approval:{self.number}"

    @property
    def description(self) -> Mapping[str, object]:
        """Return a description of the operation, as an argument of another text."""
        return {"key": f"approval-act-{self.act}", "arguments": self.text_arguments}


class Approvals(Repository):
    """Operations that wait for a second person, and their outcomes."""

    @transaction
    def propose(self, needed: ApprovalNeeded) -> int:
        """Store an operation that needs approval and notify the other admins; return its number.

        An equal request of the same person that is still waiting is returned instead.
        """
        # A form that comes twice, to two processes, asks once.
        lock_user(self.db, needed.asked_by, self._clock)
        arguments, asker = dump_json(needed.values), person_reference(needed.asked_by)
        is_equal = (APPROVAL.act == needed.act) & (APPROVAL.subject == needed.subject)
        is_equal &= (APPROVAL.asked_by == needed.asked_by) & (APPROVAL.arguments == arguments)
        row = self.db.row(APPROVAL.select(APPROVAL.id).where(self._waits() & is_equal))
        if row is not None:
            return int(row["id"])
        new = Approval(
            0,
            needed.act,
            needed.subject,
            needed.values,
            needed.text_arguments,
            needed.asked_by,
            self._clock(),
        )
        number = self.db.add(APPROVAL, _APPROVALS.write(new, but=("number",)))
        audit_values = {"number": number, "act": needed.act}
        Audit(self.db, self._clock).note(asker, "approval.ask", needed.subject, audit_values)
        notice_values = {
            "by": asker,
            "what": new.description,
            "subject": needed.subject,
            "approval": number,
        }
        Notices(self.db, self._clock).tell(OTHERS, "notice-approval-asked", notice_values)
        return number

    def list_waiting(self, limit: int = 50) -> list[Approval]:
        """Return the waiting approvals, oldest first."""
        rows = APPROVAL.select().where(self._waits()).order_by(APPROVAL.id).limit(limit)
        return _APPROVALS.read_all(self.db, rows)

    def get(self, number: int) -> Approval:
        """Return an approval in any state. Raises NotFound."""
        not_found = NotFound(f"no approval {number}", "approval-none", number=str(number))
        return _APPROVALS.read(
            self.db.get_row(APPROVAL.select().where(APPROVAL.id == number), not_found)
        )

    @transaction
    def decide(self, number: int, state: ApprovalState, by: str) -> Approval:
        """Decide a waiting approval. Raises Refused if it is already decided or has expired."""
        values = {"state": state.value, "decided_by": by, "decided_at": iso(self._clock())}
        if not self.db.update(APPROVAL, self._waits() & (APPROVAL.id == number), **values):
            raise Refused("it does not wait", "approval-decided", number=str(number), state="")
        return self.get(number)

    @transaction
    def fail(self, approval: Approval, error: MerlinError) -> None:
        """Store that an approved operation could not be performed, and notify who requested it."""
        is_it = APPROVAL.id == approval.number
        self.db.update(APPROVAL, is_it, state=ApprovalState.FAILED.value)
        self.notify_asker(approval, "notice-approval-failed", reason=error.as_argument())

    @transaction
    def fail_request(self, request: Request, error: MerlinError) -> None:
        """Fail the approved operation that a request to the daemon performs, if it is one."""
        is_approved = APPROVAL.state == ApprovalState.APPROVED.value
        query = APPROVAL.select().where(is_approved & (APPROVAL.act == request.kind))
        for approval in _APPROVALS.read_all(self.db, query):
            by = person_reference(approval.asked_by)
            if (request.once, request.by) == (approval.once, by):
                self.fail(approval, error)

    @transaction
    def expire(self) -> int:
        """Expire overdue approvals and notify who requested them; return how many."""
        is_open = APPROVAL.state == ApprovalState.WAITING.value
        is_overdue = is_open & (APPROVAL.asked_at <= self._oldest())
        overdue = _APPROVALS.read_all(self.db, APPROVAL.select().where(is_overdue))
        values = {"state": ApprovalState.EXPIRED.value, "decided_at": iso(self._clock())}
        for approval in overdue:
            condition = is_open & (APPROVAL.id == approval.number)
            if self.db.update(APPROVAL, condition, **values):
                self.notify_asker(approval, "notice-approval-expired")
        return len(overdue)

    def notify_asker(self, approval: Approval, key: str, **more: object) -> None:
        """Notify the person who requested an operation."""
        by, number = approval.decided_by, str(approval.number)
        arguments = {"what": approval.description, "number": number, "by": by, **more}
        Notices(self.db, self._clock).tell(str(approval.asked_by), key, arguments)

    def _waits(self) -> Any:
        is_open = APPROVAL.state == ApprovalState.WAITING.value
        return is_open & (APPROVAL.asked_at > self._oldest())

    def _oldest(self) -> str:
        return iso(self._clock() - APPROVAL_LIFETIME)


_APPROVALS = RowMap(Approval, columns={"number": "id", "text_arguments": "told"})
