"""Commits in the database: recorded completely or not at all, dropped and recorded again."""

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from merlin.app.personal_data import PersonalRecords
from merlin.core.messages import Message
from merlin.dataset.builds import is_in_build, training_key
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.files import FileIndex
from merlin.dataset.layout import example_path
from merlin.dataset.verdicts import VerdictStatus, transition, verdict_condition
from merlin.db.database import open_database
from merlin.db.tables import BUILD, COMMIT, EXAMPLE_TEXT, TAUGHT_EXAMPLE, VERDICT
from merlin.training.commits import CommitOutcome
from merlin.training.models import read_conversations
from tests.db.pipeline_rows import (
    FACE,
    PipelineRows,
    make_commit,
    make_example,
    make_examples,
    make_finding,
    make_spec,
)

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
KILLED_WHILE_RECORDING = """
import os, signal, sys
from tests.db.pipeline_rows import (
    AT, PipelineRows, make_commit, make_examples, make_finding, make_spec
)
from merlin.core.clock import utc_now
from merlin.db.database import open_database

class KillingList(list):
    rounds = 0

    def __iter__(self):
        yield from super().__iter__()
        self.rounds += 1
        if self.rounds == 2:
            os.kill(os.getpid(), signal.SIGKILL)

world = PipelineRows(open_database(sys.argv[1]), utc_now)
outcome = world.outcome(make_spec(), make_examples(), [make_finding()])
world.history.record(make_commit(1), KillingList([outcome]), AT)
"""
KILLED_BETWEEN_PIECES = """
import sys
from tests.db.pipeline_rows import AT, PipelineRows, make_commit, make_examples, make_spec
from merlin.core.clock import utc_now
from merlin.db.database import open_database

world = PipelineRows(open_database(sys.argv[1]), utc_now)
outcome = world.outcome(make_spec(), make_examples())
world.history.record(make_commit(1), [outcome], AT, piece=5)
"""


def read_authors(world, build_id):
    rows = world.db.rows(TAUGHT_EXAMPLE.select().where(is_in_build(build_id)))
    return {row.example_id[-3:]: row.author for row in rows}


def test_commit_is_recorded_with_build_verdict_and_findings(world, clock):
    sha = world.push(3, make_examples(), findings=[make_finding(3), make_finding(9)])
    assert world.history.find_newest() == (sha, 3)
    (verdict,) = world.launches.list_waiting()
    assert (verdict.commit, verdict.status, verdict.position) == (
        sha,
        VerdictStatus.BUILT,
        3,
    )
    assert (verdict.author, verdict.spec, verdict.seen_at) == (
        "anna",
        make_spec(),
        clock(),
    )
    build = world.launches.build(verdict.build_id)
    assert (build.version, build.train, build.test) == (f"{FACE}-1", 11, 1)
    assert build.train_tokens > 0
    assert build == world.history.build_of(FACE, build.digest)
    assert (
        verdict.training_key
        == training_key(FACE, build.digest, make_spec().recipe)
        == world.history.latest(FACE).training_key
    )
    (shown,) = world.of_commit(sha)
    assert [finding.line for finding in shown.findings] == [3, 9]


def test_test_questions_come_from_the_database_with_the_system_text_first(world):
    world.push(1, make_examples())
    ((example_id, messages),) = read_conversations(world.models.db, 1, "test")
    assert example_id == "лицо/вопрос-000"
    assert messages[0] == Message("system", "Отвечай кратко.")
    assert messages[1:] == make_example(0).messages
    taught = read_conversations(world.models.db, 1, "train")
    assert [name for name, _ in taught] == sorted(name for name, _ in taught)
    assert len(taught) == 11


def test_long_form_of_a_message_is_kept(world):
    extra = {"weight": 0, "name": "анна"}
    messages = (
        Message("system", "Сам."),
        Message("user", "А?"),
        Message("assistant", "Б.", extra),
    )
    world.push(1, [*make_examples(), replace(make_example(12), messages=messages)])
    taught = dict(read_conversations(world.models.db, 1, "train"))
    assert taught["лицо/вопрос-012"] == messages


def test_unchanged_commit_uses_the_existing_build(world):
    world.push(1, make_examples())
    sha = world.push(2, make_examples())
    assert world.statuses() == {"a001": "built", "a002": "unchanged"}
    (shown,) = world.of_commit(sha)
    assert shown.build == f"{FACE}-1"


