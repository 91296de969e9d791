"""Voices, photos and documents sent to a running bot, over real HTTP to the stand-ins."""

from dataclasses import replace

import pytest

from merlin.billing.quota import Allowance, Format
from merlin.chat.prompt import document_texts, text_outside_documents
from merlin.sandbox.speech_samples import SAMPLE_MIME, sample_voice, transcript_of
from merlin.sandbox.telegram.arguments import Upload
from tests.bot.conversation import ChatUser
from tests.bot.running_bot import (
    CHAT,
    PHOTO,
    SOUND,
    count_charged,
    count_updates_by_state,
    read_questions,
    russian_text,
    select_rows,
    wait_for_windows,
)
from tests.support.faults import Fault, FaultKind
from tests.support.plan_config import make_plan
from tests.support.sample_documents import make_docx, make_pdf

pytestmark = pytest.mark.functional


@pytest.fixture
def anna(telegram, media):
    """Return anna, who talks to a bot that reads voice, photos and documents."""
    with ChatUser.of_running_bot(telegram, media) as anna:
        yield anna


def send_voice(anna, kind="voice", **options):
    return anna.send(sample_voice(), "v.oga", SAMPLE_MIME, kind=kind, **options)


def send_photo(anna, **options):
    return anna.send(PHOTO, "p.png", "image/png", kind="photo", **options)


@pytest.mark.parametrize("kind", ["voice", "audio", "video_note", "document"])
def test_recording_is_transcribed_shown_and_answered(anna, provider, media, kind):
    transcript = transcript_of(sample_voice())
    answer = send_voice(anna, kind, seconds=4).text
    assert read_questions(provider) == [transcript]
    assert answer.startswith(f"🎙 {transcript}\n\n")
    assert f"Вы спросили: «{transcript}»" in answer
    assert count_charged(media) == {"voice": 1}


def test_caption_of_a_recording_is_the_question_about_it(anna, provider):
    send_voice(anna, caption="О чём тут?")
    (question,) = read_questions(provider)
    assert text_outside_documents(question).strip() == "О чём тут?"
    assert document_texts(question) == [transcript_of(sample_voice())]


def test_recording_without_words_is_refused_uncharged(anna, provider, media):
    provider.behave(fixed_transcript=" ")
    assert send_voice(anna).text == russian_text("media-silence")
    assert count_charged(media) == {}


def test_recording_longer_than_the_window_is_summarised(telegram, provider, media):
    provider.behave(context_window=2000, fixed_transcript="Слово о лбе. " * 1000)
    with ChatUser.of_running_bot(telegram, media) as anna:
        wait_for_windows(telegram, media)
        answer = send_voice(anna).text
    (question,) = read_questions(provider)
    asked = text_outside_documents(question).strip()
    assert asked == russian_text("media-ask-voice")
    (beginning,) = document_texts(question)
    assert beginning.startswith("Слово о лбе. ")
    assert len(question.encode()) < 2000 * 4
    assert russian_text("media-beginning") in answer


def test_voice_preset_shows_the_whole_transcript_and_a_summary(anna, provider):
    transcript = "Первая мысль. Вторая мысль. Третья мысль. " + "Ещё слово. " * 100
    provider.behave(fixed_transcript=transcript)
    anna.say("/preset")
    anna.press("preset:set:voice")
    answer = send_voice(anna)
    assert transcript.strip() in answer.text
    assert answer.entities[0]["type"] == "expandable_blockquote"
    (call,) = provider.calls("chat.create")
    assert call.body["model"] == CHAT[1]
    assert answer.text.count("Первая мысль") == 2


def test_table_below_a_transcript_is_in_one_rich_message(anna, provider):
    provider.behave(fixed_answer="|a|b|\n|-|-|\n|1|2|", fixed_transcript="Мысль.")
    quote, table = send_voice(anna).message["rich_message"]["blocks"]
    assert quote["blocks"][0]["text"] == "🎙 Мысль."
    assert table["type"] == "table"


def test_reply_to_a_photo_sends_it_to_the_model_again(anna, telegram, provider, media):
    """The photo itself is not stored with the session."""
    send_photo(anna, caption="Что тут?")
    (photo,) = (each for each in telegram.log("anna") if "photo" in each.message)
    anna.say("А слева?", reply_to=photo.message_id)
    (question, image) = read_questions(provider)[-1]
    assert question["text"] == "А слева?"
    assert image["image_url"]["url"].startswith("data:image/png")
    assert count_charged(media) == {"photo": 2}


def test_photo_album_is_one_question_with_several_images(
    anna, telegram, provider, media
):
    album = [Upload(f"{n}.png", "image/png", PHOTO + bytes([n])) for n in range(10)]
    anna._act(telegram.send_album, album, caption="Сравни", count=10)
    assert len(telegram.answers("anna")) == 1
    ((question, *pictures),) = read_questions(provider)
    assert (question["text"], len(pictures)) == ("Сравни", 10)
    assert count_charged(media) == {"photo": 1}


FILES = {
    "лекция.pdf": make_pdf("Лоб говорит о мышлении."),
    "лекция.docx": make_docx("Лоб говорит о мышлении."),
    "лекция.txt": "Лоб говорит о мышлении.".encode("cp1251"),
    "лекция.md": "# Тема\n\nЛоб говорит о мышлении.".encode(),
    "лекция.csv": "№,текст\n1,Лоб говорит о мышлении.".encode(),
}


