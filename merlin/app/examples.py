"""Examples: what models learn from. Editors change them by commits, others propose them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from merlin.app.actor import Actor, missing_dataset
from merlin.app.changes import DatasetFiles, PreviewView, preview_view, require_revision
from merlin.app.context import Context
from merlin.app.permissions import may_edit_examples, require_editing
from merlin.app.views import described
from merlin.core.errors import DatasetError, NotFound
from merlin.core.permissions import Permission
from merlin.course.catalogue import Catalogue, Course, localised
from merlin.course.editing import CourseEdits
from merlin.dataset.builds import ExampleVersion, read_versions
from merlin.dataset.changes import ChangeKind, Changes, Edit
from merlin.dataset.check import CheckedDataset
from merlin.dataset.entries import ExampleEntries, ExampleFilter, Facets
from merlin.dataset.example import free_example_id, parse_example, reword_example, write_turns
from merlin.dataset.files import DatasetCard, ExampleCommit, FileIndex, FileText
from merlin.dataset.finding import Finding
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.import_plan import ImportPlan, plan_import
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.preview import check_files
from merlin.dataset.spec import Localised

__all__ = [
    "DatasetCard",
    "ExampleCommit",
    "ExampleFilter",
    "ExampleVersion",
    "ExampleView",
    "Facets",
    "Finding",
]

# Long enough for a commit to be seen.
_FRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleView:
    """One example."""

    id: str
    dataset: str
    question: str | None = described("the first question, null where it cannot be read")
    answer: str | None = described("the last answer")
    tags: list[str]
    split: str = described('the mark "train" or "test", "" where there is none')
    text: str | None = described("the file, YAML; null where it is no text")
    revision: str

    @property
    def path(self) -> str:
        """Return the path of its file within the dataset's folder."""
        return example_path(self.id)


@dataclass(frozen=True, slots=True)
class ExampleWords:
    """What an example shall say: `text` the whole file, or its parts; None: as it was.

    `split` is train or test, "" for no mark; it goes with the parts.
    """

    question: str | None = None
    answer: str | None = None
    tags: Sequence[str] | None = None
    text: str | None = None
    split: str | None = None


def datasets(ctx: Context, actor: Actor) -> list[DatasetCard]:
    """Return the datasets of which the actor may edit the examples, by name."""
    cards = FileIndex(ctx.db).datasets()
    return [card for card in cards if actor.may(Permission.EDIT_EXAMPLES, card.name)]


def recent(
    ctx: Context, actor: Actor, dataset: str, *, limit: int = 50, after: str = "", offset: int = 0
) -> list[ExampleView]:
    """Return examples by id: those behind the id `after`, or behind the first `offset`.

    Raises NotFound.
    """
    require_editing(ctx, actor, dataset)
    found = FileIndex(ctx.db).examples(dataset, offset, limit, after)
    return [view_of(each) for each in found]


