"""Each process is stopped in turn: the others continue, and pending work is done afterwards."""

import pytest

from merlin.core.clock import utc_now
from merlin.db.processes import Heartbeats
from merlin.wiring.context import open_read_only
from tests.e2e.separate_processes import (
    make_question,
    wait_for_answer,
    wait_for_engine,
    wait_for_serving,
)
from tests.support.forked_processes import run_processes, wait_for_exit
from tests.support.pipeline_lab import run_command
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def test_command_that_needs_merlin_stopped_runs_as_soon_as_it_was_told_to_end(lab):
    """The heartbeats of processes that had ended refused it for ten seconds."""
    names = {"daemon", "bot", "api"}
    with run_processes(lab.path, *names) as processes:
        wait_until(lambda: {beat.process for beat in list_live(lab)} >= names)
        code, _, error = run_command("key", "rotate", "--config", str(lab.path))
        assert (code, "running: api, bot, daemon." in error) == (1, True), error
        for process in processes:
            process.terminate()
        # One that is busy may send a beat yet: test_key.py has the wait for its end.
        assert [wait_for_exit(process) for process in processes] == [0, 0, 0]
        code, _, error = run_command("key", "rotate", "--config", str(lab.path))
        assert code == 0, error
    assert list_live(lab) == []


def list_live(lab):
    with open_read_only(lab.config) as database:
        beats = Heartbeats(database).list_all()
    return [beat for beat in beats if beat.is_alive(utc_now())]


def test_each_process_continues_without_the_others(lab, telegram):
    with run_processes(lab.path, "engine"):
        with run_processes(lab.path, "daemon", "bot"):
            wait_for_serving(lab, "trial-1")
            telegram.say("anna", make_question(3))
            wait_for_answer(telegram, "ответ 21")
        with run_processes(lab.path, "bot"):  # no daemon: the bot answers
            telegram.say("anna", make_question(5))
            wait_for_answer(telegram, "ответ 35")
        with run_processes(
            lab.path, "daemon"
        ):  # no bot: the daemon trains; a question waits
            telegram.say("anna", make_question(77))
            lab.repository.commit_example("trial", 77)
            wait_for_serving(lab, "trial-2")
        with run_processes(lab.path, "bot"):
            wait_for_answer(telegram, "ответ 539")
    with run_processes(lab.path, "bot"):  # no engine: an error, then an answer again
        telegram.say("anna", make_question(3))
        wait_for_answer(telegram, "не отвечает")
        with run_processes(lab.path, "engine"):
            wait_for_engine(lab)
            telegram.say("anna", make_question(6))
            wait_for_answer(telegram, "ответ 42")
