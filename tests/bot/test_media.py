"""Voices, photos and documents sent to a running bot, over real HTTP to the stand-ins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.chat.prompt import document_texts, text_outside_documents
from merlin.sandbox.faults import Fault, FaultKind
from merlin.sandbox.speech_samples import SAMPLE_MIME, sample_voice, transcript_of
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.running_bot import (
    CHAT,
    PHOTO,
    SOUND,
    RunningBot,
    after,
    charged,
    questions,
    rows,
    send,
    states,
    texts,
    wait_until_ended,
    with_media,
)
from tests.support.plan_config import make_plan
from tests.support.sample_documents import make_docx, make_pdf

pytestmark = pytest.mark.functional


@pytest.fixture
def media(settings):
    return with_media(settings)


def voice(telegram, **more):
    return send(telegram, sample_voice(), "v.oga", SAMPLE_MIME, kind="voice", **more)


@pytest.mark.parametrize("kind", ["voice", "audio", "video_note", "document"])
def test_a_recording_is_written_down_shown_and_answered(telegram, provider, media, kind):
    said = transcript_of(sample_voice())

    def act():
        send(telegram, sample_voice(), "v.oga", SAMPLE_MIME, kind=kind, seconds=4)

    (answer,) = after(telegram, media, act)
    assert questions(provider) == [said]
    assert answer.startswith(f"🎙 {said}\n\n")
    assert f"Вы спросили: «{said}»" in answer
    assert charged(media) == {"voice": 1}


def test_what_was_heard_stands_in_a_quote_and_a_long_one_is_cut(telegram, provider, media):
    provider.behave(fixed_transcript="слово " * 400, fixed_answer="Ответ.")
    (answer,) = after(telegram, media, lambda: voice(telegram))
    assert answer.endswith("…\n\nОтвет.")
    assert len(answer) < 400
    (shown,) = telegram.answers("anna")
    assert shown.entities[0]["type"] == "blockquote"


def test_a_caption_is_the_question_and_the_recording_its_material(telegram, provider, media):
    after(telegram, media, lambda: voice(telegram, caption="Переведи на английский"))
    (asked,) = questions(provider)
    assert text_outside_documents(asked).strip() == "Переведи на английский"
    assert document_texts(asked) == [transcript_of(sample_voice())]


def test_under_the_preset_for_voices_the_whole_is_written_down_and_summarised(
    telegram, provider, media
):
    words = "Первая мысль. Вторая мысль. Третья мысль. " + "Ещё слово. " * 100
    provider.behave(fixed_transcript=words)
    with RunningBot(media):
        telegram.say("anna", "/preset")
        wait_until_ended(telegram, media, 1)
        telegram.press("anna", "preset:set:voice")
        wait_until_ended(telegram, media, 2)
        voice(telegram)
        wait_until_ended(telegram, media, 3)
    answer = telegram.answers("anna")[-1]
    assert words.strip() in answer.text
    assert answer.entities[0]["type"] == "expandable_blockquote"
    (call,) = provider.calls("chat.create")
    assert call.body["model"] == CHAT[1]
    assert answer.text.count("Первая мысль") == 2


def test_a_photo_goes_to_the_model_that_sees_with_its_caption(telegram, provider, media):
    def act():
        send(telegram, PHOTO, "p.png", "image/png", kind="photo", caption="Что тут?")

    (answer,) = after(telegram, media, act)
    ((words, picture),) = questions(provider)
    assert words == {"type": "text", "text": "Что тут?"}
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert provider.calls("chat.create")[0].body["model"] == CHAT[1]
    assert "картинок не вижу" in answer
    assert charged(media) == {"photo": 1}


def test_a_reply_to_a_photo_shows_it_to_the_model_again(telegram, provider, media):
    """The photo itself is not kept with the talk."""
    with RunningBot(media):
        send(telegram, PHOTO, "p.png", "image/png", kind="photo", caption="Что тут?")
        wait_until_ended(telegram, media, 1)
        photo = next(one for one in telegram.log("anna") if "photo" in one.message)
        telegram.say("anna", "А слева?", reply_to=photo.message_id)
        wait_until_ended(telegram, media, 2)
    (words, image) = questions(provider)[-1]
    assert words["text"] == "А слева?"
    assert image["image_url"]["url"].startswith("data:image/png")
    assert charged(media) == {"photo": 2}


def test_a_photo_sent_as_a_file_without_a_word_is_asked_about(telegram, provider, media):
    after(telegram, media, lambda: send(telegram, PHOTO, "p.png", "image/png"))
    ((words, _),) = questions(provider)
    assert words["text"] == "Что на фото?"
    assert charged(media) == {"photo": 1}


def test_an_album_of_photos_is_one_question_with_several_pictures(telegram, provider, media):
    album = [Upload(f"{n}.png", "image/png", PHOTO + bytes([n])) for n in range(10)]

    def act():
        telegram.send_album("anna", album, caption="Сравни")

    answers = after(telegram, media, act, 10)
    assert len(answers) == 1
    ((words, *pictures),) = questions(provider)
    assert (words["text"], len(pictures)) == ("Сравни", 10)
    assert charged(media) == {"photo": 1}


FILES = {
    "лекция.pdf": make_pdf("Лоб говорит о мышлении."),
    "лекция.docx": make_docx("Лоб говорит о мышлении."),
    "лекция.txt": "Лоб говорит о мышлении.".encode("cp1251"),
    "лекция.md": "# Тема\n\nЛоб говорит о мышлении.".encode(),
    "лекция.csv": "№,текст\n1,Лоб говорит о мышлении.".encode(),
}


@pytest.mark.parametrize("name", FILES)
def test_a_document_is_read_and_its_caption_asked_of_the_assistant(telegram, provider, media, name):
    def act():
        send(telegram, FILES[name], name, "application/octet-stream", caption="О чём лоб?")

    (answer,) = after(telegram, media, act)
    (asked,) = questions(provider)
    assert text_outside_documents(asked).strip() == "О чём лоб?"
    assert "Лоб говорит о мышлении." in document_texts(asked)[0]
    assert provider.calls("chat.create")[0].body["model"] == CHAT[1]
    assert "«О чём лоб?»" in answer
    assert charged(media) == {"document": 1}


def test_a_document_without_a_word_is_summarised(telegram, media):
    text = "Первая мысль. Вторая мысль. Третья мысль. Четвёртая мысль."
    (answer,) = after(telegram, media, lambda: send(telegram, text.encode()))
    assert answer.startswith("Первая мысль. Вторая мысль. Третья мысль.\n")


def test_an_album_of_documents_is_one_question(telegram, provider, media):
    album = [Upload(f"{n}.txt", "text/plain", f"Текст {n}.".encode()) for n in range(3)]

    def act():
        telegram.send_album("anna", album, kind="document", caption="Сравни")

    assert len(after(telegram, media, act, 3)) == 1
    (asked,) = questions(provider)
    assert document_texts(asked) == ["Текст 0.", "Текст 1.", "Текст 2."]


def test_of_a_mixed_album_one_kind_is_taken_and_that_is_told(telegram, provider, media):
    album = [Upload("a.txt", "text/plain", b"Text."), Upload("b.png", "image/png", PHOTO)]

    def act():
        telegram.send_album("anna", album, kind="document", caption="Что тут?")

    (answer,) = after(telegram, media, act, 2)
    assert "[В альбоме файлы разных видов: я взял только документы.]" in answer
    assert document_texts(questions(provider)[0]) == ["Text."]


def test_a_long_document_is_read_in_parts_and_the_person_sees_how_far(telegram, provider, media):
    provider.behave(context_window=2000, think_s=3600.0)
    paragraphs = [f"Абзац номер {n}. {'слово ' * 60}Конец." for n in range(60)]
    content = "\n\n".join(paragraphs).encode()
    with RunningBot(media):
        telegram.wait_for(lambda: rows(media, "SELECT tokens FROM model_window"))
        send(telegram, content, caption="Перескажи кратко")
        telegram.wait_for(lambda: _progress(telegram))
        provider.behave(think_s=0.0)
        wait_until_ended(telegram, media, 1)
    (answer,) = telegram.answers("anna")
    *parts, last = questions(provider)
    assert len(parts) > 5
    assert all(len(each.encode()) < 2000 * 4 for each in (*parts, last))
    assert "".join(document_texts(last)).startswith("Абзац номер 0.")
    assert "прочитан по частям: их 12." in answer.text
    assert charged(media) == {"document": 1}


def test_a_book_is_read_up_to_a_number_of_parts_and_that_is_told(telegram, provider, media):
    provider.behave(context_window=400, fixed_answer="Коротко.")
    with RunningBot(media):
        telegram.wait_for(lambda: rows(media, "SELECT tokens FROM model_window"))
        send(telegram, ("слово " * 8000).encode())
        wait_until_ended(telegram, media, 1)
    (answer,) = texts(telegram, "anna")
    assert "прочитаны первые 40 частей из" in answer
    assert len(questions(provider)) == 41


def test_a_part_that_nobody_tells_ends_the_reading_without_a_charge(telegram, provider, media):
    provider.behave(context_window=400)
    provider.faults.add(Fault("chat.create", FaultKind.STATUS, times=None, status=400))
    with RunningBot(media):
        telegram.wait_for(lambda: rows(media, "SELECT tokens FROM model_window"))
        send(telegram, ("слово " * 1000).encode())
        wait_until_ended(telegram, media, 1)
    (answer,) = texts(telegram, "anna")
    assert answer.startswith("Модель перестала отвечать на части")
    assert charged(media) == {}


def test_reading_can_be_stopped(telegram, provider, media):
    provider.behave(think_s=3600.0, context_window=400)
    with RunningBot(media):
        telegram.wait_for(lambda: rows(media, "SELECT tokens FROM model_window"))
        send(telegram, ("слово " * 1000).encode())
        telegram.wait_for(lambda: provider.calls("chat.create"))
        telegram.wait_for(lambda: any(one.keys for one in telegram.answers("anna")))
        telegram.press("anna", "⏹ Стоп")
        wait_until_ended(telegram, media, 2)
    (answer,) = texts(telegram, "anna")
    assert answer == "[Остановлено по вашей просьбе.]"
    assert charged(media) == {}


def _progress(telegram):
    return any("по частям: часть" in text for text in texts(telegram, "anna"))


def test_the_next_question_knows_the_document(telegram, provider, media):
    with RunningBot(media):
        send(telegram, "Лоб высокий.".encode(), caption="О чём это?")
        wait_until_ended(telegram, media, 1)
        telegram.say("anna", "А ещё?")
        wait_until_ended(telegram, media, 2)
    before = provider.calls("chat.create")[-1].body["messages"][-3]["content"]
    assert document_texts(before) == ["Лоб высокий."]
    ((title,),) = rows(media, "SELECT COUNT(*) FROM chat_session WHERE title <> ''")
    assert title == 1


def test_a_document_is_asked_about_again_of_the_model_that_reads(telegram, provider, media):
    with RunningBot(media):
        send(telegram, "Лоб высокий.".encode(), caption="О чём это?")
        wait_until_ended(telegram, media, 1)
        telegram.press("anna", "🔁 Ещё раз")
        wait_until_ended(telegram, media, 2)
    first, second = provider.calls("chat.create")
    assert first.body == second.body


def test_nothing_is_kept_of_a_photo(telegram, media, tmp_path):
    after(telegram, media, lambda: send(telegram, PHOTO, "p.png", "image/png", kind="photo"))
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert PHOTO not in stored


@pytest.mark.parametrize(
    ("kind", "mime", "words"),
    [
        ("voice", SAMPLE_MIME, "Голосовые сообщения здесь не включены"),
        ("photo", "image/png", "Фотографии здесь не включены"),
    ],
)
def test_what_is_switched_off_is_told_and_costs_nothing(telegram, media, kind, mime, words):
    off = replace(media, transcription=None, vision=None)
    content = PHOTO if kind == "photo" else SOUND
    (answer,) = after(telegram, off, lambda: send(telegram, content, "a", mime, kind=kind))
    assert answer.startswith(words)
    assert charged(off) == {}
    assert states(off) == {"refused": 1}


def test_a_format_that_the_plan_does_not_have_is_not_even_fetched(telegram, media):
    closed = make_plan("free", {}, {Format.DOCUMENT: Allowance(day=0)})
    (answer,) = after(telegram, replace(media, plans=(closed,)), lambda: send(telegram, b"Text."))
    assert answer.startswith("Документы не входят в ваш план")
    assert not telegram.calls("getFile")


def test_a_busy_transcriber_is_asked_again(telegram, provider, media):
    provider.faults.add(Fault("audio.transcribe", FaultKind.STATUS, times=2, status=503))
    (answer,) = after(telegram, media, lambda: voice(telegram))
    assert answer.startswith("🎙")


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "Не могу прослушать запись"), (401, "Расшифровать запись не получилось")],
)
def test_a_transcriber_that_does_not_work_is_told(telegram, provider, media, status, words):
    fault = Fault("audio.transcribe", FaultKind.STATUS, times=None, status=status)
    provider.faults.add(fault)
    (answer,) = after(telegram, media, lambda: voice(telegram))
    assert answer.startswith(words)
    assert charged(media) == {}
    noted = rows(media, "SELECT COUNT(*) FROM notice WHERE key = 'notice-hear-failed'")
    assert noted == [(int(status == 401),)]


def test_forwarded_files_are_read_as_sent_ones(telegram, provider, media):
    with RunningBot(media):
        send(telegram, "Лоб высокий.".encode(), caption="О чём это?")
        wait_until_ended(telegram, media, 1)
        telegram.forward("anna", [telegram.log("anna")[0].message_id])
        wait_until_ended(telegram, media, 2)
    first, second = questions(provider)
    assert first == second


def test_without_streaming_a_document_is_answered_at_once(telegram, provider, media):
    whole = replace(media, streaming="off")
    (answer,) = after(telegram, whole, lambda: send(telegram, "Мысль.".encode()))
    assert answer.startswith("Мысль.\n")
