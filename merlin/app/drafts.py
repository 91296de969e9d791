"""Drafts: an editor changes examples one by one, and saves them all as one commit.

    an edit -> parsed by the checker -> stored -> … -> saved: checked together -> one change

Nothing is lost: a draft that is refused, or whose example somebody else changed, stays until its
editor decides.

The rows of a pasted table or of a file become drafts too: each is compared with the dataset's
index, which avoids reading the whole dataset, and those that the editor chooses are stored.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BufferedReader, BytesIO
from itertools import count, islice

from merlin.app import changes, examples
from merlin.app.actor import Actor
from merlin.app.changes import ChangeView, DatasetFiles
from merlin.app.context import Context
from merlin.app.examples import ExampleContent, ExampleView
from merlin.app.permissions import require_editing
from merlin.core.errors import DatasetError, Refused
from merlin.course.editing import CourseEdits
from merlin.dataset.builds import Build
from merlin.dataset.changes import ChangeKind, Edit
from merlin.dataset.commit_message import examples_subject
from merlin.dataset.drafts import MAX_DRAFTS, ExampleDraft, ExampleDrafts, read_pasted, write_pasted
from merlin.dataset.entries import MAX_QUERY_LENGTH, ExampleEntries, ExampleFilter, FileText
from merlin.dataset.example import (
    Example,
    parse_example,
    read_example,
    reword_example,
    write_example,
)
from merlin.dataset.files import FileIndex, make_missing_example_error
from merlin.dataset.finding import Finding, Severity
from merlin.dataset.import_lines import ImportedLine, LeftOut, read_import_lines
from merlin.dataset.layout import DATASET_FILE, EXAMPLES, NameAllocator, example_id_of, example_path
from merlin.dataset.lint import PERSONAL, lint_example
from merlin.dataset.preview import EditChecker
from merlin.training.policy import Forecast, forecast_training

_MAX_CHECKED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsCheck:
    """The checker's findings on the drafts alone, by example, and the cost of the next training.

    `is_automatic`: training starts without a command.
    """

    findings: Mapping[str, Sequence[Finding]]
    next_training: Forecast | None = None
    is_automatic: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """An unsaved edit: the example after it, and the current one, None for none.

    `before` is the revision that the editor saw, "" for a new example. `is_stale`: the current one
    has another revision. `at` distinguishes it from the draft's later versions.
    """

    example: ExampleView
    kind: ChangeKind
    before: str
    current: ExampleView | None
    is_stale: bool
    at: str


class DraftNotGood(DatasetError):
    """The checker cannot read the edited example."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("the draft has errors", "page-has-errors")
        self.findings = findings


def list_drafts(ctx: Context, actor: Actor, dataset: str) -> list[DraftView]:
    """Return the actor's drafts in a dataset, newest first. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    with ctx.db.snapshot():
        own = _drafts(ctx).list_of_user(actor.user_id, dataset)
        files = FileIndex(ctx.db).read_texts(dataset, [draft.edit.path for draft in own])
    return [_draft_view(dataset, draft, files) for draft in reversed(own)]


def _draft_view(dataset: str, draft: ExampleDraft, files: Mapping[str, FileText]) -> DraftView:
    edit, current = draft.edit, files.get(draft.edit.path)
    file_text = FileText(dataset, edit.path, edit.before or "", edit.text)
    if edit.text is None and current is not None:
        file_text = current
    return DraftView(
        example=examples.view_of(file_text),
        kind=edit.kind,
        before=edit.before or "",
        current=examples.view_of(current) if current else None,
        is_stale=edit.before != (current.blob if current else None),
        at=draft.at,
    )


def list_edits(ctx: Context, actor: Actor, dataset: str) -> list[Edit]:
    """Return the actor's drafts in a dataset as edits of its files. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return [draft.edit for draft in _drafts(ctx).list_of_user(actor.user_id, dataset)]


