"""The board's cards: which commits are shown, at which stage, and the progress of a training."""

import json
from dataclasses import replace

import pytest

from merlin.app.board import Stage, list_tasks, read_board, read_commit
from merlin.core.clock import iso
from merlin.core.errors import NotFound
from merlin.core.heartbeat import TELEGRAM_DOWN, Heartbeat
from merlin.dataset.changes import (
    BatchResult,
    ChangeRequest,
    Changes,
    ChangeState,
    Edit,
    make_changes,
)
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Draft, Proposals
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.processes import Heartbeats
from merlin.db.tables import JOB_EVENT
from merlin.training.commits import CommitOutcome
from merlin.training.jobs import JobState
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    CourseCatalogue,
    make_commit,
    make_course,
    make_examples,
    make_finding,
    make_spec,
)
from tests.support.migrated_databases import only_sqlite
from tests.support.people import STUDENT, make_teacher

pytestmark = pytest.mark.integration


def read_cards(world):
    """Return the cards of all datasets."""
    return [card for row in read_board(world.ctx, OPERATOR).rows for card in row.cards]


def show_cards(world):
    return [
        (card.commit[:4], card.stage.value, card.state) for card in read_cards(world)
    ]


def store_metrics(world, job_id, metrics):
    """Store events as a provider would report them, one per second."""
    fields = {"job_id": job_id, "level": "info", "message": "step", "kind": "metrics"}
    rows = []
    for number, data in enumerate(metrics):
        world.clock.move(1)
        event = {
            "event_id": str(number),
            "at": iso(world.clock()),
            "data": json.dumps(data),
        }
        rows.append(fields | event)
    world.db.add_missing(JOB_EVENT, rows)


@pytest.fixture
def served(world):
    """A commit whose model serves."""
    return world.serve(1, make_examples())


def test_commit_moves_through_the_stages_and_the_serving_one_stays(world):
    assert read_board(world.ctx, OPERATOR).rows == []
    world.serve(1, make_examples())
    assert show_cards(world) == [("a001", "serving", "serving")]
    world.push(2, make_examples(13))
    assert show_cards(world)[0] == ("a002", "built", "built")
    (job,) = world.launch()
    assert show_cards(world)[0] == ("a002", "training", "training")
    world.finish(job)
    assert show_cards(world)[0] == ("a002", "evaluated", "testing")
    world.prove_and_promote()
    (row,) = read_board(world.ctx, OPERATOR).rows
    (card,) = row.cards
    assert (card.commit[:4], card.since, row.commits) == ("a002", world.clock(), 2)
    assert (row.title_in("ru"), card.model.title) == ("Нейротипология", card.build)


def test_commit_that_is_left_out_needs_care_until_a_later_one_is_built(world, served):
    outcome = world.outcome(make_spec(), make_examples(), [make_finding()])
    world.record(
        make_commit(2), [replace(outcome, status=VerdictStatus.LEFT_OUT)], world.clock()
    )
    (card, _) = read_cards(world)
    assert (card.stage, card.state, card.needs_care) == (
        Stage.CHECKED,
        "left_out",
        True,
    )
    world.push(3, make_examples(13))
    assert [state for _, _, state in show_cards(world)] == ["built", "serving"]


def test_failure_stays_until_a_later_commit_replaces_it(world, served):
    world.push(2, make_examples(13), findings=[make_finding()])
    world.db.sql(
        "UPDATE verdict SET status = 'rejected', job_id = NULL WHERE position = 2"
    )
    (card, _) = read_cards(world)
    assert (card.stage, len(card.errors), card.needs_care) == (Stage.CHECKED, 1, True)
    job = world.start(3, make_examples(14))
    world.finish(job, JobState.FAILED)
    assert show_cards(world) == [
        ("a003", "training", "failed"),
        ("a001", "serving", "serving"),
    ]
    world.serve(4, make_examples(15))
    assert show_cards(world) == [("a004", "serving", "serving")]


def test_edit_with_many_files_hides_no_other_edit(world):
    world.push(1, make_examples())
    changes = Changes(world.db, world.clock)
    editor = telegram_editor(7, "Вера")
    request = ChangeRequest(editor, "7", world.clock())

    def put(count):
        edits = [
            Edit(f"examples/new-{count}-{each}.yaml", None, "x")
            for each in range(count)
        ]
        changes.put(make_changes(FACE, edits, request))

    put(1)
    batch = changes.claim()
    changes.put_aside(batch, ChangeState.PARKED, "git-failed", {})
    put(50)
    put(2)
    (row,) = read_board(world.ctx, OPERATOR).rows
    assert [edit.state for edit in row.edits] == ["waiting", "waiting", "parked"]
    assert count_tasks(world) == {(FACE, "commits"): 1}, "the parked one"


