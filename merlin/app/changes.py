"""Edits of datasets: check them, request a commit, follow it, undo.

    files + pending changes -> edits -> preview -> [errors: refused] -> changes awaiting a commit

An edit never builds on outdated files: if something changed in between, it is made again.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from merlin.account.users import Users
from merlin.app import verdicts
from merlin.app.actor import Actor, missing_dataset
from merlin.app.context import Context
from merlin.app.permissions import may_edit_examples, require_editing
from merlin.app.verdicts import VerdictView
from merlin.core.errors import DatasetError, Forbidden, NotFound, Refused
from merlin.core.i18n import render_stored_text
from merlin.core.permissions import Permission
from merlin.core.views import INTERNAL, described, view_of
from merlin.course.catalogue import Catalogue, Material
from merlin.course.editing import CourseEdits
from merlin.dataset.came_after import CameAfter
from merlin.dataset.changes import (
    Change,
    ChangeKind,
    ChangeRequest,
    Changes,
    ChangeState,
    Edit,
    make_changes,
)
from merlin.dataset.commit_batch import plan_revert
from merlin.dataset.commit_message import (
    Editor,
    Subject,
    revert_subject,
    telegram_editor,
)
from merlin.dataset.entries import FileText
from merlin.dataset.example_rewording import allow_rules
from merlin.dataset.file_difference import FileDifference, compare_files
from merlin.dataset.files import FileIndex, apply_pending_changes, is_behind
from merlin.dataset.finding import escape_unprintable
from merlin.dataset.preview import Preview, unified_diff
from merlin.db.database import lock_user
from merlin.db.tables import CHANGE, VERDICT
from merlin.training.commit_state import CommitState

_TRIES = 5
_POLL_S = 0.1
_FRESH = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class DatasetFiles:
    """The files of a dataset's folder, including changes that await a commit.

    `materials` belong to its course. `version` is equal only for equal
    files and changes.
    `language` is that of texts that name none.
    `is_behind`: a commit exists that has not been read yet.
    """

    dataset: str
    files: list[FileText]
    materials: list[Material]
    version: tuple[str, ...] = ()
    is_behind: bool = False
    language: str = "en"

    def file(self, path: str) -> FileText | None:
        """Return one file, None if there is none."""
        return next((each for each in self.files if each.path == path), None)


# Makes the edits from the current files; may be called several times.
Make = Callable[[DatasetFiles], CourseEdits]
# Reads the files of a dataset that an edit is about, with the permission that the edit needs.
Read = Callable[[Context, Actor, str], DatasetFiles]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file of an edit."""

    id: str
    path: str = described("Path relative to the dataset's folder.")
    kind: ChangeKind
    difference: str | None = described("Unified diff; null if only git has the texts.")
    # Old and new, None for no file; None if one of them is not stored.
    texts: tuple[str | None, str | None] | None = field(metadata=INTERNAL)
    yours: str | None = described(
        "Your text of an edit that was refused because another one changed the file; else null."
    )

    @property
    def shown(self) -> FileDifference | None:
        """Return the difference as people read it, None if its texts are not stored."""
        return compare_files(self.path, *self.texts) if self.texts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """An edit on its way to a commit; all its files become one commit, or none.

    `reason` is a Fluent key with `arguments`: why it waits or was refused, "" for no reason.
    """

    id: str
    dataset: str
    subject: str
    state: ChangeState
    reason: str
    arguments: Mapping[str, object]
    commit: str | None
    asked_at: datetime
    can_withdraw: bool
    files: Sequence[FileChange]
    commit_state: CommitState = described("The word for it, and then for its commit.")
    after: CameAfter = field(metadata=INTERNAL)

    def why(self, language: str) -> str:
        """Return the reason in a language, "" if there is none."""
        return render_stored_text(language, self.reason, self.arguments)

    @property
    def is_over(self) -> bool:
        """Return whether the change is final until a person acts."""
        return self.state not in (ChangeState.WAITING, ChangeState.WORKING)


class StaleEdit(Refused):
    """The file has changed since the editor read it; with both texts and the current revision."""

    def __init__(self, yours: str | None, theirs: str | None, revision: str) -> None:
        super().__init__("edited meanwhile", "api-problem-stale")
        self.yours = yours
        self.theirs = theirs
        self.revision = revision


class EditNotGood(DatasetError):
    """The checker finds an error in an edit."""

    def __init__(self, preview: Preview) -> None:
        super().__init__("the edit has errors", "api-problem-not-good")
        self.preview = preview


