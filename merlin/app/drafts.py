"""Drafts: an editor changes examples one by one, and saves them all as one commit.

    an edit -> read by the checker -> kept -> … -> saved: checked together -> one change

Nothing is lost: what is refused, or was changed by another meanwhile, stays a draft until its
editor decides.

A pasted table becomes drafts too: its rows are judged one by one, by the dataset's index, so that
no dataset is read whole, and those that the editor chose are kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from merlin.app import changes, examples
from merlin.app.actor import Actor
from merlin.app.changes import ChangeView, DatasetFiles
from merlin.app.context import Context
from merlin.app.examples import ExampleView, ExampleWords
from merlin.app.permissions import require_editing
from merlin.core.errors import DatasetError, NotFound, Refused
from merlin.course.editing import CourseEdits
from merlin.dataset.builds import Build
from merlin.dataset.changes import ChangeKind, Edit
from merlin.dataset.commit_message import examples_subject
from merlin.dataset.drafts import MAX_DRAFTS, ExampleDraft, ExampleDrafts, read_pasted
from merlin.dataset.entries import MAX_QUERY_LENGTH, ExampleEntries, ExampleFilter
from merlin.dataset.example import (
    Example,
    free_example_id,
    parse_example,
    read_example,
    reword_example,
    write_example,
)
from merlin.dataset.files import FileIndex, FileText
from merlin.dataset.finding import Finding
from merlin.dataset.layout import DATASET_FILE, EXAMPLES, NameAllocator, example_id_of, example_path
from merlin.dataset.preview import EditChecker
from merlin.training.models import Serving
from merlin.training.policy import Forecast, forecast
from merlin.training.promote import Promotions

_MAX_CHECKED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsCheck:
    """What the checker says of drafts by themselves, by example; what the next training costs.

    `serving` is the version that answers till then, "" for none; `is_automatic`: it is launched
    without anybody's word.
    """

    findings: Mapping[str, Sequence[Finding]]
    next_training: Forecast | None = None
    serving: str = ""
    is_automatic: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftView:
    """One edit that is not saved: the example as it shall be, and as it lies there, None for none.

    `before` is the revision that the editor saw, "" for a new example. `is_stale`: what lies there
    is another one by now.
    """

    example: ExampleView
    kind: ChangeKind
    before: str
    lying: ExampleView | None
    is_stale: bool


class DraftNotGood(DatasetError):
    """The checker cannot read an example as it shall be."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("the draft has errors", "page-not-good")
        self.findings = findings


def list_drafts(ctx: Context, actor: Actor, dataset: str) -> list[DraftView]:
    """Return the actor's drafts in a dataset, the one begun last first. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    with ctx.db.snapshot():
        drafts = _drafts(ctx).of(actor.user_id, dataset)
        lying = FileIndex(ctx.db).texts(dataset, [draft.edit.path for draft in drafts])
    return [_view(dataset, draft.edit, lying) for draft in reversed(drafts)]


def _view(dataset: str, edit: Edit, files: Mapping[str, FileText]) -> DraftView:
    lying = files.get(edit.path)
    file_text = FileText(dataset, edit.path, edit.before or "", edit.text)
    if edit.text is None and lying is not None:
        file_text = lying
    return DraftView(
        example=examples.view_of(file_text),
        kind=edit.kind,
        before=edit.before or "",
        lying=examples.view_of(lying) if lying else None,
        is_stale=edit.before != (lying.blob if lying else None),
    )


def list_edits(ctx: Context, actor: Actor, dataset: str) -> list[Edit]:
    """Return the actor's drafts in a dataset as edits of its files. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return [each.edit for each in _drafts(ctx).of(actor.user_id, dataset)]


async def check_drafts(ctx: Context, actor: Actor, dataset: str) -> DraftsCheck:
    """Return what the checker says of the actor's drafts, and what their training would cost.

    They are looked at without the rest of the dataset, which `save_drafts` checks them with; more
    than `_MAX_CHECKED` are not looked at before that. Raises NotFound.
    """

    def read(ctx: Context) -> tuple[list[Edit], list[FileText], Build | None, Serving | None]:
        edits, index = list_edits(ctx, actor, dataset), FileIndex(ctx.db)
        paths = [DATASET_FILE, *(edit.path for edit in edits)]
        files = index.texts(dataset, paths) if len(edits) <= _MAX_CHECKED else {}
        serving = Promotions(ctx.db, ctx.clock).serving().get(dataset) if edits else None
        return edits, list(files.values()), index.newest_build(dataset), serving

    edits, files, build, serving = await ctx.read(read)
    if not edits or len(edits) > _MAX_CHECKED:
        return DraftsCheck(findings={})
    texts = {edit.path: edit.text for edit in edits}
    limits = ctx.config.example_tokens
    seen = await asyncio.to_thread(EditChecker().preview, dataset, files, texts, limits)
    findings: dict[str, list[Finding]] = {}
    for finding in seen.findings:
        findings.setdefault(example_id_of(finding.path), []).append(finding)
    provider = seen.spec.recipe.provider if seen.spec else ""
    return DraftsCheck(
        findings=findings,
        next_training=forecast(build, seen, partial(ctx.config.price, provider)),
        serving=serving.model.build_version if serving else "",
        is_automatic=seen.spec is None or seen.spec.launch.mode == "auto",
    )