def find(
    ctx: Context, actor: Actor, text: str, dataset: str = "", *, limit: int = 50
) -> list[ExampleView]:
    """Return the first examples that say all these words, of one dataset or ("") of all.

    Raises NotFound.
    """
    if dataset:
        require_editing(ctx, actor, dataset)
    found = FileIndex(ctx.db).find(text, dataset or None, limit)
    mine = {name: may_edit_examples(ctx, actor, name) for name in {each.dataset for each in found}}
    return [view_of(each) for each in found if mine[each.dataset]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetView:
    """A dataset as its page of examples names it; `course` is the one of the same folder."""

    name: str
    title: Localised
    course: Course | None = None

    def name_in(self, language: str) -> str:
        """Return what people call it: its title in a language, else its name."""
        return localised(self.title, language) or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExample:
    """An example in a list: by whom and when it was written, its side of the split, findings."""

    example: ExampleView
    number: int
    author: str
    at: datetime | None
    split: str
    findings: Sequence[Finding] = ()


def get_dataset(ctx: Context, actor: Actor, name: str) -> DatasetView:
    """Return a dataset of which the actor may edit the examples. Raises NotFound."""
    require_editing(ctx, actor, name)
    index, course = FileIndex(ctx.db), None
    if not index.is_known(name):
        raise missing_dataset(name)
    with suppress(NotFound):
        course = Catalogue(ctx.db).course(name)
    return DatasetView(name=name, title=index.title(name), course=course)


def browse(
    ctx: Context,
    actor: Actor,
    dataset: str,
    example_filter: ExampleFilter,
    *,
    limit: int,
    before: int = 0,
) -> list[ListedExample]:
    """Return one part of the examples that are wanted, newest change first.

    Those whose numbers are less than `before`, 0: from the first. Raises NotFound.
    """
    require_editing(ctx, actor, dataset)
    with ctx.db.snapshot():
        entries = ExampleEntries(ctx.db)
        found = entries.find(dataset, example_filter, limit, before)
        values: dict[str, list[Finding]] = {each.path: [] for each in found}
        for finding in entries.findings(dataset, list(values)):
            values[finding.path].append(finding)
    return [
        ListedExample(
            example=view_of(FileText(dataset, each.path, each.blob, each.text)),
            number=each.number,
            author=each.author,
            at=each.at,
            split=each.split,
            findings=values[each.path],
        )
        for each in found
    ]


def count_facets(ctx: Context, actor: Actor, dataset: str) -> Facets:
    """Return how many examples each filter of `browse` leaves. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return ExampleEntries(ctx.db).facets(dataset)


def check_dataset(ctx: Context, actor: Actor, dataset: str) -> CheckedDataset:
    """Return a dataset as recorded, checked. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    files = FileIndex(ctx.db).files(dataset)
    if not files:
        raise missing_dataset(dataset)
    return check_files(dataset, files, ctx.config.example_tokens)


def get(ctx: Context, actor: Actor, dataset: str, example_id: str) -> ExampleView:
    """Return one example as it lies at the newest commit. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return view_of(FileIndex(ctx.db).one(dataset, example_id))


def view_of(file: FileText) -> ExampleView:
    """Return what a file says."""
    example = parse_example(file.text)
    last = example.messages[-1].content if example else None
    return ExampleView(
        id=file.example_id,
        dataset=file.dataset,
        question=example.question if example else None,
        answer=last if isinstance(last, str) else None,
        tags=list(example.tags) if example else [],
        split=(example.split or "") if example else "",
        text=file.text,
        revision=file.blob,
    )


def ids(ctx: Context, actor: Actor, dataset: str) -> list[str]:
    """Return the ids of a dataset's examples, in order. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return FileIndex(ctx.db).example_ids(dataset)


def findings(ctx: Context, actor: Actor, dataset: str) -> list[Finding]:
    """Return what the checker found in a dataset at its newest commit. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return FileIndex(ctx.db).findings(dataset)


def versions(ctx: Context, actor: Actor, dataset: str, example_id: str) -> list[ExampleCommit]:
    """Return the commits that wrote an example, newest first, as far as seen. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return FileIndex(ctx.db).versions(dataset, example_id)


def history(ctx: Context, actor: Actor, dataset: str, example_id: str) -> Sequence[ExampleVersion]:
    """Return what builds taught of an example, newest first. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return read_versions(ctx.db, dataset, example_id)


def builds_with(
    ctx: Context, actor: Actor, dataset: str, example_id: str
) -> tuple[str, str] | None:
    """Return the first and the last build that holds an example. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return FileIndex(ctx.db).taught(dataset, example_id)


def free_id(
    ctx: Context, dataset: str, text: str | None, folder: str = "", also: Sequence[str] = ()
) -> str:
    """Return an id in a folder that no example has, nor one that anybody asked to add.

    `also` are ids that are taken, too.
    """
    changes = Changes(ctx.db, ctx.clock)
    asked = (*changes.pending(dataset), *changes.committed(dataset, ctx.clock() - _FRESH))
    taken = [example_id_of(each.inside) for each in asked if each.kind is ChangeKind.ADD]
    taken += [*FileIndex(ctx.db).example_ids(dataset), *also]
    return f"{folder}{free_example_id(text, (each.removeprefix(folder) for each in taken))}"


def write_words(words: ExampleWords) -> str:
    """Return a new example's file. Raises DatasetError where its words are not all there."""
    if words.text is not None:
        return end_line(words.text)
    if not words.question or not words.answer:
        raise DatasetError("words are missing", "api-problem-question-and-answer-detail")
    turns = (("user", words.question.strip()), ("assistant", words.answer.strip()))
    return write_turns(turns, words.tags or ())


def end_line(text: str) -> str:
    """Return a text with plain line ends, and one at its end."""
    plain = text.replace("\r\n", "\n")
    return plain if plain.endswith("\n") else f"{plain}\n"


def add_example(text: str, files: DatasetFiles) -> CourseEdits:
    """Return what adds an example with the file of `write_words`."""
    taken = (file.example_id for file in files.files if file.path.startswith(EXAMPLES))
    return CourseEdits((Edit(example_path(free_example_id(text, taken)), None, text),), "")


def edit_example(
    example_id: str, words: ExampleWords, revision: str | None, files: DatasetFiles
) -> CourseEdits:
    """Return what gives an example other words; `revision` is the one that the editor saw."""
    file = _lying(files, example_id)
    require_revision(revision, file.blob, words.text, file.text)
    text = words.text
    if text is None:
        text = reword_example(file.text, words.question, words.answer, words.tags)
    return CourseEdits((Edit(file.path, file.blob, end_line(text)),), "")


def remove_example(example_id: str, revision: str | None, files: DatasetFiles) -> CourseEdits:
    """Return what removes an example; `revision` is the one that the editor saw."""
    file = _lying(files, example_id)
    require_revision(revision, file.blob, None, file.text)
    return CourseEdits((Edit(file.path, file.blob, None),), "")


def _lying(files: DatasetFiles, example_id: str) -> FileText:
    file = files.file(example_path(example_id))
    if file is None:
        arguments = {"dataset": files.dataset, "example": example_id}
        raise NotFound(f"no example {example_id}", "change-no-example", **arguments)
    return file


def plan(
    ctx: Context, files: DatasetFiles, lines: Iterable[ImportedLine]
) -> tuple[ImportPlan, PreviewView]:
    """Return what importing lines would do; takes a while, and reads no rows. Raises Refused."""
    found = plan_import(files.dataset, files.files, lines, ctx.config.example_tokens, ctx.checker)
    return found, preview_view(ctx, files, found.edits, found.seen)
