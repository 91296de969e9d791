"""A change: one edit of one file that is to be committed.

    waiting -> working -> committed | refused | parked
    parked -> waiting (retried by a user) | refused (withdrawn)

A batch of one or more changes becomes one commit, completely or not at all. The commit contains
the batch's id (`Merlin-Id`), so that the branch shows whether a batch was committed. Changes are
stored in the database; only the daemon commits them.
"""

import uuid
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from peewee import SQL, fn

from merlin.core.clock import iso
from merlin.core.errors import NotFound, Refused
from merlin.core.names import is_valid_name
from merlin.dataset import layout
from merlin.dataset.commit_message import Editor, Subject, file_subject, format_subject
from merlin.dataset.finding import shorten
from merlin.dataset.layout import (
    COURSE_FILE,
    DATASET_FILE,
    EXAMPLES,
    IMPORTS_FILE,
    MATERIALS,
    ORIGINALS,
)
from merlin.dataset.yaml_io import MAX_FILE_BYTES
from merlin.db.database import Columns, Repository, Row, transaction
from merlin.db.intents import IntentState
from merlin.db.tables import CHANGE, INTENT
from merlin.db.values import RowMap, decrypt, dump_json
from merlin.git.source import blob_id

MAX_BATCH_SIZE = 10_000
_ENDINGS = {EXAMPLES: (".yaml",), MATERIALS: (".md", *ORIGINALS)}


class ChangeKind(StrEnum):
    """Kind of an edit."""

    # The values are stored in the database.
    ADD = "add"
    EDIT = "edit"
    DELETE = "delete"


class ChangeState(StrEnum):
    """State of a change."""

    # The values are stored in the database.
    WAITING = "waiting"
    WORKING = "working"
    COMMITTED = "committed"
    REFUSED = "refused"
    PARKED = "parked"


# The condition of changes that are neither committed nor refused, in the words of its index: SQLite
# recognizes it by no others.
IS_OPEN = "state IN ('waiting', 'working', 'parked')"


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of one file.

    `path` is relative to the folder of datasets (`trial/examples/face/fixation.yaml`). The first
    change of a batch has the batch's id; its editor is notified of that one only. `before` is the
    blob that the editor saw, None for a new file; `text` the file's new content, None to delete it;
    that of a document in Base64.
    `by` is the requester: a user's id as text, or `cli:<login>`. `reason` is a Fluent key with
    `arguments`: why it waits, was parked or refused.
    `committed_blob` is the file's after the commit, None for a deleted one and before the commit.
    """

    change_id: str
    batch: str
    dataset: str
    kind: ChangeKind
    path: str
    before: str | None
    text: str | None
    editor: Editor
    by: str
    subject: str
    created_at: datetime
    state: ChangeState = ChangeState.WAITING
    commit: str | None = None
    reason: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    committed_blob: str | None = None

    @property
    def inside(self) -> str:
        """Return the path within the dataset's folder."""
        return self.path.removeprefix(f"{self.dataset}/")

    @property
    def shown_text(self) -> str | None:
        """Return the new text, None for none: the file is deleted, or is a document."""
        return None if self.path.endswith(ORIGINALS) else self.text

    @property
    def content(self) -> str | bytes | None:
        """Return the file's new content, None to delete it."""
        if self.text is None or self.shown_text is not None:
            return self.text
        return b64decode(self.text)

    @property
    def blob(self) -> str | None:
        """Return the id that git gives the new content, None for none."""
        return None if self.content is None else blob_id(self.content)


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that become one commit, by one editor."""

    batch_id: str
    changes: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """Return the first change; all changes share its editor, subject and time."""
        return self.changes[0]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The commit of a batch, "" if an empty branch already lacks the files to delete.

    `is_there`: the commit was already on the branch; not part of the comparison.
    """

    commit: str
    is_there: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """Author, requester and time of changes, and the language of their subject."""

    editor: Editor
    by: str
    at: datetime
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Edit:
    """The new content of one file; `path` is within the dataset's folder, others as in `Change`."""

    path: str
    before: str | None
    text: str | None

    @property
    def kind(self) -> ChangeKind:
        """Return the kind of this edit."""
        if self.text is None:
            return ChangeKind.DELETE
        return ChangeKind.ADD if self.before is None else ChangeKind.EDIT


