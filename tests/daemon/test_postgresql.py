"""The daemon on a real PostgreSQL: from a commit to a live model, killed on the way."""

import psycopg
import pytest

from tests.support.ending import end
from tests.support.forked_processes import start
from tests.support.pipeline_lab import Lab
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def lab(tmp_path, provider, postgresql):
    return Lab.with_dataset(tmp_path, provider.base_url, database=postgresql.reset())


def test_waiting_daemon_finishes_a_killed_daemons_work_without_a_second_launch(
    lab, provider
):
    log = lab.folder / "log"
    killed = start("daemon", lab.path, log)
    wait_until(provider.jobs_created, describe=lambda: log.read_text()[-3000:])
    follower = start("daemon", lab.path, log)
    try:
        wait_until(lambda: "another daemon leads" in log.read_text())
        killed.kill()
        wait_until(
            lambda: lab.is_serving("trial-1"), describe=lambda: log.read_text()[-3000:]
        )
        assert len(provider.jobs_created()) == 1
        lab.repository.commit_example("trial", 50)
        wait_until(
            lambda: lab.is_serving("trial-2"), describe=lambda: log.read_text()[-3000:]
        )
    finally:
        end(follower)
    assert follower.exitcode == 0
    assert len(provider.jobs_created()) == 2
    assert lab.status()["verdict"] == "serving"


def test_daemon_that_gets_no_second_connection_says_so_and_waits_for_one(
    lab, provider, postgresql, tmp_path
):
    url = postgresql.create()
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE limited LOGIN CONNECTION LIMIT 1")
        connection.execute(f"ALTER DATABASE {name} OWNER TO limited")
        own = url.replace("postgres@", "limited@")
        limited = Lab.with_dataset(
            tmp_path / "limited", provider.base_url, database=own
        )
        log = limited.folder / "log"
        daemon = start("daemon", limited.path, log)
        try:
            wait_until(lambda: "too many connections" in log.read_text())
            assert "another daemon leads" not in log.read_text()
            connection.execute("ALTER ROLE limited CONNECTION LIMIT -1")
            wait_until(
                lambda: limited.is_serving("trial-1"),
                describe=lambda: log.read_text()[-3000:],
            )
        finally:
            end(daemon)
    postgresql.drop(url)
