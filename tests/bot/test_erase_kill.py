"""A bot killed while it erases a user's data, and restarted: no data stays."""

import re

import pytest

from merlin.db.database import open_database
from tests.bot.running_bot import RunningBot, count_updates_by_state
from tests.support.forked_processes import start_bot, wait_for_exit
from tests.support.kill_points import POINTS
from tests.support.migrated_databases import table_names

pytestmark = pytest.mark.integration

OURS = [point for point in POINTS if point.startswith("erase.")]
ALONE = re.compile(r"(?<!\d)1001(?!\d)")


def has_traces(settings):
    """Return whether anna's id is in any column of the database."""
    with open_database(settings.database, read_only=True) as database:
        columns = [
            row
            for name in table_names(database)
            for row in database.sql(f"SELECT * FROM {name}")  # noqa: S608 - our own names
        ]
    return any(ALONE.search(str(value)) for row in columns for value in row)


@pytest.mark.parametrize("point", OURS)
def test_erasure_is_complete_after_a_kill_at(telegram, settings, tmp_path, point):
    def done(count):
        telegram.wait_for(
            lambda: sum(count_updates_by_state(settings).values()) >= count
        )
        telegram.wait_for(lambda: "waiting" not in count_updates_by_state(settings))

    with RunningBot(settings):
        telegram.say("anna", "Что такое лоб?")
        done(1)
        telegram.say("anna", "/delete_me")
        done(2)
        confirmation = telegram.answers("anna")[-1]
        telegram.press("anna", "forget:1")
        done(3)
    telegram.press("anna", "forget:2")
    log = tmp_path / "log"
    child = start_bot(settings, log, MERLIN_CRASH_AT=point)
    assert wait_for_exit(child) == 137, log.read_text()
    assert has_traces(settings)
    with RunningBot(settings):
        # The dead bot's polling lease lasts for some seconds.
        telegram.wait_for(lambda: not telegram.pending(), 60)
        telegram.wait_for(lambda: not has_traces(settings))
    (after,) = [
        message
        for message in telegram.answers("anna")
        if message.message_id == confirmation.message_id
    ]
    assert "Всё удалено" in after.text
