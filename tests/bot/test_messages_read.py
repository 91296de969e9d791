"""Rich messages and unreadable parts sent to a running bot: read, or named above the answer."""

import struct
from dataclasses import replace

import pytest

from merlin.bot.context import QUOTED_LENGTH
from merlin.bot.handlers.prompts import MAX_IMAGES
from merlin.bot.menu import short_hash
from merlin.chat.prompt import text_outside_documents
from merlin.core.i18n import text
from merlin.dataset.example_file import parse_example
from merlin.sandbox.speech_samples import SAMPLE_MIME, sample_voice, transcript_of
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.messages import media_fields, store_upload
from merlin.sandbox.telegram.world import BOT_ID, BOT_NAME, STUDY
from tests.bot.admin_chat import ExampleEditor, store_dataset
from tests.bot.conversation import ChatUser, user_messages
from tests.bot.received import HIDDEN_AUTHOR, message_body
from tests.bot.running_bot import (
    SOUND,
    RunningBot,
    answer_texts,
    count_charged,
    count_updates_by_state,
    kill_bot_at,
    read_questions,
    russian_text,
    wait_until_ended,
)
from tests.bot.test_feedback import read_proposals
from tests.support.pictures import PNG
from tests.support.stand_ins import TelegramStandIn

pytestmark = pytest.mark.functional

SENT_AT = 1796010000
FILE = {"file_id": "f", "file_unique_id": "u"}
VIDEO = {"video": FILE | {"width": 1, "height": 1, "duration": 1}}
PHOTO = {"photo": [FILE | {"width": 9, "height": 9}]}
ALBUM = {"media_group_id": "1"}
FORWARDED = {"forward_origin": HIDDEN_AUTHOR}
POLL = {"poll": {"question": "Стек?", "options": [{"text": "Да"}]}}
STICKER = {"sticker": FILE | {"width": 1, "height": 1, "type": "regular"}}
COMMENT = {"text": "Поясни это:"}


def paragraph(*parts):
    return {"type": "paragraph", "text": list(parts)}


def node(kind, words="", **fields):
    return {"type": kind, "text": words, **fields}


def rich(*blocks):
    found = [paragraph(each) if isinstance(each, str) else each for each in blocks]
    return {"rich_message": {"blocks": found}}


def reply(fields, user_id=1, **options):
    return {"reply_to_message": message_body(user_id, **fields, **options)}


def warning(*names):
    parts = [text("ru", "media-part", kind=name) for name in names]
    return text("ru", "media-unread", parts=", ".join(parts))


TABLE = {
    "type": "table",
    "cells": [[{"text": "Вид"}, {"text": "Что"}], [{"text": "Стек"}, {}]],
}
LIST = {"type": "list", "items": [{"label": "1.", "blocks": [paragraph("Стек")]}]}
CODE = {"type": "pre", "text": "pop()", "language": "python"}
HEADING = node("heading", "Стек", size=2)
DETAILS = {"type": "details", "summary": "Стек", "blocks": [paragraph("Что это?")]}
VIDEO_BLOCK = {"type": "video", **VIDEO}
DEEP = paragraph("дно")
for _ in range(20):
    DEEP = {"type": "blockquote", "blocks": [DEEP]}
LONG = "ы" * QUOTED_LENGTH

