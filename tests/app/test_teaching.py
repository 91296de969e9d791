"""What teachers read, on both databases: edits, interest of students, pages of long lists."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from merlin.app import builds, jobs, models, verdicts
from merlin.app.actor import Actor
from merlin.app.status import read_status
from merlin.chat.feedback import QuestionStatistics, Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.errors import NotFound
from merlin.core.permissions import Authority, Role
from merlin.dataset.changes import (
    BatchResult,
    ChangeRequest,
    Changes,
    Edit,
    make_changes,
)
from merlin.dataset.commit_message import telegram_editor
from merlin.db.audit import Audit
from merlin.db.requests import Requests
from tests.db.pipeline_rows import (
    AT,
    FACE,
    OPERATOR,
    PipelineRows,
    make_examples,
    make_finding,
)

pytestmark = pytest.mark.integration

ANNA = 1001
BORIS = 1002
BOT = 7
OLD = date(2026, 1, 1)


@pytest.fixture
def changes(database, clock):
    return Changes(database, clock)


def submit_changes(changes, *names, by="7", dataset=FACE):
    edits = [Edit(f"examples/{name}.yaml", None, f"{name}\n") for name in names]
    submitted = make_changes(
        dataset, edits, ChangeRequest(telegram_editor(7, "Вера"), by, AT)
    )
    changes.put(submitted)
    return submitted[0].change_id


def test_changes_are_pending_until_they_are_committed(changes, clock):
    first = submit_changes(changes, "a", "b")
    second = submit_changes(changes, "c")
    submit_changes(changes, "d", dataset="other")
    assert [change.change_id for change in changes.list_pending(FACE)[::2]] == [
        first,
        second,
    ]
    batch = changes.claim()
    assert len(changes.list_pending(FACE)) == 3
    before = clock()
    clock.move(5)
    changes.settle(batch, BatchResult("c" * 40))
    assert [change.path for change in changes.list_pending(FACE)] == [
        f"{FACE}/examples/c.yaml"
    ]
    committed = changes.list_committed(FACE, before)
    assert [change.path for change in committed] == [
        f"{FACE}/examples/{name}.yaml" for name in "ab"
    ]
    assert changes.list_committed(FACE, clock() + timedelta(seconds=1)) == []


class Conversation:
    """Questions that people ask a bot."""

    def __init__(self, database, clock):
        self.sessions = Sessions(database, BOT, clock)
        self.turns = Turns(database, BOT, clock)
        self.ratings = Ratings(database, BOT, clock)
        self.count = 0

    def ask(
        self,
        user_id,
        text,
        rating=None,
        dataset=None,
        model="ft:face:1",
        message=0,
        answer=None,
    ):
        place = ChatPlace(user_id, user_id)
        session = self.sessions.open(place) if message else self.sessions.renew(place)
        self.sessions.change(replace(session, dataset=dataset))
        self.count += 1
        question = Question(
            session.session_id, self.count, user_id, text, message or self.count
        )
        turn = self.turns.ask(question, self.count)
        self.turns.write(
            self.count,
            StoredAnswer(
                f"Ответ: {text}" if answer is None else answer, model_id=model
            ),
        )
        if rating:
            self.ratings.rate(turn.turn_id, user_id, rating)


@pytest.fixture
def conversation(database, clock):
    return Conversation(database, clock)


def test_statistics_count_answered_questions_and_ratings(database, clock, conversation):
    rows = QuestionStatistics(database)
    conversation.ask(ANNA, "раз", Rating.UP, FACE)
    conversation.ask(ANNA, "два", Rating.DOWN, FACE)
    conversation.ask(BORIS, "иное", Rating.DOWN, "other")
    conversation.ask(BORIS, "Спасибо!", None, FACE, answer="")
    clock.move(24 * 3600)
    conversation.ask(BORIS, "три", None, FACE)
    assert rows.count_by_dataset(date(2026, 11, 21)) == ({FACE: 1}, {FACE: 0})
    assert rows.count_by_dataset(OLD) == ({FACE: 3, "other": 1}, {FACE: 1, "other": 1})


def test_conversation_without_a_dataset_counts_for_its_model_or_the_default_dataset(
    database, clock, conversation
):
    model = PipelineRows(database, clock).serve(1, make_examples(12))
    conversation.ask(ANNA, "чья?", None, None, model)
    assert QuestionStatistics(database).count_by_dataset(OLD)[0] == {FACE: 1, None: 1}
    assert QuestionStatistics(database, "other").count_by_dataset(OLD)[0] == {
        FACE: 1,
        "other": 1,
    }


def test_edited_question_is_counted_once(database, conversation):
    conversation.ask(ANNA, "было", None, FACE, message=9)
    conversation.ask(ANNA, "стало", None, FACE, message=9)
    assert QuestionStatistics(database).count_by_dataset(OLD)[0] == {FACE: 1}


@pytest.fixture
def world(database, clock):
    world = PipelineRows(database, clock)
    world.serve(1, make_examples(12))
    world.serve(2, make_examples(13), name="b", findings=[make_finding()])
    return world


LISTS = {
    "builds": builds.list_recent,
    "jobs": jobs.list_recent,
    "models": models.list_recent,
    "promotions": models.list_promotions,
    "verdicts": verdicts.list_mainline,
}


@pytest.mark.parametrize("name", LISTS)
def test_pipeline_lists_are_paginated(world, name):
    ctx = world.ctx
    read = LISTS[name]
    newer, older = read(ctx, OPERATOR)
    assert newer.id > older.id
    assert read(ctx, OPERATOR, FACE, 1) == [newer]
    if name in ("jobs", "models"):
        assert read(ctx, OPERATOR, FACE, 10, newer.id) == [older]
    assert read(ctx, OPERATOR, "other") == []


@pytest.mark.parametrize("name", LISTS)
def test_list_contains_only_datasets_the_actor_may_watch(world, name):
    ctx = world.ctx
    read = LISTS[name]
    assert read(ctx, Actor.person(7, Authority(Role.TEACHER, frozenset({FACE})))) != []
    assert (
        read(ctx, Actor.person(7, Authority(Role.TEACHER, frozenset({"other"})))) == []
    )
    for actor in (Actor(), Actor.person(7, Authority())):
        assert read(ctx, actor) == []
        with pytest.raises(NotFound):
            read(ctx, actor, FACE)


def test_student_gets_not_found_for_every_pipeline_action(world):
    ctx = world.ctx
    student = Actor.person(7, Authority())
    for act in (
        lambda: jobs.get(ctx, student, 1),
        lambda: jobs.cancel(ctx, student, 1),
        lambda: jobs.launch(ctx, student, FACE),
        lambda: jobs.quote(ctx, student, FACE, "en"),
        lambda: models.get(ctx, student, 1),
        lambda: models.promote(ctx, student, 1),
        lambda: models.pin(ctx, student, FACE, is_pinned=True),
        lambda: models.roll_back(ctx, student, FACE),
        lambda: builds.get(ctx, student, f"{FACE}-1"),
    ):
        with pytest.raises(NotFound):
            act()
    assert read_status(ctx, student).datasets == {}
    assert Requests(world.db).list_of_author(student.name) == []


def test_editor_can_see_a_job_but_not_stop_it(world):
    editor = Actor.person(7, Authority(Role.EDITOR))
    assert jobs.get(world.ctx, editor, 1).id == 1
    with pytest.raises(NotFound):
        jobs.cancel(world.ctx, editor, 1)
    with pytest.raises(NotFound):
        models.promote(
            world.ctx, editor, models.find(world.ctx, editor, f"{FACE}-1").id
        )


def test_request_with_a_once_key_is_stored_and_audited_once(world):
    admin = Actor.person(7, Authority(Role.ADMIN))
    first = jobs.launch(world.ctx, admin, FACE, once="a")
    assert jobs.launch(world.ctx, admin, FACE, once="a") == first
    assert jobs.launch(world.ctx, admin, FACE, once="b").request_id > first.request_id
    assert (first.by, first.arguments) == (admin.name, {"dataset": FACE})
    noted = [
        (entry.action, entry.target)
        for entry in Audit(world.db).list_newest(9, by=admin.name)
    ]
    assert noted == [("ask.launch", f"dataset:{FACE}")] * 2