def test_commit_is_known_while_it_is_on_the_branch(world, clock):
    first, second = (world.push(number, make_examples()) for number in (1, 2))
    world.history.drop_commits(1, clock())
    known = [sha in world.history for sha in (first, second, "0" * 40)]
    assert known == [True, False, False]


def test_newest_verdict_is_one_of_the_dataset(world):
    world.push(1, make_examples())
    world.push(2, make_examples(), spec=make_spec("python"))
    assert world.history.latest(FACE).position == 1
    assert world.history.follows_newest_build(FACE)


@pytest.mark.parametrize(("count", "follows"), [(13, True), (12, False), (14, False)])
def test_next_build_follows_a_commit_that_made_the_newest_one(world, count, follows):
    world.push(1, make_examples(14))
    world.push(2, make_examples(12))
    world.push(3, make_examples(count))
    assert world.history.follows_newest_build(FACE) is follows


def test_author_is_the_last_one_who_changed_the_blob(world):
    world.push(1, make_examples(), author="anna")
    world.push(2, make_examples(13, changed=(3,)), author="boris")
    world.push(3, make_examples(13), author="vera")
    world.push(4, make_examples(13, changed=(3,)), author="anna")
    authors = read_authors(world, 2)
    assert (authors["003"], authors["012"], authors["001"]) == (
        "boris",
        "boris",
        "anna",
    )
    authors = read_authors(world, 3)
    assert (authors["003"], authors["012"], authors["001"]) == ("vera", "boris", "anna")


def test_author_of_the_first_read_is_that_of_the_history_or_none(world, clock):
    """Later commits keep both; an erased editor is not named there either."""
    newest = make_commit(9, author="vera")
    example = make_examples()[0].id
    email = telegram_editor(7, "anna").email
    older = replace(make_commit(3, author="anna"), author_email=email)
    outcome = world.outcome(make_spec(), make_examples())
    outcome = replace(outcome, writers={example_path(example): older})
    world.history.record(newest, [outcome], clock())
    world.push(10, make_examples(13), author="boris")
    assert read_authors(world, 2) == dict.fromkeys(read_authors(world, 1), "") | {
        example[-3:]: "anna",
        "012": "boris",
    }
    PersonalRecords(world.db, clock).forget(7)
    assert "anna" not in read_authors(world, 2).values()


def test_each_text_is_stored_once(world):
    world.push(1, make_examples(12))
    world.push(2, make_examples(13))
    world.push(3, make_examples(13, changed=(3,)))
    assert len(world.db.rows(EXAMPLE_TEXT.select())) == 14
    assert len(world.db.rows(TAUGHT_EXAMPLE.select())) == 12 + 1 + 1


def test_each_build_keeps_its_examples_whatever_later_builds_hold(world):
    rng = random.Random(7)  # noqa: S311 - the same sets every time
    taught = {}
    for position in range(1, 13):
        changed = rng.sample(range(12), rng.randint(0, 4))
        examples = rng.sample(make_examples(20, changed=changed), rng.randint(12, 20))
        world.push(position, sorted(examples, key=lambda example: example.id))
        (build, *_) = world.recent_builds()
        taught[build.id] = {example.id: example.blob for example in examples}
    assert len(taught) > 6
    for build_id, blobs in taught.items():
        rows = world.db.rows(TAUGHT_EXAMPLE.select().where(is_in_build(build_id)))
        assert {row.example_id: row.blob for row in rows} == blobs
        assert len(rows) == len(blobs)


def test_changed_system_text_applies_to_every_example(world):
    world.push(1, make_examples())
    # Another dataset has had that text already.
    world.push(2, make_examples(), spec=make_spec("python", system="Одним словом."))
    world.push(3, make_examples(), spec=make_spec(system="Одним словом."))
    for build_id, system in ((1, make_spec().system), (3, "Одним словом.")):
        taught = read_conversations(world.models.db, build_id, "train")
        assert {messages[0].content for _, messages in taught} == {system}


def test_removed_dataset_keeps_its_builds(world, clock):
    world.push(1, make_examples())
    world.record(make_commit(2), [CommitOutcome(FACE, VerdictStatus.REMOVED)], clock())
    assert world.statuses() == {"a001": "superseded", "a002": "removed"}
    assert len(world.db.rows(TAUGHT_EXAMPLE.select())) == 12


