"""Queries of ticks, every second, and of pages of examples use an index, whatever the history."""

import re

import pytest

from merlin.app.verdicts import notify_editors
from merlin.dataset.changes import Changes
from merlin.dataset.entries import ExampleEntries, ExampleFilter
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.notices import Notices
from merlin.db.requests import Requests
from merlin.training.launch_plan import plan_by_hand, refuse_by_hand
from merlin.training.models import read_conversations
from tests.db.pipeline_rows import FACE, PipelineRows, make_examples

pytestmark = pytest.mark.integration

# One row per dataset, or a single row.
SHORT = {"dataset_tree", "wake", "serving", "heartbeat", "tops"}


@pytest.fixture
def database(tmp_path, cipher):
    with open_database(f"sqlite://{tmp_path}/merlin.db", cipher=cipher) as opened:
        migrate(opened)
        yield opened


def find_full_scans(database, sql, values):
    """Return the tables that SQLite would read in full, without an index."""
    names = {alias: table for table, alias in re.findall(r'"(\w+)" AS "(\w+)"', sql)}
    plan = [row[3] for row in database.sql(f"EXPLAIN QUERY PLAN {sql}", *values)]
    scans = re.findall(r"SCAN (\w+)(?! USING)(?:$|\n)", "\n".join(plan))
    return {names.get(match, match) for match in scans} - SHORT


def test_ticks_never_scan_a_whole_table(database, clock):
    world = PipelineRows(database, clock)
    world.serve(1, make_examples(12))
    world.push(2, make_examples(13))
    queries = []
    database._handle.query_hooks.append(lambda event: queries.append((event.sql, event.params)))
    (verdict,) = world.launches.list_waiting()
    world.launches.find_newest_attempt(verdict.training_key)
    refuse_by_hand(world.launches, verdict, plan_by_hand(world.launches, verdict))
    world.launches.is_forbidden("engine")
    world.launches.is_gone(verdict)
    world.launches.new_examples(verdict)
    world.jobs.open_jobs()
    world.jobs.known_events(1)
    world.models.list_unproved()
    read_conversations(world.models.db, 1, "test")
    world.promotions.list_newest_good()
    world.promotions.list_serving()
    world.promotions.list_served(FACE)
    world.history.read_mainline()
    world.history.latest(FACE)
    world.history.next_number(FACE)
    world.history.build_of(FACE, "none")
    Requests(database).claim(["launch", "fetch"])
    Notices(database).list_waiting()
    Changes(database).claim()
    notify_editors(database)
    # The page of examples, at each view.
    ExampleEntries(database).find(FACE, ExampleFilter(), 50)
    FileIndex(database).find_newest_commit()
    FileIndex(database).read_trees()
    (job,) = world.launch()
    world.finish(job)
    world.prove()
    world.promote()
    database._handle.query_hooks.clear()
    looks = {sql: values for sql, values in queries if sql.startswith(("SELECT", "UPDATE"))}
    assert len(looks) > 25
    assert {sql: find_full_scans(database, sql, values) for sql, values in looks.items()} == {
        sql: set() for sql in looks
    }