def draft_example(
    ctx: Context,
    actor: Actor,
    dataset: str,
    example_id: str,
    words: ExampleWords,
    revision: str,
) -> str:
    """Keep an edit of an example, without an id a new one; return its id.

    `revision` is what the editor saw. An edit that changes nothing is no draft any more. Raises
    NotFound for an example that is gone, DraftNotGood, Refused for too many drafts.
    """
    require_editing(ctx, actor, dataset)
    rows, index = _drafts(ctx), FileIndex(ctx.db)
    by_path = {each.edit.path: each for each in rows.of(actor.user_id, dataset)}
    path = example_path(example_id) if example_id else ""
    drafted = by_path.get(path)
    lying = index.texts(dataset, [path]).get(path) if path else None
    if path and drafted is None and lying is None:
        raise NotFound(f"no example {example_id}", "change-no-example")
    text = _write(drafted, lying, words)
    findings = read_example(text.encode("utf-8", "surrogatepass"))[1]
    if parse_example(text) is None:
        raise DraftNotGood(findings)
    if not path:
        drafted_ids = [example_id_of(each) for each in by_path]
        taken = [*index.example_ids(dataset), *drafted_ids]
        path = example_path(free_example_id(text, taken))
    if lying is not None and lying.text == text and lying.blob == revision:
        rows.drop(actor.user_id, dataset, path)
        return example_id_of(path)
    if len(by_path) >= MAX_DRAFTS and drafted is None:
        raise Refused(f"{len(by_path)} drafts", "page-drafts-too-many", limit=MAX_DRAFTS)
    rows.put(actor.user_id, dataset, Edit(path, revision or None, text))
    return example_id_of(path)


def _write(drafted: ExampleDraft | None, lying: FileText | None, words: ExampleWords) -> str:
    """Return the file with these words; what the form does not name stays as it is."""
    base = drafted.edit.text if drafted and drafted.edit.text else lying.text if lying else None
    if base is None or parse_example(base) is None:
        base = examples.write_words(words)
    text = reword_example(base, words.question, words.answer, words.tags, words.split)
    # The file as it lies may be laid out otherwise and say the same.
    if lying is not None and parse_example(lying.text) == parse_example(text):
        return lying.text or text
    return examples.end_line(text)


def draft_removal(ctx: Context, actor: Actor, dataset: str, example_id: str, revision: str) -> None:
    """Keep the removal of an example; one that no commit has is forgotten. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    path = example_path(example_id)
    if path not in FileIndex(ctx.db).texts(dataset, [path]):
        drop_draft(ctx, actor, dataset, example_id)
        return
    _drafts(ctx).put(actor.user_id, dataset, Edit(path, revision, None))


def drop_draft(ctx: Context, actor: Actor, dataset: str, example_id: str = "") -> None:
    """Forget the draft of an example, without an id all of the dataset. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    path = example_path(example_id) if example_id else ""
    _drafts(ctx).drop(actor.user_id, dataset, path)


