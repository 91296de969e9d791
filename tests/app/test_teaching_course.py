"""A course as its teacher edits it: its own fields, and materials that are moved and removed."""

from datetime import date
from functools import partial

import pytest

from merlin.account.accounts import Accounts
from merlin.app import changes, teaching
from merlin.app.changes import StaleEdit
from merlin.chat.feedback import QuestionStatistics, Rating, Ratings
from merlin.chat.turns import StoredAnswer
from merlin.core.errors import Forbidden, NotFound
from merlin.core.permissions import Role
from merlin.course.editing import MaterialDraft, parse_course
from merlin.dataset.files import FileIndex
from merlin.dataset.spec import course_spec
from tests.db.pipeline_rows import BOT, FACE, CourseCatalogue, make_examples
from tests.support.people import ANNA, BORIS, STUDENT, make_teacher

pytestmark = pytest.mark.integration

TEACHER = make_teacher("trial")
YAML = """\
semester: 1
name: {ru: Проба, en: Trial}
teachers: [boris]
materials:
  - {lesson: 1, type: lecture, title: {ru: Начало, en: Begin}, text: materials/one.md}
  - {lesson: 2, type: lab, title: {ru: Опыт, en: Lab}, file_url: "https://example.com/a"}
"""


@pytest.fixture(autouse=True)
def stored(database):
    """The course has a text and a link."""
    files = FileIndex(database)
    files.add({"1" * 40: YAML, "2" * 40: "# Начало\n"})
    paths = {"course.yaml": "1" * 40, "materials/one.md": "2" * 40}
    files.keep("trial", "tree", paths)
    CourseCatalogue(database).teach({"trial": course_spec(parse_course(YAML))})


@pytest.fixture
def course(ctx):
    return teaching.read_details(
        ctx, TEACHER, ctx.read_courses().find("trial").course_id
    )


def read_files(ctx):
    return changes.read_files(ctx, TEACHER, "trial")


def read_course(edits):
    return parse_course(edits.edits[0].text)


def list_lessons(edits):
    return [each["lesson"] for each in read_course(edits)["materials"]]


def test_teacher_reads_the_course_as_its_files_describe_it(ctx, course):
    assert (course.slug, course.name.en, course.teachers) == (
        "trial",
        "Trial",
        ["boris"],
    )
    first, second = course.materials
    assert (first.text, second.file_url) == ("# Начало\n", "https://example.com/a")
    assert course.material(second.id) == second
    with pytest.raises(NotFound):
        course.material(second.id + 1)
    for actor in (STUDENT, make_teacher()):
        with pytest.raises(Forbidden):
            teaching.read_details(ctx, actor, course.id)


def test_fields_are_edited_as_the_teacher_saw_them(ctx, course):
    edit = partial(teaching.edit_card, {"semester": 3}, files=read_files(ctx))
    assert read_course(edit(course.revision))["semester"] == 3
    with pytest.raises(StaleEdit):
        edit("another revision")


def test_material_is_added_changed_moved_and_removed(ctx, course):
    files = read_files(ctx)
    first, second = course.materials
    draft = MaterialDraft("lab", 3, {"ru": "Ещё"}, file_url="https://example.com/b")
    assert list_lessons(teaching.add_material(draft, files)) == [1, 2, 3]
    changed = teaching.edit_material(second.id, draft, second.revision, files)
    assert list_lessons(changed) == [1, 3]
    with pytest.raises(StaleEdit):
        teaching.edit_material(second.id, draft, first.revision, files)
    moved = teaching.move_material(second.id, 0, files)
    assert list_lessons(moved) == [2, 1]
    assert [edit.path for edit in moved.edits] == ["course.yaml"]
    removed = teaching.remove_material(first.id, first.revision, files)
    assert list_lessons(removed) == [2]
    assert [edit.path for edit in removed.edits] == ["course.yaml", "materials/one.md"]


def test_names_of_people_who_lead_nothing_yet_are_unknown(ctx):
    rows = Accounts(ctx.db, ctx.clock)
    rows.set_name(BORIS, "boris", "cli:vera")
    ctx.roles.grant(BORIS, Role.TEACHER, "cli:vera", "trial")
    rows.set_name(ANNA, "anna", "cli:vera")
    names = ["anna", "boris", "nobody"]
    assert teaching.list_unknown_teachers(ctx, TEACHER, names) == ["anna", "nobody"]


def test_questions_of_the_days_are_counted_by_course(ctx, clock, store_question):
    for _ in range(2):
        turn = store_question(dataset="trial")
    Ratings(ctx.db, BOT, clock).rate(turn.turn_id, ANNA, Rating.DOWN)
    ((counted, questions, disliked),) = teaching.count_questions(ctx, TEACHER, 7)
    assert (counted.slug, questions, disliked) == ("trial", 2, 1)
    clock.move(8 * 24 * 3600)
    ((_, *none),) = teaching.count_questions(ctx, TEACHER, 7)
    assert none == [0, 0]


OLD = date(2026, 1, 1)


def test_statistics_count_answered_questions_and_ratings(ctx, clock, store_question):
    def ask(rating=None, dataset="trial", **answer):
        turn = store_question(
            "Где?", StoredAnswer(**{"answer": "Тут.", **answer}), dataset=dataset
        )
        if rating:
            Ratings(ctx.db, BOT, clock).rate(turn.turn_id, ANNA, rating)

    rows = QuestionStatistics(ctx.db)
    ask(Rating.UP)
    ask(Rating.DOWN)
    ask(Rating.DOWN, "other")
    ask(answer="")
    clock.move(24 * 3600)
    ask()
    assert rows.count_by_dataset(date(2026, 11, 21)) == ({"trial": 1}, {"trial": 0})
    assert rows.count_by_dataset(OLD) == (
        {"trial": 3, "other": 1},
        {"trial": 1, "other": 1},
    )


def test_conversation_without_a_dataset_counts_for_its_model_or_the_default_dataset(
    world, store_question
):
    model = world.serve(1, make_examples(12))
    store_question(answer=StoredAnswer("Тут.", model_id=model))
    rows = QuestionStatistics(world.db)
    assert rows.count_by_dataset(OLD)[0] == {FACE: 1, None: 1}
    others = QuestionStatistics(world.db, "other")
    assert others.count_by_dataset(OLD)[0] == {FACE: 1, "other": 1}


def test_edited_question_is_counted_once(database, store_question):
    for text in ("было", "стало"):
        store_question(text, message_id=9)
    assert QuestionStatistics(database).count_by_dataset(OLD)[0] == {None: 1}
