"""A dataset over time: its tested models with their commits, and its questions by week."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from functools import partial

import pytest

from merlin.app.over_time import MODELS, WEEKS, read_over_time
from merlin.chat.feedback import QuestionOutcome, Rating, Ratings
from merlin.chat.turns import StoredAnswer, UpdateState
from merlin.core.clock import utc_now
from merlin.core.errors import NotFound
from merlin.dataset.changes import ChangeRequest
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.proposals import (
    CHAT,
    FRAMES,
    WORDING,
    Draft,
    Proposals,
    example_yaml,
)
from merlin.db.tables import COMMIT, MODEL, PROPOSAL, VERDICT
from merlin.training.commit_state import CommitState
from tests.db.pipeline_rows import BOT, FACE, OPERATOR, make_examples, make_spec
from tests.support.config import make_config
from tests.support.migrated_databases import only_sqlite
from tests.support.people import ANNA, BORIS, make_teacher

pytestmark = pytest.mark.integration

DAY_S = 24 * 3600
WORDING_DRAFT = Draft("Касса где?", "Тут.", FACE, 7, origin=WORDING)
BY_OPERATOR = ChangeRequest(telegram_editor(7, "Boris"), "7", utc_now())


@pytest.fixture
def ask(store_question):
    """A function by which anna asks about a dataset and gets this answer."""
    return partial(store_question, "Что?", dataset=FACE)


def read_points(world):
    points = read_over_time(world.ctx, OPERATOR, FACE).points
    return [(point.model.title, point.share, *point.word) for point in points]


def test_tested_models_are_in_order_each_with_the_commit_it_was_trained_from(world):
    world.serve(1, make_examples(12))
    world.serve(2, make_examples(13))
    # The examples of the first commit: its model serves again.
    undoing = world.push(3, make_examples(12))
    world.launch()
    wrong = world.verdict(2).commit
    world.db.update(
        COMMIT, COMMIT.sha == undoing, message=f"This reverts commit {wrong}.\n"
    )
    world.promote()
    world.serve(4, make_examples(12), spec=make_spec("python"))
    world.finish(world.start(5, make_examples(14)))
    assert read_points(world) == [
        (f"{FACE}-1", 0.6, "commit-state", CommitState.LIVE),
        (f"{FACE}-2", 0.6, "commit-state", CommitState.UNDONE),
    ]
    first, second = read_over_time(world.ctx, OPERATOR, FACE).points
    assert first.commit.commit == world.verdict(1).commit
    assert (first.model.serves, second.model.serves) == (True, False)


def test_model_that_no_known_commit_began_has_its_own_state(world):
    world.serve(1, make_examples(12))
    world.db.delete(VERDICT, VERDICT.job_id.is_null(is_null=False))
    assert read_points(world) == [(f"{FACE}-1", 0.6, "model", "serves")]


def test_only_the_newest_tested_models_are_shown(world):
    for position in range(1, MODELS + 3):
        world.serve(position, make_examples(11 + position))
    world.db.update(MODEL, MODEL.id == MODELS + 2, questions=0)
    titles = [title for title, *_ in read_points(world)]
    assert titles == [f"{FACE}-{number}" for number in range(2, MODELS + 2)]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (StoredAnswer("Да.", known=True), QuestionOutcome.ANSWERED),
        (StoredAnswer("Да."), QuestionOutcome.ANSWERED),
        (
            StoredAnswer("Не знаю.", known=False, nearest="Кто?"),
            QuestionOutcome.OFFERED,
        ),
        (
            StoredAnswer("«Кто?»: Я.", known=False, nearest="Кто?", if_meant=True),
            QuestionOutcome.IF_MEANT,
        ),
        (StoredAnswer("Не знаю.", known=False), QuestionOutcome.REFUSED),
        (StoredAnswer("", "Не вышло.", UpdateState.FAILED), QuestionOutcome.FAILED),
        (StoredAnswer("", "Пожалуйста!"), None),
        (StoredAnswer("", "Лимит.", UpdateState.REFUSED), None),
    ],
)
def test_question_counts_by_what_it_came_to(world, ask, answer, outcome):
    ask(answer)
    ask(StoredAnswer("Да."), dataset="python")
    weeks = read_over_time(world.ctx, OPERATOR, FACE).weeks
    assert [week.counts for week in weeks[-1:]] == ([{outcome: 1}] if outcome else [])


@pytest.mark.parametrize(
    ("answer", "rating", "outcome"),
    [
        (StoredAnswer("Да."), Rating.DOWN, QuestionOutcome.WRONG),
        (StoredAnswer("Да."), Rating.UP, QuestionOutcome.ANSWERED),
        (StoredAnswer("Не знаю.", known=False), Rating.DOWN, QuestionOutcome.REFUSED),
    ],
)
def test_answer_that_a_person_disliked_counts_as_wrong(
    world, ask, answer, rating, outcome
):
    turn = ask(answer)
    ask(StoredAnswer("Да."))
    Ratings(world.db, BOT, world.clock).rate(turn.turn_id, ANNA, rating)
    Ratings(world.db, BOT, world.clock).rate(turn.turn_id, BORIS, rating)
    (week,) = read_over_time(world.ctx, OPERATOR, FACE).weeks[-1:]
    assert week.counts == Counter([outcome, QuestionOutcome.ANSWERED])


def test_accepted_wordings_count_in_the_week_of_the_decision(world, ask):
    rows = Proposals(world.db, world.clock)
    of_two = [rows.add_drafts([WORDING_DRAFT], user_id)[0] for user_id in (ANNA, BORIS)]
    frame = replace(WORDING_DRAFT, question="Где тут касса?", origin=FRAMES)
    others = rows.add_drafts(
        [frame, replace(frame, origin=CHAT), replace(frame, dataset="python")]
    )
    for some in (of_two, *([each] for each in others)):
        texts = {each: example_yaml(rows.get(each).draft) for each in some}
        rows.approve(texts, BY_OPERATOR)
    rows.add_drafts([WORDING_DRAFT])
    world.db.update(PROPOSAL, PROPOSAL.state == "approved", state="committed")
    world.clock.move(7 * DAY_S)
    ask(StoredAnswer("Да."))
    weeks = read_over_time(world.ctx, OPERATOR, FACE).weeks
    assert [week.wordings for week in weeks] == [*[0] * (WEEKS - 2), 2, 0]


def test_weeks_begin_on_mondays_and_the_last_ones_are_shown(world, ask):
    world.clock.move((7 - world.clock().weekday()) * DAY_S)
    monday = world.clock().date()
    ask(StoredAnswer("Да."))
    world.clock.move(6 * DAY_S)
    ask(StoredAnswer("Да."))
    world.clock.move(DAY_S)
    ask(StoredAnswer("Да."))
    world.clock.move((WEEKS - 2) * 7 * DAY_S)
    weeks = read_over_time(world.ctx, OPERATOR, FACE).weeks
    assert (weeks[0].monday, len(weeks)) == (monday, WEEKS)
    assert [week.counts.total() for week in weeks[:3]] == [2, 1, 0]
    world.clock.move(14 * DAY_S)
    assert read_over_time(world.ctx, OPERATOR, FACE).weeks == []


def test_week_begins_at_midnight_in_the_configured_time_zone(world, ask):
    world.ctx = replace(world.ctx, config=make_config(timezone="Asia/Yekaterinburg"))
    monday = world.clock().date() + timedelta(7 - world.clock().weekday())
    midnight = datetime.combine(monday, time(), tzinfo=timezone(timedelta(hours=5)))
    world.clock.move((midnight - world.clock()).total_seconds() - 1)
    ask(StoredAnswer("Да."))
    world.clock.move(1)
    ask(StoredAnswer("", "Не вышло.", UpdateState.FAILED))
    before, week = read_over_time(world.ctx, OPERATOR, FACE).weeks[-2:]
    assert (before.counts, week.counts) == (
        {QuestionOutcome.ANSWERED: 1},
        {QuestionOutcome.FAILED: 1},
    )
    assert week.monday == monday


def test_dataset_that_the_actor_may_not_edit_is_not_found(world):
    with pytest.raises(NotFound):
        read_over_time(world.ctx, make_teacher("python"), FACE)


@only_sqlite
def test_no_table_that_grows_is_read_whole(recorded, world, ask):
    world.serve(1, make_examples(12))
    ask(StoredAnswer("Да."))
    recorded.statements.clear()
    assert read_over_time(world.ctx, OPERATOR, FACE).points
    assert recorded.find_scans() == {}