def keep_mine(ctx: Context, actor: Actor, dataset: str, example_id: str) -> None:
    """Let a draft stand over what lies there now. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    path = example_path(example_id)
    rows, lying = _drafts(ctx), FileIndex(ctx.db).texts(dataset, [path]).get(path)
    for each in rows.of(actor.user_id, dataset):
        if each.edit.path == path:
            blob = lying.blob if lying else None
            if blob is None and each.edit.text is None:
                rows.drop(actor.user_id, dataset, path)
            else:
                rows.put(actor.user_id, dataset, Edit(path, blob, each.edit.text))


async def save_drafts(ctx: Context, actor: Actor, dataset: str, once: str) -> ChangeView:
    """Ask for one commit of all the actor's drafts in a dataset; of the same `once` the same one.

    Raises NotFound, EditNotGood, Refused where there is nothing to save, others changed some of the
    examples meanwhile or edit the dataset all the time; the drafts are kept then.
    """

    def read(ctx: Context) -> list[ExampleDraft]:
        require_editing(ctx, actor, dataset)
        return _drafts(ctx).of(actor.user_id, dataset)

    drafts = await ctx.read(read)

    def make(files: DatasetFiles) -> CourseEdits:
        lying = {file.path: file for file in files.files if file.path.startswith(EXAMPLES)}
        edits, stale = list[Edit](), 0
        for draft in drafts:
            edit, here = draft.edit, lying.get(draft.edit.path)
            if (here.text if here else None) == edit.text:
                continue  # saved before
            if (here.blob if here else None) == edit.before:
                edits.append(edit)
            else:
                stale += 1
        if stale:
            raise Refused(f"{stale} stale drafts", "page-drafts-stale", count=stale)
        if not edits:
            raise Refused("no drafts", "page-drafts-none")
        subject = "" if len(edits) == 1 else examples_subject(len(edits), dataset)
        return CourseEdits(tuple(edits), subject)

    change = await changes.submit(ctx, actor, dataset, make, once)
    await ctx.write(lambda ctx: _drafts(ctx).settle(drafts))
    return change


def _drafts(ctx: Context) -> ExampleDrafts:
    return ExampleDrafts(ctx.db, ctx.clock)


# Of those that say a question's words, so many are compared with it.
_NEAR = 50


class PastedVerdict(StrEnum):
    """What a row is to the dataset: new, said already, the same question answered otherwise."""

    NEW = "new"
    SAME = "same"
    OTHER = "other"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class PastedRow:
    """One row; `known` is the example that asks the same, `findings` say what is wrong with it."""

    line: int
    verdict: PastedVerdict
    example: Example | None = None
    known: ExampleView | None = None
    findings: Sequence[Finding] = ()

    @property
    def is_offered(self) -> bool:
        """Return whether it can be taken."""
        return self.verdict in (PastedVerdict.NEW, PastedVerdict.OTHER)


def judge_pasted(ctx: Context, actor: Actor, dataset: str, text: str) -> list[PastedRow]:
    """Return what each row is. Raises NotFound, Refused for more rows than there may be drafts."""
    require_editing(ctx, actor, dataset)
    drafted = {
        each.edit.path: FileText(dataset, each.edit.path, each.edit.before or "", each.edit.text)
        for each in ExampleDrafts(ctx.db, ctx.clock).of(actor.user_id, dataset)
    }
    entries, rows, contents = ExampleEntries(ctx.db), list[PastedRow](), set[bytes]()
    for line in read_pasted(text):
        if len(rows) >= MAX_DRAFTS:
            raise Refused("too many rows", "page-paste-too-many", limit=MAX_DRAFTS)
        example = line.example
        if example is None:
            rows.append(PastedRow(line.line, PastedVerdict.WRONG, findings=line.findings))
            continue
        found = entries.find(dataset, ExampleFilter(example.question[:MAX_QUERY_LENGTH]), _NEAR)
        lying = [FileText(dataset, each.path, each.blob, each.text) for each in found]
        near = [*drafted.values(), *(each for each in lying if each.path not in drafted)]
        rows.append(_judge(line.line, example, near, contents))
        contents.add(example.facts.content)
    return rows


def _judge(
    line: int, example: Example, near: Sequence[FileText], contents: set[bytes]
) -> PastedRow:
    if example.facts.content in contents:
        return PastedRow(line, PastedVerdict.SAME, example)
    for each in near:
        other = parse_example(each.text)
        if other is not None and other.facts.question == example.facts.question:
            is_same = other.facts.answer == example.facts.answer
            verdict = PastedVerdict.SAME if is_same else PastedVerdict.OTHER
            return PastedRow(line, verdict, example, examples.view_of(each))
    return PastedRow(line, PastedVerdict.NEW, example)


def take_pasted(
    ctx: Context, actor: Actor, dataset: str, text: str, chosen: Collection[int]
) -> int:
    """Make drafts of the rows of these lines; return how many. Raises as `judge_pasted`.

    A row that asks what an example asks already changes its answer, and its tags where it has any.
    """
    rows = [each for each in judge_pasted(ctx, actor, dataset, text) if each.line in chosen]
    example_drafts = ExampleDrafts(ctx.db, ctx.clock)
    known = [each.edit.path for each in example_drafts.of(actor.user_id, dataset)]
    if len(known) + len(rows) > MAX_DRAFTS:
        raise Refused("too many drafts", "page-drafts-too-many", limit=MAX_DRAFTS)
    names = NameAllocator([*FileIndex(ctx.db).example_ids(dataset), *map(example_id_of, known)])
    taken = 0
    for row in rows:
        if row.example is None or not row.is_offered:
            continue
        if row.known is None:
            path = example_path(names.new(row.example.question))
            example_drafts.put(actor.user_id, dataset, Edit(path, None, write_example(row.example)))
        else:
            words = ExampleWords(None, row.example.answer, row.example.tags or None)
            draft_example(ctx, actor, dataset, row.known.id, words, row.known.revision)
        taken += 1
    return taken
