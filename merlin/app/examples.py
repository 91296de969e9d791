"""Examples, the training data. Editors change them by commits, others propose them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import Any

from merlin.app.actor import Actor, missing_dataset
from merlin.app.changes import DatasetFiles, require_revision
from merlin.app.context import Context
from merlin.app.permissions import (
    list_unread_datasets,
    may_edit_examples,
    require_editing,
)
from merlin.core.errors import DatasetError, Refused
from merlin.core.formatted_text import shorten_text
from merlin.core.i18n import choose_translation
from merlin.core.views import described
from merlin.core.vocabulary import Vocabulary
from merlin.course.catalogue import Course
from merlin.course.editing import CourseEdits
from merlin.dataset.changes import ChangeKind, Changes, Edit
from merlin.dataset.entries import (
    ExampleEntries,
    ExampleEntry,
    ExampleFilter,
    Facets,
    FileText,
)
from merlin.dataset.example_file import parse_example, write_turns
from merlin.dataset.example_repair import mend_keys, recover_turn
from merlin.dataset.example_rewording import free_example_id, reword_example
from merlin.dataset.export_files import ExportForm, write_export
from merlin.dataset.files import DatasetCard, FileIndex, make_missing_example_error
from merlin.dataset.finding import Finding
from merlin.dataset.import_fields import NO_CHOICES, FieldChoices
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.import_plan import ImportPlan, plan_import
from merlin.dataset.layout import EXAMPLES, example_id_of, example_path
from merlin.dataset.spec import Localised, read_dataset
from merlin.db.search_index import Kind, Scope, SearchIndex

# Long enough for the daemon to see a commit.
_COMMIT_DELAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleView:
    """An example."""

    id: str
    dataset: str
    question: str | None = described(
        "First question; null if the file cannot be parsed."
    )
    answer: str | None = described("Last answer; null if the file cannot be parsed.")
    between: list[str] = described(
        "What is said between these in a longer conversation."
    )
    tags: list[str]
    split: str = described(
        'Split that the file sets, "train" or "test"; "" if it sets none.'
    )
    text: str | None = described("Content of the file in YAML; null if it is not text.")
    revision: str

    @property
    def path(self) -> str:
        """Return the path of its file within the dataset's folder."""
        return example_path(self.id)


@dataclass(frozen=True, slots=True)
class ExampleContent:
    """New content of an example; None: unchanged.

    `split` is train or test, "" for no mark. `before` is the turn before the question of a new
    example.
    """

    question: str | None = None
    answer: str | None = None
    tags: Sequence[str] | None = None
    split: str | None = None
    before: tuple[str, str] | None = None


def list_datasets(ctx: Context, actor: Actor) -> list[DatasetCard]:
    """Return the datasets whose examples the actor may edit, by name."""
    cards = FileIndex(ctx.db).list_datasets()
    return [card for card in cards if may_edit_examples(ctx, actor, card.name)]


