"""Each process is stopped in turn: the others continue, and pending work is done afterwards."""

import pytest

from tests.e2e.separate_processes import (
    make_question,
    wait_for_answer,
    wait_for_engine,
    wait_for_serving,
)
from tests.support.forked_processes import run_processes

pytestmark = pytest.mark.integration


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
