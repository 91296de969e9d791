"""The supervisor: starts Merlin from any folder, survives a wrong token, reports damage."""

import ctypes
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import yaml

from merlin import __version__, supervisor
from merlin.app.inbox import Dialog, Dialogs
from merlin.cli import main
from merlin.cli.health import health_error
from merlin.core.clock import Backoff, iso, utc_now
from merlin.core.server import free_ports
from merlin.db.connections import restore_mark
from merlin.db.database import open_database
from merlin.db.encryption import format_keys, key_path, new_key
from merlin.db.processes import Heartbeats
from merlin.db.tables import MIGRATION
from merlin.sandbox.telegram.world import TOKEN
from merlin.supervisor import Child, Supervisor
from tests.support.forked_processes import start, wait_for_exit
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import Deadline, longest, wait_until

pytestmark = pytest.mark.integration

ANNA = 1001


@pytest.fixture
def restore_signals():
    handlers = {
        number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)
    }
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("restore_signals")
def test_folder_named_merlin_does_not_shadow_the_package(tmp_path, monkeypatch):
    (tmp_path / "merlin").mkdir()
    monkeypatch.chdir(tmp_path)
    log = tmp_path / "said"
    deadline = Deadline(60)
    with log.open("wb") as out:
        Supervisor([Child("version", ["--version"])], out).run(
            lambda: not log.stat().st_size and not deadline.is_over()
        )
    assert log.read_text().splitlines()[0] == __version__


@pytest.fixture
def lab(tmp_path):
    with TelegramStandIn() as telegram:
        yield Lab.with_dataset(
            tmp_path,
            "http://127.0.0.1:9/v1",
            api={"listen": f"127.0.0.1:{free_ports(1)[0]}"},
            telegram={"base_url": telegram.page_url.rstrip("/")},
        )


def test_wrong_bot_token_stops_neither_daemon_nor_api(lab, tmp_path):
    log = tmp_path / "said"
    token = {"TELEGRAM_BOT_TOKEN": "4242:AAE-a-token-that-telegram-does-not-know"}
    command = [sys.executable, "-P", "-m", "merlin", "run", "--config", str(lab.path)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **token}, stdout=out, stderr=out
        )
    try:
        wait_until(
            lambda: "cannot run as it is set up" in log.read_text(),
            describe=log.read_text,
        )
        for name in ("daemon", "api"):
            wait_until(
                lambda name=name: health_error(lab.config, name) is None,
                describe=log.read_text,
            )
            wait_until(
                lambda name=name: main(["health", name, "--config", str(lab.path)]) == 0
            )
        assert "TELEGRAM_BOT_TOKEN" in log.read_text()
        assert process.poll() is None
    finally:
        process.terminate()
        assert process.wait(longest(60)) == 0


@pytest.mark.usefixtures("restore_signals")
def test_supervisor_exits_with_2_when_no_child_can_run(tmp_path):
    wrong = ["config", "check", "--config", str(tmp_path / "nowhere.yaml")]
    assert Supervisor([Child("a", wrong), Child("b", wrong)]).run() == 2


@pytest.mark.usefixtures("restore_signals")
def test_child_that_does_not_stop_in_time_is_killed(lab, tmp_path):
    with (tmp_path / "said").open("wb") as out:
        child = Child("api", ["api", "--config", str(lab.path)])
        parent = Supervisor([child], out, stop_s=0.0)

        def suspend():
            os.kill(child.process.pid, signal.SIGSTOP)
            # Before it has stopped, it is ended by SIGTERM.
            is_stopped = os.WSTOPPED | os.WNOHANG
            wait_until(lambda: os.waitid(os.P_PID, child.process.pid, is_stopped))
            return False

        assert parent.run(suspend) == 0
    assert child.process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("restore_signals")
def test_child_that_ran_long_is_restarted_after_the_shortest_pause(tmp_path):
    with (tmp_path / "said").open("wb") as out:
        child = Child("fails", ["rules", "no-such-rule"], backoff=Backoff(0.01, 1.0))
        parent = Supervisor([child], out, stable_after_s=0.0)
        assert parent.run(lambda: child.restarts < 2) == 0
    assert child.backoff.begin() == 0.02, "as after a first failure"


