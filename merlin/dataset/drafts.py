"""Drafts: what an editor has changed in a dataset and not saved yet, one row a file.

All drafts of one editor in one dataset are saved as one commit. A draft keeps the blob that its
editor saw, so that what another wrote in between is never overwritten unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merlin.core.clock import iso
from merlin.dataset.changes import Edit
from merlin.db.database import Repository, Row
from merlin.db.tables import EXAMPLE_DRAFT
from merlin.db.values import decrypt

# More is an import, or a push.
MOST_DRAFTS = 500


@dataclass(frozen=True, slots=True)
class ExampleDraft:
    """One edit that is not saved; `at` tells it from a later one of the same file."""

    draft_id: int
    edit: Edit
    at: str


class ExampleDrafts(Repository):
    """The drafts of all editors."""

    def of(self, user_id: int, dataset: str) -> list[ExampleDraft]:
        """Return the drafts of an editor in a dataset, oldest first; lost ones are left out."""
        mine = EXAMPLE_DRAFT.select().where(_of(user_id, dataset)).order_by(EXAMPLE_DRAFT.id)
        read = ((row, self._text(row)) for row in self.db.rows(mine))
        return [
            ExampleDraft(row["id"], Edit(row["path"], row["before_blob"], text), row["at"])
            for row, text in read
            if text is not None or row["text"] is None
        ]

    def _text(self, row: Row) -> str | None:
        return None if row["text"] is None else decrypt(self.db.cipher, row["text"])

    def put(self, user_id: int, dataset: str, edit: Edit) -> None:
        """Keep an edit; it takes the place of the one of the same file."""
        key = {"user_id": user_id, "dataset": dataset, "path": edit.path}
        text = None if edit.text is None else self.db.cipher.seal(edit.text)
        values = {"before_blob": edit.before, "text": text, "at": iso(self._clock())}
        self.db.upsert(EXAMPLE_DRAFT, key, values)

    def drop(self, user_id: int, dataset: str, path: str = "") -> None:
        """Forget the draft of a file, without a path all of them."""
        these = _of(user_id, dataset)
        if path:
            these &= EXAMPLE_DRAFT.path == path
        self.db.change(EXAMPLE_DRAFT.delete().where(these))

    def settle(self, drafts: Sequence[ExampleDraft]) -> None:
        """Forget drafts that were saved; one that was written anew meanwhile stays."""
        for each in drafts:
            same = (EXAMPLE_DRAFT.id == each.draft_id) & (EXAMPLE_DRAFT.at == each.at)
            self.db.change(EXAMPLE_DRAFT.delete().where(same))


def _of(user_id: int, dataset: str) -> object:
    return (EXAMPLE_DRAFT.user_id == user_id) & (EXAMPLE_DRAFT.dataset == dataset)
