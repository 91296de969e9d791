"""Invalid input: a clear error message, no quota charge, no change, no leaked data."""

import pytest

from tests.bot.conversation import ChatUser
from tests.bot.hostile_texts import check_hostile_documents
from tests.bot.running_bot import (
    PHOTO,
    SOUND,
    answer_texts,
    count_charged,
    count_updates_by_state,
    read_questions,
    russian_text,
    say_and_wait,
    select_rows,
    wait_until_ended,
)
from tests.support.naughty_strings import STRINGS
from tests.support.prompt_injections import ORDERS, documents
from tests.support.sample_documents import edit_pdf, make_pdf

pytestmark = pytest.mark.functional

MB = 1024 * 1024
TEN_HOURS_S = 36_000
VOICE = {"kind": "voice"}


def locked_pdf():
    return edit_pdf(make_pdf("тайна"), lambda writer: writer.encrypt("secret"))


# The file that is sent, and the beginning of the error message.
OVERSIZED = {
    "a voice of ten hours": (
        SOUND,
        "v.oga",
        VOICE | {"seconds": TEN_HOURS_S},
        "Запись слишком",
    ),
    "a large voice": (SOUND + bytes(21 * MB), "v.oga", VOICE, "Файл слишком большой"),
    "21 MB": (b"a" * 21 * MB, "a.txt", {}, "Файл слишком большой"),
    "a large photo": (
        PHOTO + bytes(11 * MB),
        "a.png",
        {"kind": "photo"},
        "Файл слишком большой",
    ),
}
BAD = OVERSIZED | {
    "a voice that is none": (
        b"MZ\x90\x00" * 9,
        "v.oga",
        VOICE,
        "Эта запись не открывается",
    ),
    "a voice of four bytes": (b"OggS", "v.oga", VOICE, "Эта запись не открывается"),
    "a locked pdf": (locked_pdf, "тайна.pdf", {}, "Документ закрыт паролем"),
    "an empty file": (b" \n\n", "a.txt", {}, "Файл пуст"),
    "a file of no bytes": (b"", "a.txt", {}, "Файл пуст"),
    "a program": (
        b"MZ\x90\x00" + bytes(900),
        "курсовая.pdf",
        {},
        "Такие файлы я не читаю",
    ),
    "a damaged pdf": (make_pdf("а")[:200], "a.pdf", {}, "Файл повреждён"),
    "a scan": (make_pdf(None), "a.pdf", {}, "В документе нет текста"),
    "a hidden photo": (PHOTO, "a.pdf", {}, "На самом деле это картинка"),
    "a hidden voice": (SOUND, "a.pdf", {}, "На самом деле это запись"),
    "a photo that is none": (
        b"MZ" * 30,
        "a.png",
        {"kind": "photo"},
        "Эта картинка не открывается",
    ),
    "a png of three bytes": (
        b"\x89PN",
        "a.png",
        {"kind": "photo"},
        "Эта картинка не открывается",
    ),
}


def test_unusable_input_is_refused_with_an_explanation_and_not_charged(
    telegram, provider, media
):
    with ChatUser.of_running_bot(telegram, media) as anna:
        for number, (case, (content, name, send, expected)) in enumerate(
            BAD.items(), 1
        ):
            body = content() if callable(content) else content
            answer = anna.send(body, name, "application/octet-stream", **send)
            told = (len(telegram.answers("anna")), answer.text.startswith(expected))
            assert told == (number, True), case
            assert case not in OVERSIZED or not telegram.calls("getFile"), case
    assert count_charged(media) == {}
    assert count_updates_by_state(media) == {"refused": len(BAD)}
    assert not read_questions(provider)


def test_naughty_strings_are_answered_as_questions(telegram, provider, media_bot):
    provider.behave(fixed_answer="Ответ.")
    for number, string in enumerate(STRINGS):
        telegram.say(3000 + number, string)
    wait_until_ended(telegram, media_bot, len(STRINGS))
    assert sorted(read_questions(provider)) == sorted(STRINGS)
    assert count_updates_by_state(media_bot) == {"answered": len(STRINGS)}


def test_invisible_question_is_refused_with_an_explanation_and_no_model_call(
    telegram, provider, media_bot
):
    say_and_wait(telegram, media_bot, "\u2800\u200b", 1, who=1001)
    assert answer_texts(telegram, 1001) == [russian_text("media-other")]
    assert count_updates_by_state(media_bot) == {"refused": 1}
    assert count_charged(media_bot) == {}
    assert not read_questions(provider)


def test_buttons_of_other_users_do_nothing(telegram, provider, media_bot):
    provider.behave(think_s=3600.0)
    telegram.say("anna", "Вопрос Анны")
    telegram.wait_for(lambda: telegram.answers("anna"))
    ((update_id,),) = select_rows(media_bot, "SELECT update_id FROM telegram_update")
    telegram.say("boris", "/help")
    telegram.wait_for(lambda: telegram.answers("boris"))
    for data in (
        f"stop:{update_id}",
        "again:1",
        "sum:1",
        "again:x",
        "again:",
        "",
        "🦔:1",
    ):
        telegram.press("boris", data or ":", forged=True)
    telegram.wait_for(lambda: len(telegram.calls("answerCallbackQuery")) == 7)
    provider.behave(think_s=0.0)
    wait_until_ended(telegram, media_bot, 9)
    (answer,) = answer_texts(telegram, "anna")
    assert "«Вопрос Анны»" in answer
    assert "[" not in answer
    assert read_questions(provider) == ["Вопрос Анны"]


def test_hostile_documents_change_nothing_even_if_the_model_obeys(
    telegram, provider, media
):
    # Each wording and each kind of file once: other tests read all of them.
    provider.behave(fixed_answer="\n".join(ORDERS))
    check_hostile_documents(telegram, provider, media, documents()[::11])