# The messages that a person sends together, the question that the model gets, and what is named.
SHAPES = [
    # Pasted.
    ([rich("Что такое стек?")], "Что такое стек?", []),
    ([rich(HEADING, "Что это?")], "## Стек\n\nЧто это?", []),
    ([rich(paragraph("Что ", node("bold", "тут"), "?"))], "Что **тут**?", []),
    (
        [rich("Верно?", TABLE)],
        "Верно?\n\n| Вид | Что |\n| --- | --- |\n| Стек |  |",
        [],
    ),
    ([rich("Верно?", LIST)], "Верно?\n\n1. Стек", []),
    ([rich("Верно?", CODE)], "Верно?\n\n```python\npop()\n```", []),
    ([rich(DETAILS)], "Стек\n\nЧто это?", []),
    (
        [
            rich(
                paragraph(
                    "Реши ", {"type": "mathematical_expression", "expression": "x^2=4"}
                )
            )
        ],
        "Реши $x^2=4$",
        [],
    ),
    (
        [rich(paragraph("О чём ", node("url", "тут", url="https://a.org"), "?"))],
        "О чём [тут](https://a.org)?",
        [],
    ),
    ([rich("Что это?", {"type": "hologram"})], "Что это?", ["unknown"]),
    ([rich("Что это?", DEEP)], "Что это?", ["depth"]),
    ([rich("Что тут?", VIDEO_BLOCK)], "Что тут?", ["video"]),
    # Forwarded.
    ([FORWARDED | rich("Что такое дерево?")], "Что такое дерево?", []),
    ([FORWARDED | rich(paragraph(node("bot_command", "/clear")))], "/clear", []),
    ([FORWARDED | rich(LIST), FORWARDED | rich("Дерево")], "1. Стек\nДерево", []),
    ([FORWARDED | rich("Что?", VIDEO_BLOCK)], "Что?", ["video"]),
    # Replied to.
    ([{"text": "Поясни"} | reply(rich("Стек"))], "> Стек\n\nПоясни", []),
    (
        [{"text": "Поясни"} | reply(rich("Стек", LIST))],
        "> Стек\n> \n> 1. Стек\n\nПоясни",
        [],
    ),
    ([rich("Поясни") | reply({"text": "Стек"})], "> Стек\n\nПоясни", []),
    (
        [{"text": "Что?"} | reply(rich("Стек", VIDEO_BLOCK))],
        "> Стек\n\nЧто?",
        ["video"],
    ),
    ([{"text": "Что?"} | reply(POLL)], "> Стек?\n> - Да\n\nЧто?", []),
    ([{"text": "Что?"} | reply(VIDEO)], "Что?", ["video"]),
    ([{"text": "Что?"} | reply({"text": LONG + "ы"})], f"> {LONG}\n\nЧто?", ["quoted"]),
    ([{"text": "Кто?", "external_reply": {"origin": {}}}], "Кто?", ["elsewhere"]),
    # A comment and what was forwarded with it.
    ([COMMENT, FORWARDED | rich("Стек", "Дерево")], "Поясни это:\nСтек\n\nДерево", []),
    ([rich("Поясни это:"), FORWARDED | {"text": "Стек"}], "Поясни это:\nСтек", []),
    ([COMMENT, FORWARDED | VIDEO], "Поясни это:", ["video"]),
    ([COMMENT, FORWARDED | POLL], "Поясни это:\nСтек?\n- Да", []),
    ([rich("Поясни это:"), FORWARDED | STICKER], "Поясни это:", ["sticker"]),
    ([VIDEO | {"caption": "Что тут?"}], "Что тут?", ["video"]),
    # Nothing is left to ask, or a file that the stand-in does not have.
    ([rich({"type": "hologram"})], None, ["media-other"]),
    ([COMMENT | {"text": " \u200b"}, FORWARDED | VIDEO], None, ["media-other"]),
    ([rich("Что тут?", {"type": "photo", **PHOTO})], None, ["media-not-found"]),
    # An album: of its files one is looked for, the other named.
    ([ALBUM | VIDEO, ALBUM | PHOTO], None, ["video", "media-not-found"]),
    ([ALBUM | PHOTO, ALBUM | VIDEO], None, ["video", "media-not-found"]),
]


def send_all(telegram: TelegramStandIn, user_id, messages):
    telegram.act(lambda acting: acting.world.person(user_id))
    for number, fields in enumerate(messages, 1):
        body = message_body(user_id, message_id=number, date=SENT_AT) | fields
        telegram.act(
            lambda acting, body=body: acting.world.add_update(
                "message", {key: value for key, value in body.items() if value != ""}
            )
        )


def test_forms_of_rich_messages_are_read_or_named_above_the_answer(
    telegram, provider, media
):
    for number, (messages, _, _) in enumerate(SHAPES):
        send_all(telegram, 3000 + number, messages)
    with RunningBot(media):
        wait_until_ended(telegram, media, sum(len(shape) for shape, _, _ in SHAPES))
    for number, (_, question, named) in enumerate(SHAPES):
        answers = answer_texts(telegram, 3000 + number)
        assert len(answers) == 1, (number, answers)
        (answer,) = answers
        if question is None:
            *names, key = named
            above = [warning(*names)] if names else []
            assert answer == "\n\n".join([*above, russian_text(key)]), number
        else:
            first, *_ = answer.splitlines()
            assert first == (warning(*named) if named else first), (number, answer)
            assert answer.startswith("⚠️") == bool(named), (number, answer)
    asked = [question for _, question, _ in SHAPES if question is not None]
    assert sorted(read_questions(provider)) == sorted(asked)