async def check_drafts(ctx: Context, actor: Actor, dataset: str) -> DraftsCheck:
    """Return the checker's findings on the actor's drafts, and the cost of training them.

    The drafts are checked without the rest of the dataset, which only `save_drafts` includes; more
    than `_MAX_CHECKED` are not checked here. Raises NotFound.
    """

    def read(ctx: Context) -> tuple[list[Edit], list[FileText], Build | None]:
        edits, index = list_edits(ctx, actor, dataset), FileIndex(ctx.db)
        paths = [DATASET_FILE, *(edit.path for edit in edits)]
        files = index.read_texts(dataset, paths) if len(edits) <= _MAX_CHECKED else {}
        return edits, list(files.values()), index.find_newest_build(dataset)

    edits, files, build = await ctx.read(read)
    if not edits or len(edits) > _MAX_CHECKED:
        return DraftsCheck(findings={})
    texts = {edit.path: edit.text for edit in edits}
    limits = ctx.config.example_tokens
    preview = await asyncio.to_thread(EditChecker().preview, dataset, files, texts, limits)
    findings: dict[str, list[Finding]] = {}
    for finding in preview.findings:
        findings.setdefault(example_id_of(finding.path), []).append(finding)
    return DraftsCheck(
        findings=findings,
        next_training=forecast_training(build, preview, ctx.config.price),
        is_automatic=preview.spec is None or preview.spec.launch.mode == "auto",
    )


def draft_example(
    ctx: Context,
    actor: Actor,
    dataset: str,
    example_id: str,
    content: ExampleContent,
    revision: str,
) -> str:
    """Store an edit of an example, or without an id of a new one; return its id.

    `revision` is what the editor saw. An edit that changes nothing deletes the draft. Raises
    NotFound for a missing example, DraftNotGood, Refused for too many drafts.
    """
    require_editing(ctx, actor, dataset)
    drafts = _drafts(ctx)
    by_path = {draft.edit.path: draft for draft in drafts.list_of_user(actor.user_id, dataset)}
    path = example_path(example_id) if example_id else ""
    draft = by_path.get(path)
    current = FileIndex(ctx.db).read_texts(dataset, [path]).get(path) if path else None
    if path and draft is None and current is None:
        raise make_missing_example_error(dataset, example_id)
    text = _edited_text(draft, current, content)
    findings = read_example(text.encode("utf-8", "surrogatepass"))[1]
    if parse_example(text) is None:
        raise DraftNotGood(findings)
    if not path:
        # A form that is sent twice is one draft.
        for known_path, known in by_path.items():
            if known.edit.before is None and known.edit.text == text:
                return example_id_of(known_path)
        path = example_path(examples.free_id(ctx, dataset, text, [*map(example_id_of, by_path)]))
    if current is not None and current.text == text and current.blob == revision:
        drafts.drop(actor.user_id, dataset, path)
        return example_id_of(path)
    drafts.put(actor.user_id, dataset, Edit(path, revision or None, text))
    return example_id_of(path)


def _edited_text(
    draft: ExampleDraft | None, current: FileText | None, content: ExampleContent
) -> str:
    """Return the file with the new content; parts that are None stay as they are."""
    base = draft.edit.text if draft and draft.edit.text else current.text if current else None
    if base is None or parse_example(base) is None:
        text = reword_example(examples.write_new_example(content), split=content.split)
    else:
        text = reword_example(base, content.question, content.answer, content.tags, content.split)
    # The current file may say the same in another layout.
    if current is not None and parse_example(current.text) == parse_example(text):
        return current.text or text
    return examples.normalize_line_ends(text)


def draft_removal(ctx: Context, actor: Actor, dataset: str, example_id: str, revision: str) -> None:
    """Store the removal of an example, or delete the draft of a new one.

    Raises NotFound, Refused for too many drafts.
    """
    require_editing(ctx, actor, dataset)
    path = example_path(example_id)
    if path not in FileIndex(ctx.db).read_texts(dataset, [path]):
        drop_draft(ctx, actor, dataset, example_id)
        return
    _drafts(ctx).put(actor.user_id, dataset, Edit(path, revision, None))