def make_changes(
    dataset: str,
    edits: Sequence[Edit],
    change_request: ChangeRequest,
    subject: Subject = "",
    batch: str = "",
) -> tuple[Change, ...]:
    """Return the changes of one batch for these edits of one dataset.

    `subject` is the commit's first line; the default names the first file, and how many more.
    `batch` is the batch's id, "" for a new one. Raises Refused for no edits or too many, for a path
    outside a dataset's files, for a duplicate path, and for a text that is too long.
    """
    if not 0 < len(edits) <= MAX_BATCH_SIZE or len({each.path for each in edits}) < len(
        edits
    ):
        arguments = {"count": len(edits), "limit": MAX_BATCH_SIZE}
        raise Refused(f"{len(edits)} edits at once", "change-count", **arguments)
    batch = batch or uuid.uuid4().hex
    subject = subject or file_subject(
        edits[0].kind.value, edits[0].path, len(edits) - 1
    )
    line = format_subject(subject, change_request.language)
    first, *others = (
        _change(dataset, edit, change_request, batch, line) for edit in edits
    )
    return (replace(first, change_id=batch), *others)


def _change(
    dataset: str, edit: Edit, change_request: ChangeRequest, batch: str, subject: str
) -> Change:
    size = len((edit.text or "").encode("utf-8", "replace"))
    limit = MAX_FILE_BYTES
    if size > limit:
        arguments = {"path": shorten(edit.path), "size": size, "limit": limit}
        raise Refused(f"{edit.path}: {size} bytes", "change-too-large", **arguments)
    return Change(
        change_id=uuid.uuid4().hex,
        batch=batch,
        dataset=dataset,
        kind=edit.kind,
        path=check_path(f"{dataset}/{edit.path}"),
        before=edit.before,
        text=edit.text,
        editor=change_request.editor,
        by=change_request.by,
        subject=subject,
        created_at=change_request.at,
    )


def check_path(path: str) -> str:
    """Return `path`, relative to the folder of datasets, if it may be written.

    These are dataset.yaml, course.yaml, imports.yaml, examples/**/<name>.yaml,
    materials/**/<name>.md and the documents that those were made from, with valid names in each
    step. Raises Refused for any other path.
    """
    dataset, _, inside = path.partition("/")
    if is_valid_name(dataset) and is_writable_path(inside):
        return path
    raise Refused(
        f"no place for a file: {path!r}", "change-no-place", path=shorten(path)
    )


def is_writable_path(inside: str) -> bool:
    """Return whether a path within a dataset's folder may be written."""
    if inside in (DATASET_FILE, COURSE_FILE, IMPORTS_FILE):
        return True
    folder = next((each for each in _ENDINGS if inside.startswith(each)), "")
    endings = _ENDINGS.get(folder, ())
    ending = next((each for each in endings if inside.endswith(each)), "")
    if not ending:
        return False
    steps = inside[len(folder) : -len(ending)].split("/")
    is_short = len(inside.encode("utf-8", "replace")) <= layout.MAX_PATH_BYTES
    return is_short and all(is_valid_name(step) for step in steps)


def intent_key(batch_id: str) -> str:
    """Return the key of the intent to push a batch."""
    return f"change:{batch_id}"


UNREADABLE = "change-unreadable"
# Another edit changed the file meanwhile; the text is kept, so that its editor can use it again.
CONFLICT = "change-conflict"
_WITHDRAWABLE = (ChangeState.WAITING, ChangeState.PARKED)
_FORGOTTEN: Columns = {"text": None}

_CHANGES = RowMap(
    Change,
    columns={
        "before": "before_blob",
        "by": "by_whom",
        "commit": "commit_sha",
        "name": "editor_name",
        "email": "editor_email",
    },
)


