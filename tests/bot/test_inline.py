"""Inline mode: results of `@bot query`, who gets them, and without a model."""

import hashlib
import json

import pytest

from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.tables import COMMIT, EXAMPLE_TEXT, TAUGHT_EXAMPLE
from merlin.sandbox.telegram.world import BOT_NAME
from tests.bot.admin_chat import example_yaml
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import RunningBot, count_updates_by_state, select_rows

pytestmark = pytest.mark.functional

TAUGHT = {
    "chin": ("Что такое подбородок?", "Подбородок — **низ** лица."),
    "whales": ("Где живут киты?", "В океане."),
}


def write_examples(settings, examples):
    """Write the files of these examples, as the newest commit has them."""
    texts = {name: example_yaml(*pair) for name, pair in examples.items()}
    blobs = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    with open_database(settings.database) as database:
        index = FileIndex(database)
        index.add({blobs[name]: text for name, text in texts.items()})
        paths = {f"examples/{name}.yaml": blob for name, blob in blobs.items()}
        index.keep("neurotypology", str(blobs), paths)


def add_examples(settings):
    """Add examples to the live model's build."""
    named = ("parent", "author_name", "author_email", "committed_at", "subject", "message")
    commit = {"sha": "c", "position": 1, "seen_at": "", **dict.fromkeys(named, "")}
    taught = {"dataset": "neurotypology", "commit_sha": "c", "author": "a", "split": "train"}
    taught |= {"first_build": 1, "end_build": 2, "blob": "b", "tokens": 1}
    with open_database(settings.database) as database, database.atomic():
        database.put(COMMIT.insert(commit))
        for name, (question, answer) in TAUGHT.items():
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
            text = {"digest": name, "messages": json.dumps(messages), "words": ""}
            database.put(EXAMPLE_TEXT.insert(text))
            database.put(TAUGHT_EXAMPLE.insert(taught | {"example_id": name, "text_digest": name}))
    write_examples(settings, TAUGHT)


@pytest.fixture
def bot(settings):
    add_examples(settings)
    with RunningBot(settings):
        yield settings


def query_inline(telegram, settings, query, user="anna@study"):
    """Type `@bot query`; return the bot's results."""
    before = len(telegram.calls("answerInlineQuery"))
    telegram.ask_inline(user, query)
    telegram.wait_for(lambda: len(telegram.calls("answerInlineQuery")) > before)
    telegram.wait_for(lambda: "waiting" not in count_updates_by_state(settings))
    return telegram.inline_results(user.partition("@")[0], query)


def titles(results):
    return [result["title"] for result in results]


def test_inline_search_finds_own_answers_and_trained_examples_without_a_model(
    telegram, bot, provider
):
    ChatUser(telegram, bot).say("Что такое лоб и зачем он?")
    calls = len(provider.calls("chat.create"))
    found_titles = query_inline(telegram, bot, "зачем лоб")
    assert titles(found_titles) == ["Спросить Merlin", "Что такое лоб и зачем он?"]
    taught = query_inline(telegram, bot, "что такое подбородок")
    assert titles(taught) == ["Спросить Merlin", "Что такое подбородок?"]
    assert telegram.calls("answerInlineQuery")[-1].body["is_personal"] == "true"
    assert len(provider.calls("chat.create")) == calls


def test_inline_search_finds_any_form_of_a_word_and_the_beginning_of_the_last(telegram, bot):
    for query in ("подбород", "такие подбородки", "лица подб", "в океанах кит"):
        assert len(query_inline(telegram, bot, query)) == 2, query
    for query in ("подб лица", "борода", "где живут слоны"):
        assert len(query_inline(telegram, bot, query)) == 1, query