def list_examples(
    ctx: Context, actor: Actor, dataset: str, *, limit: int = 50, offset: int = 0
) -> list[ExampleView]:
    """Return examples by id, skipping the first `offset`. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    index = FileIndex(ctx.db)
    files = index.list_examples(dataset, offset, limit)
    if not files and not index.is_known(dataset):
        raise missing_dataset(dataset)
    return [view_of(file) for file in files]


def find(
    ctx: Context, actor: Actor, text: str, dataset: str = "", *, limit: int = 50
) -> list[ExampleView]:
    """Return the first examples that `text` finds, of one dataset or ("") of all.

    Raises NotFound.
    """
    index = FileIndex(ctx.db)
    if dataset:
        require_editing(ctx, actor, dataset)
    found = list[ExampleView]()
    for name in [dataset] if dataset else sorted(index.read_trees()):
        # Before the search: examples that the actor may not edit do not count for the limit.
        if len(found) < limit and (dataset or may_edit_examples(ctx, actor, name)):
            files = _search(ctx, name, ExampleFilter(query=text), limit - len(found))
            found += map(view_of, files)
    if dataset and not found and not index.is_known(dataset):
        raise missing_dataset(dataset)
    return found


def _search(
    ctx: Context,
    dataset: str,
    example_filter: ExampleFilter,
    limit: int,
    before: int = 0,
) -> list[ExampleEntry]:
    """Return examples by words, else with typing errors corrected, else by meaning."""
    entries = ExampleEntries(ctx.db)

    def read_words() -> Vocabulary:
        version = dataset, *entries.version(dataset)
        scope = Scope((Kind.EXAMPLE,), dataset)
        read = partial(SearchIndex(ctx.db).read_vocabulary, scope)
        return ctx.vocabulary.read(version, read)

    return entries.search(dataset, example_filter, limit, before, read_words=read_words)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetHeading:
    """A dataset as its page of examples shows it; `course` is that of the same folder."""

    name: str
    title: Localised
    course: Course | None = None

    def title_in(self, language: str) -> str:
        """Return its title in a language, else its name."""
        return choose_translation(self.title, language) or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExample:
    """An example in a list, with its findings."""

    example: ExampleView
    entry: ExampleEntry
    findings: Sequence[Finding] = ()


def get_heading(ctx: Context, actor: Actor, name: str) -> DatasetHeading:
    """Return a dataset whose examples the actor may edit. Raises NotFound."""
    require_editing(ctx, actor, name)
    index = FileIndex(ctx.db)
    title = index.find_title(name)
    if title is None:
        made = list_unread_datasets(ctx, name)
        if not made:
            raise missing_dataset(name)
        spec, _ = read_dataset(name, (made[0].text or "").encode())
        title = spec.title if spec else index.read_title(name)
    return DatasetHeading(name=name, title=title, course=ctx.read_courses().find(name))


def browse(
    ctx: Context,
    actor: Actor,
    dataset: str,
    example_filter: ExampleFilter,
    *,
    limit: int,
    before: int = 0,
) -> list[ListedExample]:
    """Return a page of the examples that match a filter, newest change first.

    Only numbers below `before`; 0: the first page. Raises NotFound.
    """
    require_editing(ctx, actor, dataset)
    with ctx.db.snapshot():
        entries = _search(ctx, dataset, example_filter, limit, before)
        findings_by_path: dict[str, list[Finding]] = {
            entry.path: [] for entry in entries
        }
        for finding in FileIndex(ctx.db).list_findings(dataset, list(findings_by_path)):
            findings_by_path[finding.path].append(finding)
    return [
        ListedExample(
            example=view_of(entry), entry=entry, findings=findings_by_path[entry.path]
        )
        for entry in entries
    ]


def count_facets(ctx: Context, actor: Actor, dataset: str) -> Facets:
    """Return the number of examples by each filter of `browse`. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    entries = ExampleEntries(ctx.db)
    version = dataset, *entries.version(dataset)
    return ctx.facets.read(version, lambda: entries.facets(dataset))


def export(
    ctx: Context, files: DatasetFiles, form: ExportForm, language: str
) -> tuple[bytes, int]:
    """Return a file of a dataset's good examples, and how many others it has.

    Slow, reads no rows. Raises Refused as `write_export`.
    """
    checked = ctx.checker.check(files.dataset, files.files, ctx.config.example_tokens)
    content = write_export(checked.examples, checked.system, form, language)
    return content, checked.found - checked.good


def get(ctx: Context, actor: Actor, dataset: str, example_id: str) -> ExampleView:
    """Return an example as of the newest commit. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return view_of(FileIndex(ctx.db).get(dataset, example_id))


def view_of(file: FileText) -> ExampleView:
    """Return the view of an example's file."""
    example = parse_example(file.text)
    answer = example.messages[-1].content if example else None
    spoken = (
        [each for each in example.messages if each.role != "system"] if example else []
    )
    return ExampleView(
        id=file.example_id,
        dataset=file.dataset,
        question=example.question if example else None,
        answer=answer if isinstance(answer, str) else None,
        between=[str(each.content) for each in spoken[1:-1]],
        tags=list(example.tags) if example else [],
        split=(example.split or "") if example else "",
        text=file.text,
        revision=file.blob,
    )


def recover(view: ExampleView) -> ExampleView:
    """Return a broken example with what its file still says, misspelt keys corrected."""
    example = parse_example(mend_keys(view.text))
    if example is None:
        question, answer, tags = recover_turn(view.text)
        return replace(view, question=question, answer=answer, tags=tags)
    return replace(
        view,
        question=example.question,
        answer=example.answer,
        tags=[*example.tags],
        split=example.split or "",
    )


def list_ids(ctx: Context, actor: Actor, dataset: str) -> list[str]:
    """Return the sorted ids of a dataset's examples. Raises NotFound."""
    require_editing(ctx, actor, dataset)
    return FileIndex(ctx.db).list_example_ids(dataset)


def free_id(ctx: Context, dataset: str, text: str | None) -> str:
    """Return an id that is not among `list_taken_ids`."""
    return free_example_id(text, list_taken_ids(ctx, dataset))


def list_taken_ids(ctx: Context, dataset: str) -> list[str]:
    """Return the ids of a dataset's examples and of its pending additions."""
    rows = Changes(ctx.db, ctx.clock)
    changes = (
        *rows.list_pending(dataset),
        *rows.list_committed(dataset, ctx.clock() - _COMMIT_DELAY),
    )
    added = [
        example_id_of(change.inside)
        for change in changes
        if change.kind is ChangeKind.ADD
    ]
    return added + FileIndex(ctx.db).list_example_ids(dataset)