class Changes(Repository):
    """The table of changes: a queue of batches and their results."""

    @transaction
    def put(self, changes: Sequence[Change]) -> None:
        """Store the changes of one batch; changes that are already stored are not modified."""
        self.db.add_missing(CHANGE, (self._row(change) for change in changes))
        self.db.announce_change()

    def _row(self, change: Change) -> Columns:
        return _CHANGES.write(change, but=("text",)) | {
            "text": None if change.text is None else self.db.cipher.seal(change.text),
            "reported_status": "",
            # Only the first row of a batch is notified, and only when the requester is a user.
            "is_reported": int(
                change.change_id != change.batch or not change.by.isdecimal()
            ),
            "refusals": 0,
            "updated_at": iso(change.created_at),
        }

    def get(self, change_id: str) -> Change:
        """Return the change. Raises NotFound."""
        missing = NotFound(f"no change {change_id}", "change-unknown", change=change_id)
        query = CHANGE.select().where(CHANGE.change_id == change_id)
        return self._change(self.db.get_row(query, missing))

    def list_of_ids(self, change_ids: Sequence[str]) -> list[Change]:
        """Return these changes, oldest first."""
        return self._list(CHANGE.change_id.in_(change_ids)) if change_ids else []

    def find_undo(self, change: Change) -> Change | None:
        """Return the newest change of a file if it put back what was there before this one."""
        newest = (
            CHANGE.select().where(CHANGE.path == change.path).order_by(CHANGE.id.desc())
        )
        row = self.db.row(newest.where(CHANGE.state != ChangeState.REFUSED.value))
        last = self._change(row) if row else change
        given = last.committed_blob or last.blob
        is_undo = last.before == change.committed_blob and given == change.before
        return last if is_undo and last.batch != change.batch else None

    def list_of_batch(self, batch_id: str) -> list[Change]:
        """Return the changes of one batch, in the order of the request."""
        return self._list(CHANGE.batch == batch_id)

    def _list(self, where: Any) -> list[Change]:
        query = CHANGE.select().where(where).order_by(CHANGE.id)
        return [self._change(row) for row in self.db.rows(query)]

    def list_pending(self, dataset: str) -> list[Change]:
        """Return the waiting and working changes of a dataset, oldest first."""
        is_open = SQL(IS_OPEN) & (CHANGE.state != ChangeState.PARKED.value)
        return self._list((CHANGE.dataset == dataset) & is_open)

    def list_blobs(self, change_id: str, path: str) -> set[str]:
        """Return the blobs that this change and later ones have made, or would make, of a file.

        None are known once the change is deleted.
        """
        first = CHANGE.select(CHANGE.id).where(CHANGE.change_id == change_id)
        later = self._list((CHANGE.path == path) & (CHANGE.id >= first))
        blobs = {each.committed_blob or each.blob or "" for each in later}
        return blobs - {""}

    def list_committed(self, dataset: str, since: datetime) -> list[Change]:
        """Return the changes of a dataset committed at or after `since`, oldest first."""
        is_new = (CHANGE.state == ChangeState.COMMITTED.value) & (
            CHANGE.updated_at >= iso(since)
        )
        return self._list((CHANGE.dataset == dataset) & is_new)

    def list_new_datasets(self, since: datetime, dataset: str = "") -> list[Change]:
        """Return the changes that make datasets, open ones and those committed at or after `since`.

        Of one dataset, or ("") of all.
        """
        is_new = (CHANGE.state == ChangeState.COMMITTED.value) & (
            CHANGE.updated_at >= iso(since)
        )
        is_made = CHANGE.path.endswith(f"/{DATASET_FILE}") & (SQL(IS_OPEN) | is_new)
        if dataset:
            is_made &= CHANGE.dataset == dataset
        is_made &= CHANGE.kind == ChangeKind.ADD.value
        return [each for each in self._list(is_made) if each.inside == DATASET_FILE]

    def list_batches(
        self, by: str | None, limit: int, before: str = ""
    ) -> list[list[Change]]:
        """Return the changes of batches, the newest first, of one requester or all (None).

        `before` is the id of a change: only older batches are returned.
        """
        query = CHANGE.select(CHANGE.batch).where(CHANGE.change_id == CHANGE.batch)
        if by is not None:
            query = query.where(CHANGE.by_whom == by)
        if before:
            place = CHANGE.select(CHANGE.id).where(CHANGE.change_id == before)
            query = query.where(CHANGE.id < place)
        rows = self.db.rows(query.order_by(CHANGE.id.desc()).limit(limit))
        batches = {row.batch: list[Change]() for row in rows}
        for change in self._list(CHANGE.batch.in_([*batches])):
            batches[change.batch].append(change)
        return [*batches.values()]

    @transaction
    def withdraw(self, change_id: str) -> bool:
        """Withdraw the batch of a change; False for one that cannot be, and for an unknown one."""
        row = self.db.row(CHANGE.select().where(CHANGE.change_id == change_id))
        change = self._change(row) if row else None
        if change is None or not self.find_withdrawable([change]):
            return False
        refused = ChangeState.REFUSED
        return self._put_aside(
            change.batch, change.state, refused, "change-given-up", {}
        )

    def find_withdrawable(self, changes: Sequence[Change]) -> set[str]:
        """Return which batches of these changes wait, are parked, or were refused with their text.

        Not after a push with an unknown result: it may be on the branch.
        """
        waiting = {
            intent_key(each.batch) for each in changes if each.state in _WITHDRAWABLE
        }
        is_sending = INTENT.key.in_([*waiting]) & (
            INTENT.state == IntentState.SENDING.value
        )
        waiting -= {
            key for (key,) in self.db.rows(INTENT.select(INTENT.key).where(is_sending))
        }
        return {
            each.batch
            for each in changes
            if intent_key(each.batch) in waiting
            or (each.state is ChangeState.REFUSED and each.reason == CONFLICT)
        }

    @transaction
    def retry(self, change_id: str) -> bool:
        """Queue the batch of a parked change again; False if it is not parked."""
        row = self.db.row(CHANGE.select().where(CHANGE.change_id == change_id))
        waits = {
            "state": ChangeState.WAITING.value,
            "reason": "",
            "arguments": dump_json({}),
        }
        return row is not None and self._move(row.batch, ChangeState.PARKED, waits)

    def claim(self) -> Batch | None:
        """Claim the oldest waiting batch; None, and no write, if the queue is empty."""
        waiting = CHANGE.select(CHANGE.batch).where(
            CHANGE.state == ChangeState.WAITING.value
        )
        oldest = waiting.order_by(CHANGE.id)
        while (batch_id := self.db.value(oldest)) is not None:
            batch = self._claim(str(batch_id))
            if batch is not None:
                return batch
        return None

    @transaction
    def _claim(self, batch_id: str) -> Batch | None:
        """Claim this batch; None if it is already claimed, or if its texts cannot be decrypted."""
        taken = {"state": ChangeState.WORKING.value}
        if not self._move(batch_id, ChangeState.WAITING, taken):
            return None
        changes = tuple(self.list_of_batch(batch_id))
        if any(change.reason == UNREADABLE for change in changes):
            working = ChangeState.WORKING
            refused = ChangeState.REFUSED
            self._put_aside(batch_id, working, refused, UNREADABLE, {})
            return None
        return Batch(batch_id, changes)

    @transaction
    def settle(self, batch: Batch, landed: BatchResult) -> bool:
        """Store the commit of a claimed batch; False if it is not claimed any more."""
        values = {"state": ChangeState.COMMITTED.value, "commit_sha": landed.commit}
        values |= {**_FORGOTTEN, "reason": ""}
        if not self._move(batch.batch_id, ChangeState.WORKING, values):
            return False
        for each in batch.changes:
            if each.text is not None:
                is_this = CHANGE.change_id == each.change_id
                self.db.update(CHANGE, is_this, committed_blob=each.blob)
        return True

    @transaction
    def put_aside(
        self,
        batch: Batch,
        state: ChangeState,
        reason: str,
        arguments: Mapping[str, object],
    ) -> bool:
        """Set a claimed batch to waiting, parked (until `retry`) or refused, with the reason.

        False if it is not claimed any more.
        """
        return self._put_aside(
            batch.batch_id, ChangeState.WORKING, state, reason, arguments
        )

    @transaction
    def count_refusal(self, batch: Batch) -> int:
        """Count a refusal of the batch by the repository; return the number so far."""
        condition = CHANGE.batch == batch.batch_id
        self.db.update(CHANGE, condition, refusals=CHANGE.refusals + 1)
        return int(
            self.db.value(CHANGE.select(fn.MAX(CHANGE.refusals)).where(condition)) or 0
        )

    @transaction
    def release(self) -> int:
        """Queue again the changes that a crashed process left `working`; return how many."""
        is_left = CHANGE.state == ChangeState.WORKING.value
        return self.db.change(
            CHANGE.update({"state": ChangeState.WAITING.value}).where(is_left)
        )

    def _put_aside(
        self,
        batch_id: str,
        old: ChangeState,
        new: ChangeState,
        reason: str,
        arguments: Mapping[str, object],
    ) -> bool:
        why = {"reason": reason, "arguments": dump_json(dict(arguments))}
        forgotten = (
            _FORGOTTEN if new is ChangeState.REFUSED and reason != CONFLICT else {}
        )
        return self._move(batch_id, old, {"state": new.value, **why, **forgotten})

    def _move(
        self, batch_id: str, state: ChangeState, values: Mapping[str, object]
    ) -> bool:
        """Update all rows of a batch that are in `state`; False if there are none."""
        is_in_state = (CHANGE.batch == batch_id) & (CHANGE.state == state.value)
        self.db.announce_change()
        return self.db.update(
            CHANGE, is_in_state, **values, updated_at=iso(self._clock())
        )

    def _change(self, row: Row) -> Change:
        text = decrypt(self.db.cipher, row.text) if row.text else None
        change = _CHANGES.read(row, text=text)
        is_lost = row.text and text is None
        return replace(change, reason=UNREADABLE) if is_lost else change