def test_commit_of_an_edit_leads_its_editor_and_admins_to_the_undo(world):
    sha = world.push(1, make_examples())
    request = ChangeRequest(telegram_editor(7, "Boris"), "7", world.clock(), "ru")
    changes = make_changes(FACE, [Edit("examples/x.yaml", None, "a: 1\n")], request)
    Changes(world.db).put(changes)
    batch = Changes(world.db).claim()
    Changes(world.db).settle(batch, BatchResult(sha))
    editors = [make_teacher(FACE, user_id=number) for number in (7, 8)]
    found = [
        read_commit(world.ctx, actor, sha[:7])[0].change
        for actor in (OPERATOR, *editors)
    ]
    assert found == [changes[0].batch, changes[0].batch, ""]
    assert read_commit(world.ctx, OPERATOR, "ffff") == []


def test_removed_dataset_stays_only_while_its_model_answers(world, served):
    job = world.start(2, make_examples(13))
    world.finish(job, JobState.FAILED)
    world.serve(3, make_examples(14), spec=make_spec("trial"))
    gone = [
        CommitOutcome(name, VerdictStatus.REMOVED) for name in (FACE, "never-served")
    ]
    world.record(make_commit(4), gone, world.clock())
    kept, removed = read_board(world.ctx, OPERATOR).rows
    assert (kept.name, kept.removed, kept.cards[0].state) == ("trial", False, "serving")
    assert (removed.name, removed.removed) == (FACE, True)
    assert [(card.commit[:4], card.state) for card in removed.cards] == [
        ("a001", "removed")
    ]
    world.push(5, make_examples())  # it is there again, with the build that serves
    assert [row.removed for row in read_board(world.ctx, OPERATOR).rows] == [
        False,
        False,
    ]


def test_rewritten_commit_with_the_same_files_takes_the_place_of_the_live_one(
    world, served
):
    world.history.drop_commits(0, world.clock())
    world.push(1, make_examples(), name="b")
    world.launch()
    world.promote()
    assert world.statuses() == {"a001": "serving", "b001": "serving"}
    assert show_cards(world) == [("b001", "serving", "serving")]


def test_training_shows_its_progress(world):
    job = world.start(1, make_examples())
    assert world.jobs.save(job, replace(job, state=JobState.RUNNING))
    steps = [
        {"step": n, "total_steps": 400, "train_loss": 3 / n} for n in range(1, 201)
    ]
    store_metrics(world, job.job_id, steps)
    (card,) = read_cards(world)
    assert (card.state, card.progress.share) == ("training", 50)


def test_teacher_sees_only_the_datasets_of_their_courses(world):
    world.push(1, make_examples())
    world.push(2, make_examples(), spec=make_spec("trial"))
    teacher = make_teacher("trial")
    assert [row.name for row in read_board(world.ctx, OPERATOR).rows] == [FACE, "trial"]
    assert [row.name for row in read_board(world.ctx, teacher).rows] == ["trial"]
    assert [row.name for row in read_board(world.ctx, teacher, "trial").rows] == [
        "trial"
    ]
    with pytest.raises(NotFound):
        read_board(world.ctx, teacher, FACE)
    assert read_board(world.ctx, STUDENT).rows == []


def test_course_whose_dataset_a_rewritten_history_never_had_is_not_listed(world):
    world.push(1, make_examples())
    CourseCatalogue(world.db).teach(
        {"python": make_course("Питон"), FACE: make_course("Лицо")}
    )
    assert [row.name for row in read_board(world.ctx, OPERATOR).rows] == [FACE]


def test_board_shows_since_when_the_daemon_is_silent(world):
    assert not read_board(world.ctx, OPERATOR).is_live
    now = world.clock()
    Heartbeats(world.db).beat(Heartbeat("daemon", "here", 1, now, now))
    assert read_board(world.ctx, OPERATOR).is_live
    world.clock.move(60)
    assert read_board(world.ctx, OPERATOR).silent_since == now


def count_tasks(world, actor=OPERATOR):
    return {
        (task.dataset, task.kind): task.waiting
        for task in list_tasks(world.ctx, actor)
        if task.waiting
    }


def test_what_waits_for_an_editor_is_counted_until_it_is_decided(world, served):
    FileIndex(world.db).keep(FACE, "tree", {})
    assert count_tasks(world) == {}
    proposals = Proposals(world.db)
    proposals.add(1001, Draft("Что?", "То.", FACE))
    number = proposals.add(1001, Draft("Кто?", "Тот.", FACE))
    world.push(2, make_examples(), spec=make_spec("trial"))
    world.db.sql("UPDATE verdict SET status = 'rejected' WHERE position = 2")
    waiting = {(FACE, "proposals"): 2, ("trial", "commits"): 1}
    assert count_tasks(world) == waiting
    assert count_tasks(world, make_teacher("trial")) == {("trial", "commits"): 1}
    assert count_tasks(world, STUDENT) == {}
    proposals.decline(number)
    world.push(3, make_examples(13), spec=make_spec("trial"))
    assert count_tasks(world) == {(FACE, "proposals"): 1}


