"""Hostile documents sent to a running bot, each by its own user, and what they must not change."""

from merlin.chat.prompt import document_texts, text_outside_documents
from merlin.db.database import open_database
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.running_bot import (
    RunningBot,
    answer_texts,
    count_updates_by_state,
    select_rows,
)
from tests.support.migrated_databases import table_names

FIRST = 4000
CAPTION = "What is this about?"
# Tables that a question may change; all others must stay the same.
_CHANGED_BY_QUESTIONS = {
    "telegram_update",
    "chat_lease",
    "outgoing",
    "turn",
    "quota_use",
    "person",
    "heartbeat",
    "change_counter",
}
_WITH_COUNTERS = {"chat_session", "model_window"}
_SESSION_CHOICES = "dataset, provider, model_id, preset, system, thread_id, is_open"


def read_unchanging_rows(settings):
    """Return all rows of the tables that no question may change."""
    with open_database(settings.database, read_only=True) as database:
        names = set(table_names(database)) - _CHANGED_BY_QUESTIONS - _WITH_COUNTERS
        return {name: database.sql(f"SELECT * FROM {name}") for name in names}  # noqa: S608 - own names


def check_hostile_documents(telegram, provider, settings, documents):
    """Send each document by its own user; nothing may change, no secret may be shown."""
    people = range(FIRST, FIRST + len(documents))
    with RunningBot(settings):
        telegram.wait_for(
            lambda: select_rows(settings, "SELECT COUNT(*) FROM heartbeat") == [(1,)]
        )
        # The bot's id and name, which it stores at its start.
        telegram.wait_for(
            lambda: select_rows(settings, "SELECT COUNT(*) FROM setting") == [(2,)]
        )
        before = read_unchanging_rows(settings)
        for person, document in zip(people, documents, strict=True):
            upload = Upload(document.name, document.mime, document.content)
            telegram.send_file(person, upload, caption=CAPTION)
        telegram.wait_for(
            lambda: count_updates_by_state(settings) == {"answered": len(documents)},
            30 + len(documents),
        )
        assert read_unchanging_rows(settings) == before
    chosen = select_rows(
        settings,
        f"SELECT DISTINCT {_SESSION_CHOICES} FROM chat_session",  # noqa: S608 - own names
    )
    assert chosen == [(None, None, None, "", "", 0, 1)]
    answers = [answer_texts(telegram, person) for person in people]
    assert all(len(texts) == 1 for texts in answers)
    shown = "\n".join(text for texts in answers for text in texts)
    assert not [secret for secret in _secrets(settings, telegram) if secret in shown]
    calls = provider.calls("chat.create")
    assert len(calls) == len(documents)
    for call in calls:
        (message,) = call.body["messages"]
        assert message["role"] == "user"
        assert text_outside_documents(message["content"]).strip() == CAPTION
        assert len(document_texts(message["content"])) == 1


def _secrets(settings, telegram):
    key = (settings.state_dir / "text.key").read_text().strip()
    return [
        telegram.token,
        telegram.token.partition(":")[2],
        settings.providers[0].key,
        key,
    ]