def test_inline_search_shows_examples_as_the_live_model_was_trained_with_them(telegram, bot):
    changed = {"chin": ("Что такое подбородок?", "Спросите у преподавателя.")}
    new = {"nose": ("Что такое подбородок и нос?", "Части лица.")}
    write_examples(bot, changed | new)
    _, chin = query_inline(telegram, bot, "подбородок")
    assert chin["description"] == TAUGHT["chin"][1]


def test_inline_search_hides_answers_of_other_users(telegram, bot):
    ChatUser(telegram, bot).say("Что такое тайна Анны?")
    assert titles(query_inline(telegram, bot, "тайна Анны", "boris")) == ["Спросить Merlin"]


def test_chosen_inline_answer_is_sent_without_a_model_call(telegram, bot, provider):
    query_inline(telegram, bot, "подбородок")
    telegram.choose("anna@study", "подбородок", "taught:0")
    telegram.wait_for(lambda: count_updates_by_state(bot).get("refused") == 1)
    message = telegram.log("study")[-1]
    assert message.text == "Что такое подбородок?\n\nПодбородок — низ лица."
    assert [entity["type"] for entity in message.entities] == ["bold", "bold"]
    assert telegram.answers("study") == []
    query_inline(telegram, bot, "подбородки", "anna")
    telegram.choose("anna", "подбородки", "taught:0")
    telegram.wait_for(lambda: count_updates_by_state(bot).get("refused") == 2)
    assert provider.calls("chat.create") == []


def test_inline_question_button_asks_it_in_the_private_chat(telegram, bot, provider):
    query_inline(telegram, bot, "что такое скулы?")
    telegram.choose("anna@study", "что такое скулы?", "ask")
    message = telegram.log("study")[-1]
    (key,) = [key for row in message.keys for key in row]
    address, _, payload = key["url"].partition("?start=")
    assert address == f"https://t.me/{BOT_NAME}"
    assert len(payload) <= 64
    telegram.wait_for(lambda: count_updates_by_state(bot).get("refused") == 1)
    reply = ChatUser(telegram, bot, "boris").start(payload)
    assert "[Вопрос: что такое скулы?]" in reply.text
    messages = provider.calls("chat.create")[-1].body["messages"]
    assert messages[-1]["content"] == "что такое скулы?"


def test_invalid_inline_link_asks_nothing(telegram, bot, provider):
    talk = ChatUser(telegram, bot)
    for payload in ("ask_", "ask_AAAAAAAAAAAAAAAA", "ask_1"):
        talk.start(payload)
    assert "больше не хранится" in talk.last.text
    assert provider.calls("chat.create") == []


def test_empty_inline_query_gets_a_hint(telegram, bot):
    assert query_inline(telegram, bot, "") == ()
    (call,) = telegram.calls("answerInlineQuery")
    assert "вопрос" in json.loads(call.body["button"])["text"]
    assert select_rows(bot, "SELECT COUNT(*) FROM inline_question") == [(0,)]


def test_blocked_user_gets_no_inline_results(telegram, bot):
    ChatUser(telegram, bot).say("Что такое лоб?")
    with open_database(bot.database) as database, database.atomic():
        database.sql("UPDATE users SET is_blocked = 1")
    assert query_inline(telegram, bot, "лоб") == ()


def test_hostile_inline_queries_find_nothing_and_do_not_fail(telegram, bot):
    for query in ("%", "' OR 1=1 --", "😀" * 120, "_", "?", "\u0000ю"):
        assert titles(query_inline(telegram, bot, query)) == ["Спросить Merlin"]


def test_only_the_newest_inline_questions_are_stored_encrypted(telegram, bot):
    for number in range(45):
        telegram.ask_inline("anna", f"вопрос {number}")
    telegram.wait_for(lambda: len(telegram.calls("answerInlineQuery")) == 45)
    (row,) = select_rows(bot, "SELECT COUNT(*), MIN(id) FROM inline_question")
    assert row == (40, 6)
    assert all(
        "вопрос" not in text for (text,) in select_rows(bot, "SELECT question FROM inline_question")
    )