def require_revision(
    revision: str | None, now: str, yours: str | None, theirs: str | None
) -> None:
    """Raise StaleEdit if the file's revision is not the one that the editor sent.

    Raises Refused if they sent none.
    """
    if not revision:
        raise Refused("no revision", "teaching-no-revision")
    if revision != now:
        raise StaleEdit(yours, theirs, now)


def read_files(ctx: Context, actor: Actor, dataset: str) -> DatasetFiles:
    """Return the files of a dataset. Raises NotFound, also for an actor without edit rights."""
    require_editing(ctx, actor, dataset)
    with ctx.db.snapshot():
        index = FileIndex(ctx.db)
        changes = _changes(ctx)
        files = index.list_files(dataset)
        pending = changes.list_pending(dataset)
        current = apply_pending_changes(dataset, files, pending)
        behind = is_behind(files, changes.list_committed(dataset, ctx.clock() - _FRESH))
        if not (current or behind):
            raise missing_dataset(dataset, index.read_trees())
        return DatasetFiles(
            dataset=dataset,
            files=current,
            materials=Catalogue(ctx.db).materials(dataset),
            version=(
                *(file.blob for file in files),
                *(each.change_id for each in pending),
            ),
            is_behind=behind,
            language=ctx.config.language,
        )


def _changes(ctx: Context) -> Changes:
    return Changes(ctx.db, ctx.clock)


def check_edits(ctx: Context, files: DatasetFiles, edits: Sequence[Edit]) -> Preview:
    """Return the checker's preview of edits; slow, and reads no rows."""
    texts = {edit.path: edit.text for edit in edits}
    return ctx.checker.preview(
        files.dataset, files.files, texts, ctx.config.example_tokens
    )


async def submit(
    ctx: Context,
    actor: Actor,
    dataset: str,
    make: Make,
    once: str = "",
    editor: Editor | None = None,
    allow: str = "",
    read: Read = read_files,
) -> ChangeView:
    """Check an edit and request its commit; a repeated call with the same `once` returns the first.

    `editor` is as in `save`, `read` reads the files, `allow` is the reason for which examples may
    have the personal data that is found in them. Raises NotFound, EditNotGood, what `make` raises,
    and Refused if the same files keep changing.
    """
    # The batch id under which a repeated call finds its changes, "" without `once`.
    batch = (
        hashlib.sha256(f"{actor.name}\n{once}".encode()).hexdigest()[:32]
        if once
        else ""
    )
    for _ in range(_TRIES):
        known = (
            await ctx.read(lambda ctx: _changes(ctx).list_of_batch(batch))
            if batch
            else []
        )
        files = await _read_newest_files(
            ctx, actor, dataset, read_files if known else read
        )
        if not known:
            proposed = await asyncio.to_thread(make, files)
            seen = await asyncio.to_thread(check_edits, ctx, files, proposed.edits)
            if allow and seen.personal:
                proposed = _allow_personal(proposed, seen, allow)
                seen = await asyncio.to_thread(check_edits, ctx, files, proposed.edits)
            if not seen.is_good:
                raise EditNotGood(seen)
            known = await ctx.write(
                _save_unless_changed, actor, files, proposed, batch, editor, read
            )
        if known:
            texts = {file.blob: file.text for file in files.files}
            (view,) = await ctx.read(_views, actor, [known], texts)
            return view
    raise Refused("others edit it", "api-problem-busy-file")


def _allow_personal(proposed: CourseEdits, seen: Preview, reason: str) -> CourseEdits:
    """Return the edits, of which each example allows the personal data that was found in it."""
    rules = {
        edit.path: seen.personal.get(escape_unprintable(edit.path))
        for edit in proposed.edits
    }
    edits = (
        replace(edit, text=allow_rules(edit.text, found, reason))
        if (found := rules[edit.path])
        else edit
        for edit in proposed.edits
    )
    return replace(proposed, edits=tuple(edits))


async def _read_newest_files(
    ctx: Context, actor: Actor, dataset: str, read: Read
) -> DatasetFiles:
    """Return the files once the newest commit has been read. Raises Refused on timeout."""
    until = asyncio.get_running_loop().time() + ctx.commit_wait_s
    while (files := await ctx.read(read, actor, dataset)).is_behind:
        if asyncio.get_running_loop().time() > until:
            raise Refused("a commit is not seen yet", "api-problem-unseen-commit")
        await asyncio.sleep(_POLL_S)
    return files


