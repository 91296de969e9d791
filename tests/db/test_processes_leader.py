"""Leader election: one of many processes leads, and a dead leader is replaced."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from merlin.core.errors import LeadTaken
from merlin.core.i18n import text
from merlin.db.driver_errors import DatabaseAway
from merlin.db.processes import Lead
from tests.support.ending import kill

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
CHILD = """
import pathlib, sys
from merlin.db.processes import Lead
lead = Lead(pathlib.Path(sys.argv[1]), sys.argv[2])
print("leads" if lead.take() else "waits", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(tmp_path, url):
    """Return a function that starts a process which takes the lead and then waits."""
    children = []

    def run(state=tmp_path):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, state, url],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        children.append(child)
        return child

    yield run
    for child in children:
        kill(child)


def test_one_of_ten_concurrent_processes_leads(tmp_path, url):
    leads = [Lead(tmp_path, url) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(Lead.take, leads)) == [False] * 9 + [True]
    for lead in leads:
        lead.release()


def test_process_keeps_its_lead_and_takes_a_free_one(tmp_path, url):
    lead = Lead(tmp_path, url)
    other = Lead(tmp_path, url)
    assert lead.holder() == ""
    assert [lead.keep(), lead.keep(), other.keep()] == [True, True, False]
    lead.release()
    assert other.keep()
    other.release()


def test_lead_of_a_killed_process_is_free(start, tmp_path, url, until):
    child = start()
    assert child.stdout.readline() == "leads\n"
    lead = Lead(tmp_path, url)
    assert not lead.take()
    assert lead.holder() == f"{child.pid}@{socket.gethostname()}"
    kill(child)
    until(lead.take)
    assert lead.is_held()
    lead.release()


def test_released_lead_can_be_taken_by_another(tmp_path, url):
    first = Lead(tmp_path, url)
    second = Lead(tmp_path, url)
    with first:
        assert first.take()
        with pytest.raises(LeadTaken), second:
            pass
    assert not first.is_held()
    with second:
        assert second.is_held()


def test_each_name_has_its_own_lead(tmp_path, url):
    daemon, bot, other = (
        Lead(tmp_path, url, name) for name in ("daemon", "bot-1", "bot-1")
    )
    with daemon, bot:
        assert not other.take()
        assert other.holder() == bot.holder() == daemon.holder()
    assert other.take()
    other.release()


@pytest.fixture
def machines(tmp_path, postgresql):
    """Return the leads of two machines on a shared server."""
    url = postgresql.reset()
    return [Lead(tmp_path / name, url) for name in ("one", "two")]


def test_only_one_machine_leads_on_a_shared_server(machines):
    first, second = machines
    with first:
        assert not second.take()
        assert not second.is_held()
    assert second.take()
    second.release()


def test_lead_is_kept_after_a_broken_session_unless_another_took_it(machines, until):
    first, second = machines
    with first:
        first._session.close()
        until(first.keep)
        first._session.close()
        until(second.take)
        assert not first.keep()
        second.release()


def test_server_ends_the_session_of_a_machine_that_is_down(tmp_path, postgresql):
    with Lead(tmp_path, postgresql.reset()) as lead:
        shown = lead._session.execute("SHOW tcp_keepalives_idle").fetchone()
    assert shown == ("5",)


def test_lead_of_another_machine_is_not_described_by_an_own_process(
    machines,
):
    lead, other = machines
    with other, pytest.raises(LeadTaken) as raised:
        lead.check()
    assert "on another machine" in text(
        "en", raised.value.key, **raised.value.arguments
    )


def test_unreachable_server_gives_no_lead(tmp_path, postgresql):
    url = postgresql.reset()
    with pytest.raises(DatabaseAway):
        Lead(tmp_path, f"{url}_that_is_not_there").take()
    with Lead(tmp_path, url) as lead:
        assert lead.is_held()
