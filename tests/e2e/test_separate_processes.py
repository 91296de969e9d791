"""Each process is stopped in turn: what goes on without it, and what catches up after it."""

from __future__ import annotations

import pytest

from tests.e2e.separate_processes import engine_is_up, question, serves, wait_for_answer
from tests.support.forked_processes import run_processes

pytestmark = pytest.mark.integration


def test_each_process_goes_on_without_the_others(lab, telegram):
    with run_processes(lab.path, "engine"):
        with run_processes(lab.path, "daemon", "bot"):
            serves(lab, "trial-1")
            telegram.say("anna", question(3))
            wait_for_answer(telegram, "ответ 21")
        with run_processes(lab.path, "bot"):  # no daemon: the bot answers
            telegram.say("anna", question(5))
            wait_for_answer(telegram, "ответ 35")
        with run_processes(lab.path, "daemon"):  # no bot: the daemon trains; a question waits
            telegram.say("anna", question(77))
            lab.repository.example("trial", 77)
            lab.repository.commit()
            serves(lab, "trial-2")
        with run_processes(lab.path, "bot"):
            wait_for_answer(telegram, "ответ 539")
    with run_processes(lab.path, "bot"):  # no engine: honest words, then an answer again
        telegram.say("anna", question(3))
        wait_for_answer(telegram, "не отвечает")
        with run_processes(lab.path, "engine"):
            engine_is_up(lab)
            telegram.say("anna", question(6))
            wait_for_answer(telegram, "ответ 42")
