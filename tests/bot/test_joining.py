"""Joined messages, edits, quotes, forwards: what the model receives."""

from dataclasses import replace

import pytest

from merlin.bot.updates import is_continuation
from tests.bot.conversation import ChatUser
from tests.bot.received import HIDDEN_AUTHOR, message_body, received
from tests.bot.running_bot import (
    RunningBot,
    add_media,
    answer_texts,
    count_charged,
    count_updates_by_state,
    read_questions,
    run_and_wait,
    wait_until_ended,
)
from tests.support.forked_processes import start_bot, wait_for_exit

pytestmark = pytest.mark.functional

# Ten messages of at most 4,096 characters.
PASTE = "\n".join(f"Строка {n}: {'слово ' * 12}конец." for n in range(430))


@pytest.fixture
def media(settings, provider):
    provider.behave(context_window=200_000)
    return add_media(settings)


def test_paste_of_ten_parts_is_one_question_with_one_answer(telegram, provider, media):
    with RunningBot(media):
        parts = telegram.paste("anna", PASTE)
        wait_until_ended(telegram, media, len(parts))
    assert len(parts) == 10
    assert len(answer_texts(telegram, "anna")) == 1
    (question,) = read_questions(provider)
    assert question.split() == PASTE.split()
    assert count_charged(media) == {"text": 1}


@pytest.mark.parametrize("point", ["update.stored", "answer.sent"])
def test_paste_is_one_question_after_a_kill(telegram, provider, media, tmp_path, point):
    parts = telegram.paste("anna", PASTE)
    child = start_bot(replace(media, plans=()), tmp_path / "log", MERLIN_CRASH_AT=point)
    assert wait_for_exit(child) == 137, (tmp_path / "log").read_text()
    with RunningBot(media):
        wait_until_ended(telegram, media, len(parts))
    assert len([text for text in answer_texts(telegram, "anna") if text != "…"]) == 1
    assert {len(question.split()) for question in read_questions(provider)} == {len(PASTE.split())}
    assert count_updates_by_state(media) == {"answered": 10}


def message(number, text="", date=100, user_id=1, **fields):
    return received(number, **message_body(user_id, text, date=date, **fields))


@pytest.mark.parametrize(
    ("second", "is_part"),
    [
        (message(2, "конец", 101), True),
        (message(2, "конец", 160), False),
        (message(2, "/clear", 100), False),
        (message(2, "/usr/bin/python", 100), True),
        (message(2, "конец", 100, forward_origin=HIDDEN_AUTHOR), False),
        (message(2, "конец", 100, user_id=2), False),
    ],
)
def test_message_right_after_a_long_one_is_its_continuation(second, is_part):
    assert is_continuation(second, message(1, "ы" * 4000)) is is_part
    assert not is_continuation(second, message(1, "ы" * 400))


def test_edit_of_a_question_changes_nothing(telegram, provider, media):
    with RunningBot(media):
        anna = ChatUser(telegram, media)
        anna.say("Что такое лоб?")
        edited = {**telegram.log("anna")[0].message, "text": "Что такое висок?"}
        telegram.act(lambda acting: acting.world.add_update("edited_message", edited))
        anna.say("Что такое нос?")
    assert [call.body["messages"][-1]["content"] for call in provider.calls("chat.create")] == [
        "Что такое лоб?",
        "Что такое нос?",
    ]


def test_reply_includes_the_quoted_message(telegram, provider, media):
    with RunningBot(media):
        telegram.say("anna", "Что такое лоб?")
        wait_until_ended(telegram, media, 1)
        answer = telegram.answers("anna")[0].message_id
        telegram.say("anna", "Почему?", reply_to=answer)
        telegram.say("anna", "А это?", reply_to=answer, quote="«Что такое лоб?»")
        wait_until_ended(telegram, media, 3)
    _, prompt, picked = read_questions(provider)
    assert prompt.startswith("> Я демо-модель")
    assert prompt.endswith("\n\nПочему?")
    assert picked == "> «Что такое лоб?»\n\nА это?"


def test_forwarded_command_is_a_question(telegram, provider, media):
    (answer,) = run_and_wait(
        telegram, media, lambda: telegram.forward_words("anna", [("boris", "/clear everything")])
    )
    assert read_questions(provider) == ["/clear everything"]
    assert "/clear everything" in answer


def test_forwarded_chat_is_one_question(telegram, provider, media):
    messages = [("boris", f"Часть {number}?") for number in range(12)]
    with RunningBot(media):
        telegram.forward_words("anna", messages)
        wait_until_ended(telegram, media, 12)
    assert read_questions(provider)[-1] == "\n".join(text for _, text in messages)
    assert count_updates_by_state(media) == {"answered": 12}
