"""Joined messages, edits, quotes, forwards: what the model receives."""

from dataclasses import replace

import pytest

from merlin.app.inbox import Update
from merlin.bot.updates import is_continuation, joined_text
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.running_bot import (
    PHOTO,
    RunningBot,
    add_media,
    answer_texts,
    count_charged,
    count_updates_by_state,
    read_questions,
    run_and_wait,
    select_rows,
    send_document,
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


def test_paste_during_an_answer_is_one_question(telegram, provider, media):
    provider.behave(think_s=3600.0, context_window=200_000)
    with RunningBot(media):
        telegram.say("anna", "Первый вопрос")
        telegram.wait_for(lambda: telegram.answers("anna"))
        parts = telegram.paste("anna", PASTE)
        telegram.say("anna", "/help")
        telegram.wait_for(lambda: count_updates_by_state(media) == {"waiting": len(parts) + 2})
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, media, len(parts) + 2)
    assert [len(question.split()) for question in read_questions(provider)] == [
        2,
        len(PASTE.split()),
    ]
    assert len(answer_texts(telegram, "anna")) == 3
    assert count_updates_by_state(media) == {"answered": 12}


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


def test_album_is_one_question_after_a_kill(telegram, provider, media, tmp_path):
    album = [Upload(f"{n}.png", "image/png", PHOTO + bytes([n])) for n in range(3)]
    telegram.send_album("anna", album, caption="Сравни")
    at = {"MERLIN_CRASH_AT": "placeholder.recorded"}
    child = start_bot(replace(media, plans=()), tmp_path / "log", **at)
    assert wait_for_exit(child) == 137, (tmp_path / "log").read_text()
    with RunningBot(media):
        wait_until_ended(telegram, media, 3)
    assert len(answer_texts(telegram, "anna")) == 1
    assert len(read_questions(provider)[-1]) == 4


def message(number, text="", date=100, **fields):
    content = {"text": text, "date": date, **fields}
    return Update(number, "message", 1, 1, body={"message": content})


@pytest.mark.parametrize(
    ("second", "is_part"),
    [
        (message(2, "конец", 101), True),
        (message(2, "конец", 160), False),
        (message(2, "/clear", 100), False),
        (message(2, "/usr/bin/python", 100), True),
        (message(2, "конец", 100, forward_origin={}), False),
        (replace(message(2, "конец", 100), user_id=2), False),
        (replace(message(2, "конец", 100), kind="edited_message"), False),
    ],
)
def test_message_right_after_a_long_one_is_its_continuation(second, is_part):
    assert is_continuation(second, message(1, "ы" * 4000)) is is_part
    assert not is_continuation(second, message(1, "ы" * 400))


def test_parts_are_joined_where_they_were_cut():
    assert joined_text("ы" * 4096, [message(2, "э")]) == "ы" * 4096 + "э"
    assert joined_text("ы" * 4000, [message(2, "э"), message(3, "")]) == "ы" * 4000 + "\nэ"
    assert joined_text("", [message(2, "", caption="подпись")]) == "подпись"


def test_edited_question_is_answered_again_as_a_reply(telegram, provider, media):
    with RunningBot(media):
        telegram.say("anna", "Что такое лопата?")
        wait_until_ended(telegram, media, 1)
        question_id = telegram.log("anna")[0].message_id
        telegram.edit("anna", question_id, "Что такое лоб?")
        wait_until_ended(telegram, media, 2)
        telegram.edit("anna", question_id, "Что такое лоб?")
        wait_until_ended(telegram, media, 3)
        telegram.say("anna", "А нос?")
        wait_until_ended(telegram, media, 4)
    _, second, _ = telegram.answers("anna")
    assert "«Что такое лоб?»" in second.text
    assert second.message["reply_to_message"]["message_id"] == question_id
    _, corrected, last = (call.body["messages"] for call in provider.calls("chat.create"))
    assert [message["content"] for message in corrected[1:]] == ["Что такое лоб?"]
    assert [message["content"] for message in last[1:]] == ["Что такое лоб?", second.text, "А нос?"]
    assert count_updates_by_state(media) == {"answered": 3, "refused": 1}


def test_edited_caption_is_answered_again(telegram, provider, media):
    with RunningBot(media):
        send_document(telegram, "Лоб высокий.".encode(), caption="О чём это?")
        wait_until_ended(telegram, media, 1)
        question_id = telegram.log("anna")[0].message_id
        telegram.edit("anna", question_id, "Переведи")
        wait_until_ended(telegram, media, 2)
    assert [question.split("\n")[0] for question in read_questions(provider)] == [
        "О чём это?",
        "Переведи",
    ]