def test_rejected_commit_keeps_its_findings_and_has_no_build(world, clock):
    outcome = replace(
        world.outcome(make_spec(), make_examples(), [make_finding()]),
        build=None,
        content=None,
        training_key="",
    )
    rejected = replace(
        outcome,
        status=VerdictStatus.REJECTED,
        reason="verdict-rejected",
        arguments={"errors": 1},
    )
    world.record(make_commit(1), [rejected], clock())
    (shown,) = world.log()
    assert (shown.status, shown.build, shown.arguments) == (
        "rejected",
        None,
        {"errors": 1},
    )
    assert len(shown.findings) == 1
    assert world.history.latest(FACE) is None


def test_characters_that_no_database_accepts_are_replaced(world, clock):
    strange = replace(
        make_commit(1), message="nul \0 half \ud800\n", author_name="a\udcffb"
    )
    world.record(strange, [world.outcome(make_spec(), make_examples())], clock())
    (verdict,) = world.launches.list_waiting()
    assert (verdict.message, verdict.author) == (
        "nul \N{REPLACEMENT CHARACTER} half ?\n",
        "a?b",
    )


def test_recording_a_commit_twice_records_it_once(world, clock):
    outcome = world.outcome(make_spec(), make_examples())
    world.record(make_commit(1), [outcome], clock())
    world.record(make_commit(1), [outcome], clock())
    assert world.statuses() == {"a001": "built"}
    assert world.history.next_number(FACE) == 2


def test_kill_while_recording_leaves_nothing_visible(url, clock):
    command = [sys.executable, "-c", KILLED_WHILE_RECORDING, url]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9
    with open_database(url) as database:
        world = PipelineRows(database, clock)
        assert_nothing_is_visible(world)
        world.push(1, make_examples())
        assert world.history.find_newest()[1] == 1
        assert [build.version for build in world.recent_builds()] == [f"{FACE}-1"]
        assert len(read_authors(world, world.recent_builds()[0].id)) == 12


@pytest.mark.parametrize("changed", [(), (1, 11)])
def test_kill_between_pieces_leaves_nothing_visible(url, clock, changed):
    command = [sys.executable, "-c", KILLED_BETWEEN_PIECES, url]
    killed = {**os.environ, "MERLIN_CRASH_AT": "staged.examples"}
    done = subprocess.run(command, cwd=ROOT, check=False, env=killed)
    assert done.returncode == 137
    with open_database(url) as database:
        world = PipelineRows(database, clock)
        assert_nothing_is_visible(world)
        assert len(database.rows(TAUGHT_EXAMPLE.select())) == 5
        world.push(1, make_examples(changed=changed))
        assert [build.version for build in world.recent_builds()] == [f"{FACE}-1"]
        assert len(read_authors(world, world.recent_builds()[0].id)) == 12
        counts = [len(database.rows(each.select())) for each in (TAUGHT_EXAMPLE, BUILD)]
        assert counts == [12, 1], "nothing is left of the killed one"


def test_build_in_pieces_is_as_one_that_is_stored_at_once(world, clock):
    """First, with other, new and removed examples, and with another system text."""
    steps = [
        (make_examples(12), "Кратко."),
        (make_examples(14, changed=(1, 2, 3, 4))[2:], "Кратко."),
        (make_examples(13), "Подробно."),
    ]
    stored = []
    for dataset, piece in (("pieces", 3), ("whole", 500)):
        for number, (examples, system) in enumerate(steps, 1):
            outcome = world.outcome(make_spec(dataset, system), examples)
            commit = make_commit(number + piece, name=f"{number}{piece}")
            world.history.record(commit, [outcome], clock(), piece)
        builds = [build.id for build in reversed(world.recent_builds(dataset))]
        numbers = {build_id: number for number, build_id in enumerate(builds)}
        rows = world.db.rows(
            TAUGHT_EXAMPLE.select().where(TAUGHT_EXAMPLE.dataset == dataset)
        )
        stored.append(
            {
                (
                    row.example_id,
                    numbers[row.first_build],
                    numbers.get(row.end_build),
                    row.blob,
                    row.split,
                    row.text_digest,
                )
                for row in rows
            }
        )
        assert len(stored[-1]) == len(rows)
        assert [len(read_authors(world, each)) for each in builds] == [12, 12, 13]
    assert stored[0] == stored[1]


def assert_nothing_is_visible(world):
    history = world.history
    assert history.find_newest() == ("", 0)
    assert (world.statuses(), history.latest(FACE)) == ({}, None)
    assert history.next_number(FACE) == 1
    assert world.recent_builds() == []
    assert FileIndex(world.db).find_newest_build(FACE) is None