def drop_draft(ctx: Context, actor: Actor, dataset: str, example_id: str = "") -> None:
    """Delete the draft of an example, or without an id all of the dataset. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    path = example_path(example_id) if example_id else ""
    _drafts(ctx).drop(actor.user_id, dataset, path)


def keep_mine(ctx: Context, actor: Actor, dataset: str, example_id: str, revision: str) -> None:
    """Keep a stale draft: base it on the revision that the editor compared. Raises NotFound.

    `revision` is "" for a removed example. The draft stays stale if there is a newer one.
    """
    require_editing(ctx, actor, dataset)
    path, drafts = example_path(example_id), _drafts(ctx)
    for draft in drafts.list_of_user(actor.user_id, dataset):
        if draft.edit.path == path:
            if not revision and draft.edit.text is None:
                drafts.drop(actor.user_id, dataset, path)
            else:
                drafts.put(actor.user_id, dataset, Edit(path, revision or None, draft.edit.text))


async def save_drafts(
    ctx: Context, actor: Actor, dataset: str, once: str, allow: str = ""
) -> ChangeView:
    """Request one commit of all the actor's drafts in a dataset; `once` makes it idempotent.

    `allow` is as in `changes.submit`. Raises NotFound, EditNotGood; Refused if there is nothing to
    save, somebody else changed one of the examples, or the dataset changes all the time. The drafts
    are kept then.
    """

    def read(ctx: Context) -> list[ExampleDraft]:
        require_editing(ctx, actor, dataset)
        return _drafts(ctx).list_of_user(actor.user_id, dataset)

    drafts = await ctx.read(read)

    def make(files: DatasetFiles) -> CourseEdits:
        current_files = {file.path: file for file in files.files if file.path.startswith(EXAMPLES)}
        edits, stale = list[Edit](), 0
        for draft in drafts:
            edit, current = draft.edit, current_files.get(draft.edit.path)
            if (current.text if current else None) == edit.text:
                continue  # saved before
            if (current.blob if current else None) == edit.before:
                edits.append(edit)
            else:
                stale += 1
        if stale:
            raise Refused(f"{stale} stale drafts", "page-drafts-stale", count=stale)
        if not edits:
            raise Refused("no drafts", "page-drafts-none")
        subject = "" if len(edits) == 1 else examples_subject(len(edits), dataset)
        return CourseEdits(tuple(edits), subject)

    change = await changes.submit(ctx, actor, dataset, make, once, allow=allow)
    await ctx.write(lambda ctx: _drafts(ctx).settle(drafts))
    return change


def _drafts(ctx: Context) -> ExampleDrafts:
    return ExampleDrafts(ctx.db, ctx.clock)


# The maximum number of search results compared with a pasted question.
_MAX_COMPARED = 50
# Below the size of a form, which holds the text between the check and the choice.
_MAX_TEXT_BYTES = 900_000


class PastedVerdict(StrEnum):
    """How a pasted row relates to the dataset: new, the same, another answer, or unreadable."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class PastedRow:
    """One row; `known` is the example with the same question, `findings` are about the row alone.

    `number` counts the readable rows from 1; several of them may stand in one line.
    """

    line: int
    verdict: PastedVerdict
    example: Example | None = None
    known: ExampleView | None = None
    findings: Sequence[Finding] = ()
    number: int = 0

    @property
    def is_offered(self) -> bool:
        """Return whether it can become a draft."""
        return self.verdict in (PastedVerdict.NEW, PastedVerdict.OTHER)


def read_file(content: bytes, name: str) -> tuple[list[ImportedLine], str]:
    """Return the rows of a file, and its examples as a text for `draft_pasted_rows`.

    Raises Refused if that is too much for the drafts of one editor.
    """
    rows = read_import_lines(BufferedReader(BytesIO(content)), name)
    lines = [*islice(rows, MAX_DRAFTS + 1)]
    text = write_pasted(line.example for line in lines if line.example)
    if len(lines) > MAX_DRAFTS or len(text.encode()) > _MAX_TEXT_BYTES:
        raise Refused("too many rows", "page-paste-too-many", limit=MAX_DRAFTS)
    return lines, text