NAME = f"@{BOT_NAME}"
MENTION = node("mention", NAME, username=BOT_NAME)
ITEM = {
    "type": "list",
    "items": [{"label": "•", "blocks": [paragraph(MENTION, " стек?")]}],
}
CELL = {"type": "table", "cells": [[{"text": ["Стек? ", MENTION]}]]}
BOT_USER = {"id": BOT_ID, "is_bot": True, "first_name": "Merlin"}
IN_GROUP = [
    (rich(paragraph(MENTION, ", что такое стек?")), "что такое стек?"),
    (rich(node("heading", [MENTION, " что такое дерево?"])), "что такое дерево?"),
    (
        rich(
            paragraph(
                "Знаешь, ",
                node("text_mention", "Merlin", user=BOT_USER),
                ", что такое стек?",
            )
        ),
        "Знаешь, что такое стек?",
    ),
    (rich("Что это:", ITEM), "Что это:\n\n- стек?"),
    (rich(CELL), "| Стек? |\n| --- |"),
    (
        rich("А почему?") | reply({"text": "Ответ"}, BOT_ID, is_bot=True),
        "> Ответ\n\nА почему?",
    ),
    (
        {
            "text": f"@{BOT_NAME}",
            "entities": [{"type": "mention", "offset": 0, "length": len(NAME)}],
        }
        | reply(rich("Что такое куча?")),
        "Что такое куча?",
    ),
]


def send_to_group(telegram, settings, *messages):
    chat = {"chat": STUDY.as_chat()}
    with RunningBot(settings):
        for ended, fields in enumerate(messages, 1):
            send_all(telegram, 1001, [chat | fields])
            wait_until_ended(telegram, settings, ended)


def test_mentions_in_blocks_address_the_bot_in_a_group(telegram, provider, settings):
    send_to_group(telegram, settings, *(fields for fields, _ in IN_GROUP))
    assert read_questions(provider) == [question for _, question in IN_GROUP]


def test_command_in_a_block_is_run_in_a_group_and_not_from_a_forward(
    telegram, provider, settings
):
    command = rich(paragraph(node("bot_command", f"/t@{BOT_NAME}")))
    others = [command | FORWARDED, rich("Мы о своём.")]
    send_to_group(telegram, settings, command, *others)
    assert len(telegram.answers("study")) == 1
    assert count_updates_by_state(settings) == {"answered": 1, "refused": 2}
    assert read_questions(provider) == []


def test_command_in_a_private_rich_message_is_run(telegram, settings):
    command = rich(paragraph(node("bold", node("bot_command", "/lang"))))
    send_all(telegram, 1001, [command])
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 1)
    (answer,) = telegram.answers("anna")
    assert answer.keys


@pytest.mark.parametrize(
    ("fields", "reasons"),
    [
        # Named, with something that cannot be read and no words.
        (
            {"caption": f"@{BOT_NAME}", **VIDEO}
            | {
                "caption_entities": [
                    {"type": "mention", "offset": 0, "length": len(NAME)}
                ]
            },
            ["media-other"],
        ),
        (rich(paragraph(MENTION)) | reply(VIDEO), ["media-other"]),
        # A sticker to an answer asks nothing.
        (STICKER | reply({"text": "Ответ"}, BOT_ID, is_bot=True), []),
        # In a channel's direct messages people pay its owner for each message.
        (
            rich(paragraph(MENTION, " стек?"))
            | {
                "chat": STUDY.as_chat()
                | {"type": "supergroup", "is_direct_messages": True}
            },
            [],
        ),
    ],
)
def test_group_gets_a_sentence_only_where_the_bot_is_named(
    telegram, provider, settings, fields, reasons
):
    send_to_group(telegram, settings, fields)
    assert answer_texts(telegram, "study") == [russian_text(key) for key in reasons]
    assert read_questions(provider) == []