def _save_unless_changed(
    ctx: Context,
    actor: Actor,
    files: DatasetFiles,
    proposed: CourseEdits,
    batch: str,
    editor: Editor | None,
    read: Read,
) -> list[Change]:
    """Return the stored changes; none if the files changed in between."""
    if batch:  # the same form sent to two processes: the later one finds the changes of the first
        lock_user(ctx.db, actor.user_id, ctx.clock)
        if known := _changes(ctx).list_of_batch(batch):
            return known
    if read(ctx, actor, files.dataset).version != files.version:
        return []
    return save(
        ctx,
        actor,
        files.dataset,
        proposed.edits,
        proposed.subject,
        editor=editor,
        batch=batch,
        is_permitted=True,
    )


def save(
    ctx: Context,
    actor: Actor,
    dataset: str,
    edits: Sequence[Edit],
    subject: Subject = "",
    *,
    editor: Editor | None = None,
    batch: str = "",
    is_permitted: bool = False,
) -> list[Change]:
    """Request the commit of checked edits; return its changes.

    `editor` is the author of the commit, None: the actor; `batch` as in `make_changes`;
    `is_permitted`: what read the files has asked for the permission. Raises
    NotFound, and Refused for edits that no dataset can contain.
    """
    if not is_permitted:
        require_editing(ctx, actor, dataset)
    changes = make_changes(
        dataset, edits, change_request(ctx, actor, editor), subject, batch
    )
    _changes(ctx).put(changes)
    return list(changes)


def change_request(
    ctx: Context, actor: Actor, editor: Editor | None = None
) -> ChangeRequest:
    """Return what a person's changes have in common; `editor` as in `save`."""
    editor = editor or editor_of(ctx, actor)
    return ChangeRequest(editor, asker(actor), ctx.clock(), ctx.config.language)


def editor_of(ctx: Context, actor: Actor) -> Editor:
    """Return the author of a person's commits."""
    user = Users(ctx.db, ctx.clock).get(actor.user_id)
    return telegram_editor(actor.user_id, user.shown_name if user else "")


def asker(actor: Actor) -> str:
    """Return how changes identify the person who requested them."""
    return actor.name if actor.is_operator else str(actor.user_id)


def list_recent(
    ctx: Context, actor: Actor, limit: int = 50, before: str = ""
) -> list[ChangeView]:
    """Return the actor's edits, for an admin all edits, newest first.

    `before`: only those requested before this one.
    """
    with ctx.db.snapshot():
        by = None if actor.may(Permission.USERS) else asker(actor)
        return _views(ctx, actor, _changes(ctx).list_batches(by, limit, before))


def get(ctx: Context, actor: Actor, change_id: str) -> ChangeView:
    """Return an edit with its state. Raises NotFound."""
    with ctx.db.snapshot():
        (view,) = _views(ctx, actor, [_require_own_batch(ctx, actor, change_id)])
        return view


def is_indexed(ctx: Context, change: ChangeView) -> bool:
    """Return whether lists of files show an edit: its commit is indexed soon after it is made."""
    if change.state is not ChangeState.COMMITTED:
        return False
    committed = _changes(ctx).list_committed(change.dataset, ctx.clock() - _FRESH)
    files = FileIndex(ctx.db).read_texts(
        change.dataset, [each.inside for each in committed]
    )
    return not is_behind([*files.values()], committed)


def retry(ctx: Context, actor: Actor, change_id: str) -> ChangeView:
    """Retry an edit that the repository refused.

    Raises NotFound, Forbidden, and Refused if it is not parked.
    """
    batch = _require_editable(ctx, actor, change_id)
    if not _changes(ctx).retry(batch[0].change_id):
        raise Refused("not parked", "change-not-parked", change=change_id)
    return get(ctx, actor, change_id)


def drop(ctx: Context, actor: Actor, change_id: str) -> None:
    """Withdraw an edit and delete its text. Raises NotFound, and Refused once it is committed."""
    first = _require_own_batch(ctx, actor, change_id)[0]
    if first.reason != "change-given-up" and not _changes(ctx).withdraw(
        first.change_id
    ):
        raise Refused("too late", "change-too-late")


def make_undo(ctx: Context, actor: Actor, change_id: str) -> tuple[str, Make]:
    """Return the dataset of a commit, and the edits that restore its files.

    Raises NotFound, Forbidden; making the edits raises Refused as `plan_revert`.
    """
    batch = _require_editable(ctx, actor, change_id)
    text = FileIndex(ctx.db).read_text
    texts = {each.before: text(each.before) for each in batch if each.before}
    subject = FileIndex(ctx.db).name_subject(batch[0])

    def make(files: DatasetFiles) -> CourseEdits:
        blobs = {file.path: file.blob for file in files.files}
        edits = plan_revert(batch, blobs, texts.get)
        return CourseEdits(edits, revert_subject(subject))

    return batch[0].dataset, make