@pytest.mark.usefixtures("restore_signals")
def test_supervisor_at_rest_waits_and_hears_of_a_child_that_ends(tmp_path):
    """It woke ten times a second."""
    asked = []
    sleeping = Child("sleeps", ["--version"])

    def look():
        asked.append(time.monotonic())
        return sleeping.restarts < 1

    began = time.monotonic()
    with (tmp_path / "said").open("wb") as out:
        Supervisor([sleeping], out).run(look)
    passed = time.monotonic() - began
    assert len(asked) <= 3 + passed / supervisor.POLL_S
    assert sleeping.restarts == 1


def test_kernel_is_asked_to_kill_a_child_with_its_parent():
    system = ctypes.CDLL(None)
    death_signal = ctypes.c_int()
    supervisor.die_with_parent()
    try:
        assert system.prctl(2, ctypes.byref(death_signal)) == 0  # PR_GET_PDEATHSIG
    finally:
        system.prctl(1, 0)
    assert death_signal.value == signal.SIGKILL


@pytest.mark.parametrize("verb", ["daemon", "bot", "api"])
def test_damaged_database_starts_nothing_and_is_reported(lab, tmp_path, verb):
    lab.tick("fetch")
    path = lab.config.state_dir / "merlin.db"
    with closing(sqlite3.connect(path)) as database:
        page = database.execute("PRAGMA page_size").fetchone()[0]
        unused = "SELECT rootpage FROM sqlite_schema WHERE name = 'favourite'"
        number = database.execute(unused).fetchone()[0]
    with path.open("r+b") as file:  # this table is not read at start
        file.seek((number - 1) * page)
        file.write(b"\x5a" * page)
    log = tmp_path / "said"
    token = {"TELEGRAM_BOT_TOKEN": "4242:AAE-a-token-that-is-not-asked-for"}
    process = start(verb, lab.path, log, **token)
    code = wait_for_exit(process)
    process.kill()
    assert code == 2, log.read_text()
    assert f"merlin: The database {path} is damaged" in log.read_text()
    assert "Traceback" not in log.read_text()


def add_step_of_a_newer_version(config):
    with open_database(config.database) as database:
        database.put(
            MIGRATION.insert({"name": "m999_later", "applied_at": iso(utc_now())})
        )


def replace_key_of_texts(config):
    with open_with_key(config) as database:
        Dialogs(database, 1).put(ANNA, ANNA, Dialog("system"))
    key_path(config.state_dir).write_bytes(format_keys([new_key()]))


def interrupt_restore(config):
    restore_mark(config.state_dir).touch()


@pytest.mark.parametrize(
    "harm", [add_step_of_a_newer_version, replace_key_of_texts, interrupt_restore]
)
def test_what_no_restart_mends_exits_with_2(lab, tmp_path, harm):
    lab.tick("fetch")
    harm(lab.config)
    log = tmp_path / "said"
    process = start("daemon", lab.path, log)
    assert wait_for_exit(process) == 2, log.read_text()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("verb", ["daemon", "bot", "api"])
def test_process_waits_at_its_start_for_the_database(lab, tmp_path, postgresql, verb):
    url = postgresql.reset()
    log = tmp_path / "said"
    settings = yaml.safe_load(lab.path.read_text("utf-8"))
    lab.path.write_text(yaml.safe_dump({**settings, "database": url}), "utf-8")

    def start_without_database():
        log.write_text("")
        process = start(verb, lab.path, log, TELEGRAM_BOT_TOKEN=TOKEN)
        wait_until(
            lambda: "the database is away" in log.read_text(), describe=log.read_text
        )
        return process

    with postgresql.stopped():
        stopped = start_without_database()
        stopped.terminate()
        assert wait_for_exit(stopped) == -signal.SIGTERM
        process = start_without_database()
    try:
        with open_database(url) as database:
            wait_until(
                lambda: (
                    verb in [beat.process for beat in Heartbeats(database).list_all()]
                ),
                describe=log.read_text,
            )
            sessions = "SELECT application_name FROM pg_stat_activity"
            wait_until(
                lambda: (f"merlin-{verb}",) in database.sql(sessions),
                describe=log.read_text,
            )
    finally:
        process.terminate()
        assert wait_for_exit(process) == 0, log.read_text()