def compare_rows(
    ctx: Context, actor: Actor, dataset: str, lines: Iterable[ImportedLine]
) -> list[PastedRow]:
    """Compare each row of a table or a file with the dataset.

    Raises NotFound, Refused beyond `MAX_DRAFTS` rows.
    """
    edits, drafted = list_edits(ctx, actor, dataset), dict[str, FileText]()
    for edit in edits:
        if draft := parse_example(edit.text):
            file = FileText(dataset, edit.path, edit.before or "", edit.text)
            drafted.setdefault(draft.facts.question, file)
    drafted_paths = {edit.path for edit in edits}
    entries, rows, contents = ExampleEntries(ctx.db), list[PastedRow](), set[bytes]()
    numbers, left = count(1), LeftOut()
    for line in lines:
        left.add(line)
        if len(rows) >= MAX_DRAFTS:
            raise Refused("too many rows", "page-paste-too-many", limit=MAX_DRAFTS)
        example = line.example
        if example is None:
            rows.append(PastedRow(line.line, PastedVerdict.WRONG, findings=line.findings))
            continue
        candidates: list[FileText]
        if own := drafted.get(example.facts.question):
            candidates = [own]
        else:
            query = ExampleFilter(example.question[:MAX_QUERY_LENGTH])
            stored = entries.find(dataset, query, _MAX_COMPARED)
            candidates = [entry for entry in stored if entry.path not in drafted_paths]
        row = _compare_row(line.line, example, candidates, contents)
        rows.append(replace(row, number=next(numbers)))
        contents.add(example.facts.content)
    named = [*left.findings()]
    return [
        replace(row, findings=[*row.findings, *(each for each in named if each.line == row.line)])
        for row in rows
    ]


def _compare_row(
    line: int, example: Example, candidates: Sequence[FileText], contents: set[bytes]
) -> PastedRow:
    readable, findings = read_example(write_example(example).encode("utf-8", "surrogatepass"))
    if readable is None:
        return PastedRow(line, PastedVerdict.WRONG, findings=findings)
    # Saving asks about personal data, which a dataset may allow.
    lint = [each for each in lint_example(readable) if each.rule not in PERSONAL]
    if any(each.severity is Severity.ERROR for each in lint):
        return PastedRow(line, PastedVerdict.WRONG, findings=lint)
    return replace(_find_known(line, example, candidates, contents), findings=lint)


def _find_known(
    line: int, example: Example, candidates: Sequence[FileText], contents: set[bytes]
) -> PastedRow:
    if example.facts.content in contents:
        return PastedRow(line, PastedVerdict.SAME, example)
    for file in candidates:
        other = parse_example(file.text)
        if other is not None and other.facts.question == example.facts.question:
            is_same = other.facts.answer == example.facts.answer
            verdict = PastedVerdict.SAME if is_same else PastedVerdict.OTHER
            return PastedRow(line, verdict, example, examples.view_of(file))
    return PastedRow(line, PastedVerdict.NEW, example)


def draft_pasted_rows(
    ctx: Context, actor: Actor, dataset: str, text: str, chosen: Collection[int]
) -> None:
    """Make drafts of the rows with these numbers.

    Raises as `compare_rows`, and Refused for too many drafts.
    A row whose question has an example changes that example's answer, and its tags if it has any.
    """
    rows = compare_rows(ctx, actor, dataset, read_pasted(text))
    drafted = [example_id_of(edit.path) for edit in list_edits(ctx, actor, dataset)]
    names = NameAllocator([*examples.list_taken_ids(ctx, dataset), *drafted])
    for row in rows:
        if row.example is None or not row.is_offered or row.number not in chosen:
            continue
        if row.known is None:
            path = example_path(names.allocate(row.example.question))
            _drafts(ctx).put(actor.user_id, dataset, Edit(path, None, write_example(row.example)))
        else:
            content = ExampleContent(None, row.example.answer, row.example.tags or None)
            draft_example(ctx, actor, dataset, row.known.id, content, row.known.revision)