def test_document_is_read_and_its_caption_answered_by_the_assistant(
    anna, provider, media
):
    for number, (name, content) in enumerate(FILES.items(), 1):
        caption = f"О чём лоб {number}?"
        answer = anna.send(content, name, "application/octet-stream", caption=caption)
        question = read_questions(provider)[-1]
        assert text_outside_documents(question).strip() == caption
        assert "Лоб говорит о мышлении." in document_texts(question)[0]
        assert f"«{caption}»" in answer.text
    assert provider.asked_models() == [CHAT[1]] * len(FILES)
    assert count_charged(media) == {"document": len(FILES)}


def test_document_without_a_caption_is_summarised(anna):
    text = "Первая мысль. Вторая мысль. Третья мысль. Четвёртая мысль."
    answer = anna.send(text.encode()).text
    assert answer.startswith("Первая мысль. Вторая мысль. Третья мысль.\n")


@pytest.mark.parametrize(
    ("said", "model"),
    [("/system Отвечай стихами.", CHAT[1]), ("/model", "no-such-base")],
)
def test_document_is_read_by_what_its_session_has_chosen(anna, provider, said, model):
    anna.say(said)
    if said == "/model":
        anna.press(anna.find_button(model))
    anna.send(b"Text.")
    # A chosen model that is not there is followed by the next.
    assert provider.asked_models()[0] == model
    asked = text_outside_documents(read_questions(provider)[0]).strip()
    # An instruction of the session's own says what to do with a document.
    expected = russian_text("media-ask-document") if said == "/model" else ""
    assert asked == expected


def test_file_that_telegram_does_not_hand_out_is_asked_for_again(anna, telegram, media):
    telegram.faults.add(Fault("getFile", FaultKind.STATUS, times=None, status=502))
    assert anna.send(b"Text.").text == russian_text("media-not-fetched")
    assert count_charged(media) == {}


def test_mixed_album_uses_one_kind_with_a_note(anna, telegram, provider):
    album = [
        Upload("a.txt", "text/plain", b"Text."),
        Upload("b.png", "image/png", PHOTO),
    ]

    options = {"kind": "document", "caption": "Что тут?"}
    answer = anna._act(telegram.send_album, album, count=2, **options).text
    assert answer.startswith("⚠️ Файлы разных видов: я взял только документы.\n\n")
    assert document_texts(read_questions(provider)[0]) == ["Text."]


def test_of_a_long_document_the_beginning_is_read_and_the_answer_says_so(
    telegram, provider, media
):
    provider.behave(context_window=2000)
    paragraphs = [f"Абзац номер {n}. {'слово ' * 60}Конец." for n in range(60)]
    content = "\n\n".join(paragraphs).encode()
    with ChatUser.of_running_bot(telegram, media) as anna:
        wait_for_windows(telegram, media)
        answer = anna.send(content, caption="Перескажи кратко").text
    (question,) = read_questions(provider)
    (beginning,) = document_texts(question)
    assert beginning.startswith("Абзац номер 0.")
    assert beginning.endswith("Конец.")
    assert 2000 < len(question.encode()) < 2000 * 4
    assert "я прочитал только начало" in answer
    assert count_charged(media) == {"document": 1}


def test_photo_is_not_stored(anna, tmp_path):
    send_photo(anna)
    stored = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()
    )
    assert PHOTO not in stored


@pytest.mark.parametrize(
    ("kind", "mime", "expected"),
    [
        ("voice", SAMPLE_MIME, "Голосовые сообщения здесь не включены"),
        ("photo", "image/png", "Фотографии здесь не включены"),
    ],
)
def test_disabled_format_is_refused_uncharged(telegram, media, kind, mime, expected):
    off = replace(media, transcription=None, vision=None)
    with ChatUser.of_running_bot(telegram, off) as anna:
        answer = anna.send(PHOTO if kind == "photo" else SOUND, "a", mime, kind=kind)
    assert answer.text.startswith(expected)
    assert count_charged(off) == {}
    assert count_updates_by_state(off) == {"refused": 1}


def test_format_outside_the_plan_is_refused_without_a_download(telegram, media):
    closed = make_plan("free", {}, {Format.DOCUMENT: Allowance(day=0)})
    with ChatUser.of_running_bot(telegram, replace(media, plans=(closed,))) as anna:
        answer = anna.send(b"Text.")
    assert answer.text.startswith("Документы не входят в ваш тариф")
    assert not telegram.calls("getFile")


@pytest.mark.parametrize(
    ("status", "expected"),
    [(503, "Не могу прослушать запись"), (401, "Расшифровать запись не получилось")],
)
def test_failed_transcription_is_reported(anna, provider, media, status, expected):
    fault = Fault("audio.transcribe", FaultKind.STATUS, times=None, status=status)
    provider.faults.add(fault)
    assert send_voice(anna).text.startswith(expected)
    assert count_charged(media) == {}
    noted = select_rows(
        media, "SELECT COUNT(*) FROM notice WHERE key = 'notice-hear-failed'"
    )
    assert noted == [(int(status == 401),)]