def find_undo(ctx: Context, actor: Actor, change_id: str) -> Change | None:
    """Return the edit that undid an edit, None for one that stands. Raises NotFound."""
    first = _require_own_batch(ctx, actor, change_id)[0]
    return (
        _changes(ctx).find_undo(first) if first.state is ChangeState.COMMITTED else None
    )


def find_undoable(ctx: Context, actor: Actor, commit: str) -> dict[str, str]:
    """Return dataset -> the edit that made this commit, of those that the actor may undo."""
    query = CHANGE.select(CHANGE.dataset, CHANGE.batch, CHANGE.by_whom)
    return {
        row.dataset: row.batch
        for row in ctx.db.rows(query.where(CHANGE.commit_sha == commit).distinct())
        if _is_theirs(actor, row.by_whom) and may_edit_examples(ctx, actor, row.dataset)
    }


def _is_theirs(actor: Actor, by: str) -> bool:
    return by == asker(actor) or actor.may(Permission.USERS)


def _require_own_batch(ctx: Context, actor: Actor, change_id: str) -> list[Change]:
    """Return the batch of a change, that change first. Raises NotFound for those of others."""
    one = _changes(ctx).get(change_id)
    if not _is_theirs(actor, one.by):
        raise NotFound("not theirs", "change-unknown", change=change_id)
    return _changes(ctx).list_of_batch(one.batch)


def _require_editable(ctx: Context, actor: Actor, change_id: str) -> list[Change]:
    """Return the batch if the actor may still edit its dataset."""
    batch = _require_own_batch(ctx, actor, change_id)
    if not may_edit_examples(ctx, actor, batch[0].dataset):
        raise Forbidden(f"{batch[0].dataset} is not theirs any more")
    return batch


def _views(
    ctx: Context,
    actor: Actor,
    batches: Sequence[Sequence[Change]],
    known: Mapping[str, str | None] = MappingProxyType({}),
) -> list[ChangeView]:
    """Return the views of batches; `known` are texts by blob that may not be stored."""
    index = FileIndex(ctx.db)
    firsts = [batch[0] for batch in batches]
    blobs = {
        blob
        for batch in batches
        for each in batch
        for blob in (each.before, each.committed_blob)
    }
    texts = {**index.read_blob_texts({blob for blob in blobs if blob}), **known}
    withdrawable = _changes(ctx).find_withdrawable(firsts)
    watched = [
        each
        for each in firsts
        if each.commit and may_edit_examples(ctx, actor, each.dataset)
    ]
    is_theirs = VERDICT.commit_sha.in_([each.commit for each in watched])
    is_theirs &= VERDICT.dataset.in_([each.dataset for each in watched])
    found = verdicts.list_of_condition(ctx, is_theirs) if watched else ()
    by_commit = {(each.dataset, each.commit): each for each in found}
    return [
        _view(
            batch,
            subject,
            texts,
            by_commit.get((batch[0].dataset, batch[0].commit or "")),
            can_withdraw=batch[0].batch in withdrawable,
        )
        for batch, subject in zip(batches, index.name_subjects(firsts), strict=True)
    ]


def _view(
    batch: Sequence[Change],
    subject: str,
    texts: Mapping[str, str | None],
    verdict: VerdictView | None,
    *,
    can_withdraw: bool,
) -> ChangeView:
    first = batch[0]
    reason = next((each for each in batch if each.reason), first)
    return view_of(
        ChangeView,
        first,
        id=first.batch,
        subject=subject,
        reason=reason.reason,
        arguments=reason.arguments,
        asked_at=first.created_at,
        can_withdraw=can_withdraw,
        commit_state=verdict.state if verdict else CommitState(first.state.value),
        after=verdict.after if verdict else CameAfter(),
        files=[
            FileChange(
                id=each.change_id,
                path=each.inside,
                kind=each.kind,
                difference=unified_diff(*both, each.inside) if both else None,
                texts=both,
                yours=each.text if each.state is ChangeState.REFUSED else None,
            )
            for each, both in zip(batch, _texts(batch, texts), strict=True)
        ],
    )


def _texts(
    batch: Sequence[Change], texts: Mapping[str, str | None]
) -> Iterator[tuple[str | None, str | None] | None]:
    """Yield the old and the new text of each change; None if one of them is not stored."""
    for change in batch:
        old = texts.get(change.before or "")
        new = change.shown_text or texts.get(change.committed_blob or "")
        is_stored = (new is not None or change.kind is ChangeKind.DELETE) and (
            old is not None or change.before is None
        )
        is_shown = is_stored and change.state is not ChangeState.REFUSED
        yield (None if change.before is None else old, new) if is_shown else None