@pytest.mark.parametrize("first", ["/help", "/nosuch"])
def test_edited_command_does_not_become_a_question(telegram, provider, media, first):
    with RunningBot(media):
        telegram.say("anna", first)
        wait_until_ended(telegram, media, 1)
        telegram.edit("anna", telegram.log("anna")[0].message_id, "Другой вопрос")
        wait_until_ended(telegram, media, 2)
    assert not read_questions(provider)
    _, explanation = answer_texts(telegram, "anna")
    assert explanation.startswith("Я перечитываю только исправленные вопросы")


def test_edit_of_a_message_that_a_form_took_is_said_to_change_nothing(telegram, provider, media):
    with RunningBot(media):
        telegram.say("anna", "/system")
        wait_until_ended(telegram, media, 1)
        telegram.press("anna", "system:set")
        wait_until_ended(telegram, media, 2)
        telegram.say("anna", "Отвечай кратго")
        wait_until_ended(telegram, media, 3)
        taken_id = telegram.log("anna")[-2].message_id
        telegram.edit("anna", taken_id, "Отвечай кратко")
        wait_until_ended(telegram, media, 4)
    assert answer_texts(telegram, "anna")[-1].startswith("Я перечитываю только исправленные")
    assert telegram.answers("anna")[-1].message["reply_to_message"]["message_id"] == taken_id


def test_move_of_a_live_location_is_no_edit(telegram, media):
    with RunningBot(media):
        telegram.say("anna", "/help")
        wait_until_ended(telegram, media, 1)
        message_id = telegram.log("anna")[0].message_id

        def move(acting):
            message = dict(acting.world.messages[1001][message_id].message)
            del message["text"], message["entities"]
            location = {"latitude": 55.7, "longitude": 37.6, "live_period": 900}
            acting.world.add_update("edited_message", {**message, "location": location})

        telegram.act(move)
        wait_until_ended(telegram, media, 2)
    assert len(answer_texts(telegram, "anna")) == 1


def test_question_edited_into_a_command_is_not_executed(telegram, media):
    with RunningBot(media):
        telegram.say("anna", "Вопрос")
        wait_until_ended(telegram, media, 1)
        telegram.edit("anna", telegram.log("anna")[0].message_id, "/clear")
        wait_until_ended(telegram, media, 2)
    _, explanation = answer_texts(telegram, "anna")
    assert explanation.startswith("Я перечитываю только исправленные вопросы")
    assert select_rows(media, "SELECT COUNT(*) FROM turn") == [(1,)]


def test_edit_of_an_old_message_is_refused_with_an_explanation(telegram, provider, media):
    with RunningBot(media):
        telegram.say("anna", "Вопрос")
        wait_until_ended(telegram, media, 1)
        logged = telegram.log("anna")[0]
        telegram.act(lambda _acting: logged.message.update(date=logged.message["date"] - 4000))
        telegram.edit("anna", logged.message_id, "Другой вопрос")
        wait_until_ended(telegram, media, 2)
    assert answer_texts(telegram, "anna")[-1].startswith("Этому сообщению больше часа")
    assert len(read_questions(provider)) == 1


def test_edit_of_one_part_of_a_paste_is_refused_with_an_explanation(telegram, provider, media):
    with RunningBot(media):
        parts = telegram.paste("anna", PASTE)
        wait_until_ended(telegram, media, len(parts))
        telegram.edit("anna", telegram.log("anna")[0].message_id, "Другое начало")
        wait_until_ended(telegram, media, len(parts) + 1)
    assert answer_texts(telegram, "anna")[-1].startswith("Вопрос был из нескольких сообщений")
    assert len(read_questions(provider)) == 1


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


def test_kill_while_a_document_is_read_leaves_one_answer(telegram, provider, media, tmp_path):
    provider.behave(think_s=3600.0)
    child = start_bot(replace(media, plans=()), tmp_path / "log")
    send_document(telegram, "Лоб высокий.".encode(), caption="О чём это?")
    telegram.wait_for(lambda: telegram.calls("getFile"))
    child.kill()
    child.join()
    provider.behave(think_s=0.0)
    with RunningBot(media):
        wait_until_ended(telegram, media, 1)
    (answer,) = answer_texts(telegram, "anna")
    assert "«О чём это?»" in answer
    assert count_charged(media) == {"document": 1}


def test_forwarded_chat_is_one_question(telegram, provider, media):
    messages = [("boris", f"Часть {number}?") for number in range(12)]
    with RunningBot(media):
        telegram.forward_words("anna", messages)
        wait_until_ended(telegram, media, 12)
    assert read_questions(provider)[-1] == "\n".join(text for _, text in messages)
    assert count_updates_by_state(media) == {"answered": 12}