def test_erased_author_of_a_commit_that_returns_stays_anonymous(world, clock):
    world.push(1, make_examples(12))
    world.db.change(COMMIT.update({"author_name": "nobody"}))
    world.history.drop_commits(0, clock())
    world.push(1, make_examples(13))
    authors = read_authors(world, 2)
    assert (authors["011"], authors["012"]) == ("anna", "nobody")


def test_failure_in_the_second_dataset_rolls_back_the_first(world, clock):
    other = make_spec("python")
    good = world.outcome(make_spec(), make_examples())
    broken = replace(world.outcome(other, make_examples()), dataset=FACE)
    with pytest.raises(Exception, match=r"(?i)unique"):
        world.record(make_commit(1), [good, broken], clock())
    assert world.history.find_newest() == ("", 0)
    assert world.statuses() == {}


def test_commits_dropped_from_the_branch_are_superseded(world, clock):
    world.push(1, make_examples(12))
    world.launch()
    world.push(2, make_examples(13))
    assert world.history.drop_commits(1, clock()) == 1
    assert world.history.find_newest()[1] == 1
    assert world.statuses() == {"a001": "training", "a002": "superseded"}
    assert world.launches.list_waiting() == []
    assert world.history.drop_commits(0, clock()) == 1
    assert world.statuses() == {"a001": "superseded", "a002": "superseded"}
    assert world.history.latest(FACE) is None


def test_final_statuses_of_dropped_commits_stay(world, clock):
    world.serve(1, make_examples(12))
    world.push(2, make_examples(12))
    assert world.history.drop_commits(0, clock()) == 2
    assert world.statuses() == {"a001": "serving", "a002": "unchanged"}


def test_after_a_rewrite_the_newest_model_on_the_branch_serves(world, clock):
    first = world.serve(1, make_examples(12))
    second = world.serve(2, make_examples(13))
    assert world.serving() == second
    world.history.drop_commits(1, clock())
    world.promote()
    assert world.serving() == first
    third = world.serve(2, make_examples(14), name="b")
    assert world.serving() == third


@pytest.mark.parametrize(
    ("dataset", "before", "after"),
    [
        (FACE, "superseded", "built"),
        ("law", "superseded", "superseded"),
        (FACE, "failed", "failed"),
    ],
)
def test_rewrite_wakes_the_commit_of_its_dataset_that_the_lost_one_superseded(
    world, clock, dataset, before, after
):
    world.push(1, make_examples(12), spec=make_spec(dataset))
    world.push(2, make_examples(13))
    world.db.update(VERDICT, VERDICT.position == 1, status=before)
    world.history.drop_commits(1, clock())
    assert world.verdict(1).status == after


def test_pin_survives_a_rewrite(world, clock):
    world.serve(1, make_examples(12))
    second = world.serve(2, make_examples(13))
    world.promotions.pin(FACE, is_pinned=True)
    world.history.drop_commits(1, clock())
    world.promote()
    assert world.serving() == second


def test_rewrite_above_the_serving_commit_does_not_change_the_serving_model(
    world, clock
):
    world.serve(1, make_examples(12))
    world.serve(2, make_examples(13))
    world.push(3, make_examples(14))
    before = world.promotions.list_serving()[FACE]
    world.history.drop_commits(2, clock())
    assert world.promotions.list_serving()[FACE] == before


def test_restored_commit_gets_a_new_verdict_and_its_old_model(world, clock):
    world.serve(1, make_examples(12))
    second = world.serve(2, make_examples(13))
    world.history.drop_commits(1, clock())
    world.promote()
    world.serve(2, make_examples(13))
    assert world.serving() == second
    assert world.statuses() == {"a001": "serving", "a002": "serving"}
    assert len(world.recent_jobs()) == 2


def test_invalid_transition_raises_value_error(world, clock):
    sha = world.push(1, make_examples())
    condition = verdict_condition(sha, FACE)
    for old in VerdictStatus:
        with pytest.raises(ValueError, match="goes from"):
            transition(world.db, (old,), VerdictStatus.REJECTED, clock(), condition)
    with pytest.raises(ValueError, match="goes from"):
        transition(
            world.db,
            (VerdictStatus.SERVING,),
            VerdictStatus.SUPERSEDED,
            clock(),
            condition,
        )
    assert (
        transition(
            world.db, (VerdictStatus.HELD,), VerdictStatus.TRAINING, clock(), condition
        )
        == 0
    )
    assert world.statuses() == {"a001": "built"}