def test_answers_found_by_one_wording_are_a_task_for_which_nobody_waits(world, served):
    FileIndex(world.db).keep(FACE, "tree", {})
    (task,) = list_tasks(world.ctx, OPERATOR)
    assert (task.kind, task.count, task.waiting) == ("single", 11, 0)


@only_sqlite
def test_tasks_are_counted_by_one_query_where_nothing_may_be_stuck(world, recorded):
    for position in range(1, 4):
        world.serve(position, make_examples(11 + position))
    assert len(recorded.record(lambda: list_tasks(world.ctx, OPERATOR))) == 1


def test_model_that_a_pin_keeps_waits_only_for_those_who_may_unpin(world):
    world.serve(1, make_examples(), spec=make_spec("trial"))
    world.serve(2, make_examples(13), spec=make_spec("trial"))
    world.db.sql(
        "UPDATE verdict SET status = 'training', reason = 'verdict-pinned' WHERE position = 2"
    )
    assert count_tasks(world) == {("trial", "models"): 1}
    assert count_tasks(world, make_teacher("trial")) == {}


def test_model_that_went_live_has_its_card_for_an_hour(world):
    world.serve(1, make_examples())
    world.clock.move(3599)
    (row,) = read_board(world.ctx, OPERATOR).rows
    assert (row.is_at_rest, row.recent) == (False, ())
    world.clock.move(1)
    (row,) = read_board(world.ctx, OPERATOR).rows
    assert (row.is_at_rest, len(row.recent)) == (True, 1)


def test_last_commits_of_datasets_at_rest_are_shown_where_there_is_one(world):
    for position in range(1, 5):
        world.serve(position, make_examples(11 + position))
    world.serve(5, make_examples(), spec=make_spec("trial"))
    world.clock.move(3600)
    assert [row.recent for row in read_board(world.ctx, OPERATOR).rows] == [(), ()]
    (row,) = read_board(world.ctx, OPERATOR, FACE).rows
    expected = [world.verdict(position).commit for position in (4, 3, 2)]
    assert [each.commit for each in row.recent] == expected


def test_example_left_out_of_a_live_commit_needs_care_until_the_next_commit(world):
    world.serve(1, make_examples(), findings=[make_finding()])
    (row,) = read_board(world.ctx, OPERATOR).rows
    (card,) = row.cards
    assert (card.state, card.left_out, card.needs_care) == ("serving", 1, True)
    assert (row.is_at_rest, count_tasks(world)) == (False, {(FACE, "commits"): 1})
    second = world.push(2, make_examples())
    world.clock.move(3600)
    (row,) = read_board(world.ctx, OPERATOR).rows
    assert row.is_at_rest
    assert [each.commit for each in row.recent] == [second, card.commit]
    assert count_tasks(world) == {}


def test_error_that_an_earlier_commit_brought_is_told_as_its_own(world, served):
    world.serve(2, make_examples(13), findings=[make_finding()])
    ((broken, *_),) = show_cards(world)
    world.serve(3, make_examples(14), findings=[make_finding()])
    world.push(4, make_examples(15), findings=[make_finding()])
    card, *_ = read_cards(world)
    assert (card.errors, card.is_flawed, card.earlier_commit[:4]) == ([], True, broken)
    assert [task.commit[:4] for task in list_tasks(world.ctx, OPERATOR)] == [broken]
    world.push(5, make_examples(16), findings=[make_finding(), make_finding(line=9)])
    card, *_ = read_cards(world)
    assert (len(card.errors), card.left_out, card.earlier_commit) == (2, 1, "")


def test_what_moves_comes_first_then_what_needs_attention(world):
    for position, name in enumerate(("a", "b", "c"), 1):
        world.serve(position, make_examples(), spec=make_spec(name))
    world.push(4, make_examples(), spec=make_spec("b"), findings=[make_finding()])
    world.push(5, make_examples(13), spec=make_spec("c"))
    assert [row.name for row in read_board(world.ctx, OPERATOR).rows] == ["c", "b", "a"]


def test_board_says_that_a_running_bot_cannot_reach_telegram(world):
    now = world.clock()
    Heartbeats(world.db).beat(Heartbeat("bot", "here", 1, now, now, TELEGRAM_DOWN))
    assert read_board(world.ctx, OPERATOR).is_telegram_down
    world.clock.move(60)
    assert not read_board(world.ctx, OPERATOR).is_telegram_down
