"""What probes and metrics read: processes, queues, jobs, budget, backups."""

from dataclasses import replace
from datetime import timedelta

import pytest

from merlin.app.health import (
    BudgetView,
    engine_address,
    is_daemon_alive,
    list_processes,
    list_queues,
    read_snapshot,
)
from merlin.core.heartbeat import Heartbeat
from merlin.db.backup import note_backup
from merlin.db.notices import ADMINS, Notices
from merlin.db.processes import Heartbeats
from merlin.db.requests import RequestKind, Requests
from tests.db.pipeline_rows import make_examples
from tests.support.config import make_config

pytestmark = pytest.mark.integration

ENGINE = {"name": "engine", "base_url": "http://engine:8766/v1"}
OTHER = {"name": "other", "base_url": "http://127.0.0.1:1/v1"}


@pytest.fixture
def ctx(ctx, tmp_path):
    config = make_config(state_dir=tmp_path, providers=[OTHER], budget={"per_month": 5})
    return replace(ctx, config=config)


def beat(ctx, process, age_s):
    at = ctx.clock() - timedelta(seconds=age_s)
    Heartbeats(ctx.db).beat(Heartbeat(process, "one", 2**22 - 1, at, at))


def test_queues_are_shown_with_their_oldest_entry(database, clock):
    assert [(each.waiting, each.oldest) for each in list_queues(database)] == [
        (0, None)
    ] * 4
    first = clock()
    Requests(database, clock).ask(RequestKind.FETCH, {}, "cli:vera")
    clock.move(60)
    Requests(database, clock).ask(RequestKind.CENSUS, {}, "cli:vera")
    notices = Notices(database, clock)
    notices.notify(ADMINS, "notice-role", {})
    (handed_over,) = notices.list_newest(ADMINS, 1)
    notices.mark_handed_over(handed_over.notice_id)
    queues = {each.name: (each.waiting, each.oldest) for each in list_queues(database)}
    assert queues == {
        "requests": (2, first),
        "notices": (0, None),
        "updates": (0, None),
        "letters": (0, None),
    }


def test_snapshot_counts_jobs_of_every_state_and_what_they_may_cost(ctx, world):
    job = world.start(1, make_examples())
    spent = read_snapshot(replace(ctx, clock=world.clock))
    assert (spent.jobs["succeeded"], sum(spent.jobs.values())) == (0, 1)
    assert spent.budget == [BudgetView("other", 0, 5_000_000, "USD")]
    assert 0 < spent.disk_free <= spent.disk_size
    world.finish(job)
    assert read_snapshot(ctx).jobs["succeeded"] == 1
    assert read_snapshot(ctx).serving == []
    world.prove_and_promote()
    (serving,) = read_snapshot(ctx).serving
    assert serving.model.model_id == "ft:neurotypology:1"


def test_time_of_the_last_backup_is_known_where_merlin_makes_them(ctx, clock, tmp_path):
    assert read_snapshot(ctx).last_backup_s == 0
    note_backup(tmp_path, clock())
    assert read_snapshot(ctx).last_backup_s == clock().timestamp()
    record = tmp_path / "run/backup"
    record.unlink()
    record.mkdir()
    assert read_snapshot(ctx).last_backup_s is None
    record.rmdir()
    note_backup(tmp_path, clock())
    elsewhere = ctx.config.model_copy(update={"backups": "elsewhere"})
    assert read_snapshot(replace(ctx, config=elsewhere)).last_backup_s is None


def test_daemon_is_alive_while_it_reports(ctx):
    assert not is_daemon_alive(ctx)
    beat(ctx, "bot", 1)
    assert not is_daemon_alive(ctx)
    beat(ctx, "daemon", 11)
    assert not is_daemon_alive(ctx)
    assert [each.process for each in read_snapshot(ctx).heartbeats]
    beat(ctx, "daemon", 1)
    assert is_daemon_alive(ctx)
    assert {each.process for each in list_processes(ctx)} == {"bot", "daemon"}


def test_address_of_the_engine_is_that_of_its_provider(ctx):
    assert engine_address(ctx.config) is None
    config = make_config(providers=[OTHER, ENGINE])
    assert engine_address(config).netloc == "engine:8766"