def test_second_file_and_a_text_replied_to_with_a_file_are_not_lost(
    telegram, provider, media
):
    document = send_document(telegram, b"Text.")
    own = document | {"caption": "Верно?"}
    group = {"chat": STUDY.as_chat()}
    named = {
        "caption_entities": [{"type": "mention", "offset": 0, "length": len(NAME)}]
    }
    in_group = group | own | named | {"caption": f"@{BOT_NAME} верно?"}
    send_all(telegram, 1001, [own | reply({"text": "Стек"})])
    send_all(telegram, 1002, [in_group | reply(PHOTO | {"caption": "Схема"}, 1002)])
    with RunningBot(media):
        wait_until_ended(telegram, media, 2)
    first, second = sorted(read_questions(provider), key=len)
    assert first.startswith("> Стек\n\nВерно?\n\n")
    assert second.startswith("> Схема\n\nверно?\n\n")
    (answer,) = answer_texts(telegram, "study")
    assert answer.startswith(warning("second"))


def test_file_replied_to_in_a_group_is_no_second_one(telegram, provider, media):
    document = send_document(telegram, b"Text.")
    mention = {"entities": [{"type": "mention", "offset": 0, "length": len(NAME)}]}
    question = {"chat": STUDY.as_chat(), "text": f"{NAME} верно?", **mention}
    send_all(telegram, 1001, [question | reply(document | {"caption": "Схема"})])
    with RunningBot(media):
        wait_until_ended(telegram, media, 1)
    (asked,) = read_questions(provider)
    assert asked.startswith("> Схема\n\nверно?\n\n")
    (answer,) = answer_texts(telegram, "study")
    assert "⚠️" not in answer


def send_document(telegram, content):
    """Return a document that the stand-in hands out, as a message has it."""

    def store(acting):
        file = store_upload(
            acting.world, "document", Upload("a.txt", "text/plain", content)
        )
        return media_fields(acting.world, file, "document")

    return telegram.act(store)


def test_small_talk_beside_an_unreadable_part_is_answered_with_its_name(
    telegram, provider, settings
):
    send_all(telegram, 1001, [{"text": "Спасибо!"}, FORWARDED | VIDEO])
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 2)
    talk = russian_text("small-talk-thanks")
    assert answer_texts(telegram, "anna") == [f"{warning('video')}\n\n{talk}"]
    assert read_questions(provider) == []


def test_answer_resumed_after_a_kill_names_the_same_parts_once(
    telegram, provider, settings, tmp_path
):
    send_all(telegram, 1001, [rich("Что тут?", VIDEO_BLOCK)])
    kill_bot_at("answer.sent", settings, tmp_path / "log")
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 1)
        (answer,) = answer_texts(telegram, "anna")
        assert answer.count("⚠️") == 1
        assert answer.startswith(warning("video"))
        # The question that is asked again has no video either.
        again = ChatUser(telegram, settings).press("again:1")
        assert again.text.startswith(warning("video"))
    assert user_messages(provider)[-1] == "Что тут?"
    assert count_charged(settings) in ({}, {"text": 2})


def test_formatted_correction_becomes_markdown_and_says_what_it_lacks(anna, settings):
    answer = anna.say("Что такое стек?")
    anna.press("fix:1", answer.message_id)
    better = rich(paragraph("Это ", node("bold", "список"), "."), LIST, VIDEO_BLOCK)
    anna._act(lambda _: send_all(anna.telegram, 1001, [better | {"message_id": 9}]))
    assert anna.last.text.startswith(warning("video"))
    anna.press(russian_text("consent-yes"))
    anna.press("fix-send")
    (proposal,) = read_proposals(settings)
    assert proposal.draft.answer == "Это **список**.\n\n1. Стек"


def test_formatted_complaint_reaches_the_admins_as_text(telegram, settings):
    with ChatUser.of_running_bot(telegram, replace(settings, admins=(1003,))) as anna:
        anna.say("/paysupport")
        complaint = rich(paragraph("Списали ", node("bold", "дважды")), VIDEO_BLOCK)
        anna._act(lambda _: send_all(telegram, 1001, [complaint | {"message_id": 9}]))
        assert anna.last.text.startswith(warning("video"))
        assert russian_text("paysupport-sent") in anna.last.text
        (letter,) = telegram.wait_for(lambda: telegram.answers("vera"))
    assert "Списали **дважды**" in letter.text


