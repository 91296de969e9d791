"""Hostile documents sent to a running bot, one a person, and what must not come of them."""

from __future__ import annotations

from merlin.chat.prompt import document_texts, text_outside_documents
from merlin.db.database import open_database
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.running_bot import RunningBot, rows, states, texts
from tests.support.migrated_databases import table_names

FIRST = 4000
CAPTION = "What is this about?"
# What a question may change, beside its session; all else stays as it is.
_OWN = {
    "updates",
    "chat_lease",
    "outgoing",
    "turn",
    "quota_use",
    "users",
    "heartbeat",
    "key_holder",
    "wake",
}
_COUNTED = {"chat_session", "model_window"}
_CHOICES = "dataset, provider, model_id, preset, system, summary, thread_id, is_open"


def all_that_stays(settings):
    """Return every row of every table that no question may change."""
    with open_database(settings.database, read_only=True) as database:
        kept = set(table_names(database)) - _OWN - _COUNTED
        return {name: database.sql(f"SELECT * FROM {name}") for name in kept}  # noqa: S608 - own names


def check_hostile(telegram, provider, settings, those):
    """Send each document by a person of its own; nothing may change, no secret may be shown."""
    people = range(FIRST, FIRST + len(those))
    with RunningBot(settings):
        telegram.wait_for(lambda: rows(settings, "SELECT COUNT(*) FROM heartbeat") == [(1,)])
        # Its number and its name, which it leaves at its start.
        telegram.wait_for(lambda: rows(settings, "SELECT COUNT(*) FROM setting") == [(2,)])
        before = all_that_stays(settings)
        for person, one in zip(people, those, strict=True):
            upload = Upload(one.name, one.mime, one.content)
            telegram.send_file(person, upload, caption=CAPTION)
        telegram.wait_for(lambda: states(settings) == {"answered": len(those)}, 30 + len(those))
        assert all_that_stays(settings) == before
    chosen = rows(settings, f"SELECT DISTINCT {_CHOICES} FROM chat_session")  # noqa: S608 - own names
    assert chosen == [(None, None, None, "", "", "", 0, 1)]
    said = [texts(telegram, person) for person in people]
    assert all(len(each) == 1 for each in said)
    shown = "\n".join(text for each in said for text in each)
    assert not [secret for secret in _secrets(settings, telegram) if secret in shown]
    _check_asked(provider, len(those))


def _check_asked(provider, count):
    calls = provider.calls("chat.create")
    assert len(calls) == count
    for call in calls:
        (message,) = call.body["messages"]
        assert message["role"] == "user"
        assert text_outside_documents(message["content"]).strip() == CAPTION
        assert len(document_texts(message["content"])) == 1


def _secrets(settings, telegram):
    key = (settings.state_dir / "text.key").read_text().strip()
    return [telegram.token, telegram.token.partition(":")[2], settings.providers[0].key, key]
