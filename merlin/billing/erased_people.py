"""What stays of a person after an erasure, under a pseudonym: this month's questions, and a block.

Without it, deleting everything and coming back would renew the quota and remove the block. The
pseudonym is a negative number, a keyed hash of the id: only who has the key can compare an id.
"""

from collections.abc import Collection

from peewee import fn

from merlin.billing.quota import UseState, pseudonyms
from merlin.db.database import Repository, transaction
from merlin.db.tables import BLOCKED_PSEUDONYM, PERSON, QUOTA_USE

# Runs for every batch of updates: peewee takes 0.1 ms to build it.
_BLOCKED = "SELECT pseudonym FROM blocked_pseudonym"


class ErasedPeople(Repository):
    """Questions and blocks of people who left; without a cipher nobody is recognised."""

    @transaction
    def store(self, user_id: int) -> None:
        """Keep the questions that a plan covered in the person's newest month, and their block."""
        pseudonym = pseudonyms(self.db, user_id)[0]
        covered = (
            (QUOTA_USE.user_id == user_id)
            & QUOTA_USE.pack_id.is_null()
            & (QUOTA_USE.state != UseState.RETURNED.value)
        )
        month = self.db.value(QUOTA_USE.select(fn.MAX(QUOTA_USE.month)).where(covered))
        # The update's number could name the person in a log.
        values = {"user_id": pseudonym, "update_id": QUOTA_USE.id * -1}
        self.db.update(QUOTA_USE, covered & (QUOTA_USE.month == month), **values)
        if self.db.value(
            PERSON.select(PERSON.is_blocked).where(PERSON.user_id == user_id)
        ):
            self.db.add_new(BLOCKED_PSEUDONYM, {"pseudonym": pseudonym})

    def find_blocked(self, user_ids: Collection[int]) -> set[int]:
        """Return those people who were blocked when they left."""
        blocked = {row.pseudonym for row in self.db.sql(_BLOCKED)}
        # Usually no one is blocked, and no pseudonyms are computed.
        return {
            user_id
            for user_id in user_ids
            if blocked and blocked.intersection(pseudonyms(self.db, user_id))
        }

    @transaction
    def unblock(self, user_id: int) -> None:
        """Delete the stored block of a person."""
        theirs = BLOCKED_PSEUDONYM.pseudonym.in_(pseudonyms(self.db, user_id))
        self.db.delete(BLOCKED_PSEUDONYM, theirs)
