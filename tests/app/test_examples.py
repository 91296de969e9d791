"""Examples as their editors see and change them, and datasets that do not exist."""

import json
from functools import partial

import pytest

from merlin.app import changes, examples
from merlin.app.contradictions import settle_contradiction
from merlin.app.examples import ExampleContent
from merlin.app.near import read_answer
from merlin.core.errors import DatasetError, NotFound, Refused
from merlin.dataset.changes import Changes
from merlin.dataset.example_file import parse_example
from merlin.dataset.files import FileIndex
from merlin.dataset.import_lines import read_import_files
from tests.db.pipeline_rows import FACE
from tests.support.people import EDITOR
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

BLOB = "1" * 40
BROKEN_BLOB = "2" * 40
TEXT = "messages:\n  - user: Где касса?\n  - assistant: Внизу.\n"
ANSWER = {"role": "assistant", "content": "Внизу."}
REVISIONS = {"a": BLOB}


@pytest.fixture(autouse=True)
def stored(database):
    """The dataset has an example and a file that is none."""
    rows = FileIndex(database)
    rows.add({BLOB: TEXT, BROKEN_BLOB: "messages: {\n"})
    paths = {"examples/a.yaml": BLOB, "examples/broken.yaml": BROKEN_BLOB}
    rows.keep(FACE, "tree", paths)


@pytest.fixture
def files(ctx):
    return changes.read_files(ctx, EDITOR, FACE)


def read_edit(edits):
    (edit,) = edits.edits
    return parse_example(edit.text)


@pytest.mark.parametrize(
    "act",
    [
        examples.list_examples,
        lambda ctx, actor, name: examples.find(ctx, actor, "касса", name),
        examples.get_heading,
        changes.read_files,
    ],
)
def test_missing_dataset_is_not_found(ctx, act):
    act(ctx, EDITOR, FACE)
    assert refusal_key(NotFound, act, ctx, EDITOR, "missing") == "change-no-dataset"


def test_export_has_the_good_examples_and_counts_the_others(ctx, files):
    content, left_out = examples.export(ctx, files, "jsonl", "ru")
    assert [json.loads(line)["id"] for line in content.splitlines()] == ["a"]
    assert left_out == 1


def test_new_example_needs_a_question_and_an_answer():
    for content in (ExampleContent(question="Где?"), ExampleContent(answer="Тут.")):
        assert (
            refusal_key(DatasetError, examples.write_new_example, content)
            == "api-problem-question-and-answer"
        )
    before = ("Что тут?", "Касса.")
    written = examples.write_new_example(
        ExampleContent(question=" А где? ", answer="\nВнизу. ", before=before)
    )
    assert [message.content for message in parse_example(written).messages] == [
        "Что тут?",
        "Касса.",
        "А где?",
        "Внизу.",
    ]


def test_file_that_cannot_be_mended_is_written_anew(files):
    content = ExampleContent(question="Где?", answer="Тут.")
    saved = examples.save_example("broken", content, BROKEN_BLOB, files)
    assert (read_edit(saved).question, read_edit(saved).answer) == ("Где?", "Тут.")


def test_example_saved_as_it_is_gives_no_edit(files):
    content = ExampleContent(question="Где касса?", answer="Внизу.")
    assert (
        refusal_key(Refused, examples.save_example, "a", content, BLOB, files)
        == "teaching-unchanged"
    )


def test_examples_are_marked_for_the_test_and_the_mark_is_taken_away(files):
    mark = partial(examples.mark_split, "test")
    marked = examples.edit_several(REVISIONS, mark, files)
    assert read_edit(marked).split == "test"
    unmark = partial(examples.mark_split, "")
    assert (
        refusal_key(Refused, examples.edit_several, REVISIONS, unmark, files)
        == "teaching-unchanged"
    )
    assert (
        refusal_key(
            Refused, examples.edit_several, {"broken": BROKEN_BLOB}, mark, files
        )
        == "examples-unreadable"
    )


def test_imported_lines_are_planned_without_what_the_dataset_has(ctx, files):
    records = [
        {"messages": [{"role": "user", "content": question}, ANSWER]}
        for question in ("Где касса?", "Где лифт?")
    ]
    content = "\n".join(json.dumps(record) for record in records).encode()
    lines = read_import_files([(content, "a.jsonl")])
    planned = examples.plan(ctx, files, lines)
    (edit,) = planned.edits
    assert parse_example(edit.text).question == "Где лифт?"


GONE = ["examples/broken.yaml", "examples/gone.yaml"]


@pytest.mark.parametrize("path", GONE)
def test_near_example_has_its_answer_of_now_or_is_none_any_more(files, path):
    assert read_answer(files, "examples/a.yaml") == "Внизу."
    assert refusal_key(Refused, read_answer, files, path) == "examples-decided"


@pytest.mark.parametrize("reason", ["", "other questions"])
@pytest.mark.parametrize("other", GONE)
def test_example_that_is_none_any_more_settles_no_contradiction(ctx, other, reason):
    assert (
        refusal_key(
            Refused,
            settle_contradiction,
            ctx,
            EDITOR,
            FACE,
            "examples/a.yaml",
            other,
            reason,
        )
        == "examples-decided"
    )
    assert Changes(ctx.db).list_batches(None, 10) == []