def write_new_example(content: ExampleContent) -> str:
    """Return the file of a new example. Raises DatasetError without a question or an answer."""
    if not content.question or not content.answer:
        raise DatasetError("words are missing", "api-problem-question-and-answer")
    pairs = [
        *([content.before] if content.before else ()),
        (content.question, content.answer),
    ]
    turns = [
        (("user", asked.strip()), ("assistant", trim_answer(said)))
        for asked, said in pairs
    ]
    return write_turns(chain(*turns), content.tags or ())


def trim_answer(text: str) -> str:
    """Return an answer without empty lines around it; its first line can be indented."""
    return text.rstrip().lstrip("\r\n")


def normalize_line_ends(text: str) -> str:
    """Return a text with LF line ends and a final one."""
    plain = text.replace("\r\n", "\n")
    return plain if plain.endswith("\n") else f"{plain}\n"


def add_example(text: str, files: DatasetFiles) -> CourseEdits:
    """Return the edits that add an example file of this text."""
    taken_ids = (
        file.example_id for file in files.files if file.path.startswith(EXAMPLES)
    )
    return CourseEdits(
        (Edit(example_path(free_example_id(text, taken_ids)), None, text),), ""
    )


def save_example(
    example_id: str, content: ExampleContent, revision: str, files: DatasetFiles
) -> CourseEdits:
    """Return the edits that give an example these parts, or without an id add one.

    `revision` is what the editor saw. Raises NotFound, StaleEdit; Refused if nothing changes.
    """
    if not example_id:
        return add_example(
            reword_example(write_new_example(content), split=content.split), files
        )
    current = _require_file(files, example_id)
    is_read = parse_example(current.text) is not None
    base = current.text if is_read else mend_keys(current.text)
    if parse_example(base) is None:
        base = write_new_example(content)
    text = normalize_line_ends(
        reword_example(
            base, content.question, content.answer, content.tags, content.split
        )
    )
    require_revision(revision, current.blob, text, current.text)
    # The file may say the same in another layout.
    if parse_example(text) == parse_example(current.text):
        raise Refused("nothing is changed", "teaching-unchanged")
    return CourseEdits((Edit(current.path, current.blob, text),), "")


def edit_several(
    revisions: Mapping[str, str],
    reword: Callable[[FileText], str | None],
    files: DatasetFiles,
) -> CourseEdits:
    """Return the edits that give each example the text that `reword` returns, None to remove it.

    `revisions` are by id what the editor saw. Examples that stay as they are get no edit. Raises
    NotFound, StaleEdit; Refused if nothing changes, or naming the examples that `reword` refuses.
    """
    edits = []
    broken = []
    for example_id, revision in revisions.items():
        current = _require_file(files, example_id)
        try:
            text = reword(current)
        except Refused:
            broken.append(example_id)
            continue
        require_revision(revision, current.blob, text, current.text)
        if text != current.text:
            edits.append(Edit(current.path, current.blob, text))
    if broken:
        names = shorten_text(", ".join(broken), 200)
        raise Refused(f"broken: {names}", "examples-unreadable", examples=names)
    if not edits:
        raise Refused("nothing is changed", "teaching-unchanged")
    return CourseEdits(tuple(edits), "")


def remove_file(_: FileText) -> None:
    """Return no text: `edit_several` removes the example."""


def retag(tags: Sequence[str], file: FileText, *, is_added: bool) -> str | None:
    """Return the example's text with tags added or removed. Raises Refused as `reword_example`."""
    example = parse_example(file.text)
    old = example.tags if example else ()
    kept = [each for each in old if is_added or each not in tags]
    new = [*kept, *(each for each in tags if is_added and each not in old)]
    return file.text if example and new == [*old] else _reword(file, tags=new)


def mark_split(split: str, file: FileText) -> str | None:
    """Return the example's text with a split mark, "" for none. Raises Refused, as `retag`."""
    example = parse_example(file.text)
    if example and (example.split or "") == split:
        return file.text
    return _reword(file, split=split)


def _reword(file: FileText, **parts: Any) -> str:
    return normalize_line_ends(reword_example(file.text, **parts))


def _require_file(files: DatasetFiles, example_id: str) -> FileText:
    current = files.file(example_path(example_id))
    if current is None:
        raise make_missing_example_error(files.dataset, example_id)
    return current


def plan(
    ctx: Context,
    files: DatasetFiles,
    lines: Iterable[ImportedLine],
    choices: FieldChoices = NO_CHOICES,
    *,
    removes_gone: bool = False,
) -> ImportPlan:
    """Return a plan to import lines; slow, reads no rows. Raises Refused."""
    return plan_import(
        files.dataset,
        files.files,
        lines,
        ctx.config.example_tokens,
        ctx.checker,
        choices,
        removes_gone=removes_gone,
    )
