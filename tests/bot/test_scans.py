"""The bot reads no table that grows as a whole: not for a question, nor while it waits."""

from dataclasses import replace

import pytest

from merlin.db.database import open_database
from merlin.db.notices import ADMINS, Notices
from tests.bot.running_bot import VERA, RunningBot, answer_texts
from tests.support.long_history import add_history
from tests.support.migrated_databases import only_sqlite

pytestmark = [pytest.mark.integration, only_sqlite]


def test_no_question_and_no_loop_of_the_bot_scans_a_table_that_grows(
    recorded, telegram, settings
):
    pace = replace(settings.pace, expire_s=0.05)
    with RunningBot(replace(settings, pace=pace, admins=(VERA,))):
        telegram.say("anna", "Что такое рот?")
        telegram.wait_for(
            lambda: "«Что такое рот?»" in "".join(answer_texts(telegram, "anna"))
        )
        with open_database(settings.database) as database:
            add_history(database)
        recorded.forget()
        telegram.say("anna", "Что такое лоб?")
        telegram.wait_for(
            lambda: "«Что такое лоб?»" in "".join(answer_texts(telegram, "anna"))
        )
        with open_database(settings.database) as database:
            Notices(database).notify(ADMINS, "notice-answer-spent", {"provider": "p"})
        telegram.wait_for(lambda: answer_texts(telegram, "vera"))
        telegram.wait_for(
            lambda: any('finished_at" <' in sql for sql, _ in recorded.statements)
        )
    assert len(set(recorded.statements)) > 40
    assert (recorded.find_scans(), recorded.find_long()) == ({}, {})