def test_formatted_question_and_answer_of_an_editor_become_markdown(telegram, settings):
    store_dataset(settings)
    settings = replace(settings, admins=(1003,))
    with ExampleEditor.of_running_bot(telegram, settings, "vera") as vera:
        vera.say("/examples")
        vera.press_forged(f"ex:add:{short_hash('trial')}")
        for number, fields in enumerate((rich("Что такое стек?"), rich(CODE, LIST))):
            pasted = fields | {"message_id": 90 + number}
            vera._act(lambda _, pasted=pasted: send_all(telegram, 1003, [pasted]))
        assert "Что такое стек?" in vera.last.text
        change = vera.save()
        # A draft has all of what was sent, or nothing.
        vera.press_forged(f"ex:add:{short_hash('trial')}")
        cases = [
            (rich("Что?", {"type": "new"}), "examples-unread"),
            (PHOTO | {"caption": "Что?"}, "examples-send-text"),
        ]
        for number, (fields, refusal) in enumerate(cases):
            pasted = fields | {"message_id": 95 + number}
            vera._act(lambda _, pasted=pasted: send_all(telegram, 1003, [pasted]))
            parts = text("ru", "media-part", kind="unknown")
            assert vera.last.text == russian_text(refusal, parts=parts)
    example = parse_example(change.text)
    assert example.answer == "```python\npop()\n```\n\n1. Стек"


def test_photos_beyond_those_that_a_model_is_shown_are_said(telegram, provider, media):
    def store(acting):
        file = store_upload(acting.world, "photo", Upload("a.png", "image/png", PNG))
        return {"type": "photo", **media_fields(acting.world, file, "photo")}

    photos = [telegram.act(store) for _ in range(MAX_IMAGES + 1)]
    send_all(telegram, 1001, [rich("Сравни", *photos)])
    send_all(telegram, 1002, [rich("Сравни", *photos[1:])])
    with RunningBot(media):
        wait_until_ended(telegram, media, 2)
    many, few = (answer_texts(telegram, who)[0] for who in ("anna", "boris"))
    said = russian_text("media-first-photos", count=MAX_IMAGES)
    assert many.startswith(f"{said}\n\n")
    assert "⚠️" not in few
    assert {len(question) for question in read_questions(provider)} == {MAX_IMAGES + 1}


def test_long_reply_to_the_bot_is_no_loss_because_it_is_in_the_conversation(
    telegram, provider, settings
):
    own = reply({"text": LONG + "ы"}, BOT_ID, is_bot=True)
    send_all(telegram, 1001, [{"text": "Почему?"} | own])
    with RunningBot(settings):
        wait_until_ended(telegram, settings, 1)
    (answer,) = answer_texts(telegram, "anna")
    assert "⚠️" not in answer
    assert read_questions(provider) == [f"> {LONG}\n\nПочему?"]


def send_voice(telegram, content):
    """Return a voice message that the stand-in hands out."""

    def store(acting):
        upload = Upload("v.oga", SAMPLE_MIME, content)
        file = store_upload(acting.world, "voice", upload)
        return media_fields(acting.world, file, "voice")

    return telegram.act(store)


def test_recording_without_words_beside_another_is_said(telegram, provider, media):
    comment = b"DESCRIPTION= "
    silence = SOUND + struct.pack("<I", len(comment)) + comment
    voices = [send_voice(telegram, content) for content in (sample_voice(), silence)]
    blocks = [{"type": "voice_note", "voice_note": each["voice"]} for each in voices]
    send_all(telegram, 1001, [rich(*blocks)])
    with RunningBot(media):
        wait_until_ended(telegram, media, 1)
    (answer,) = answer_texts(telegram, "anna")
    assert answer.startswith(f"{russian_text('media-silent')}\n\n🎙 ")
    assert read_questions(provider) == [transcript_of(sample_voice())]


def test_voice_and_document_that_reply_to_a_text_are_asked_with_it(
    telegram, provider, media
):
    """Also with instructions of the conversation's own, which a lone document would follow."""
    provider.behave(fixed_transcript="Почему?")
    document = send_document(telegram, b"Text.")
    voice = send_voice(telegram, SOUND)
    with RunningBot(media):
        telegram.say("boris", "/system Отвечай стихами.")
        wait_until_ended(telegram, media, 1)
        send_all(telegram, 1001, [voice | reply({"text": "Стек"})])
        send_all(
            telegram, 1002, [document | {"message_id": 9} | reply({"text": "Куча"})]
        )
        wait_until_ended(telegram, media, 3)
    asked = {text_outside_documents(each).strip() for each in read_questions(provider)}
    assert asked == {"> Стек", f"> Куча\n\n{russian_text('media-ask-document')}"}
