"""Kinds of messages: read, named or an event; what replies to tasks, options and other chats."""

from datetime import timedelta

import pytest
import telegram

from merlin.bot.message_parts import (
    ABOUT,
    EVENT,
    KINDS,
    OTHER,
    READ,
    ReceivedAttachment,
    is_event,
    parts_of,
    write_known_fields,
)
from merlin.bot.updates import attachments_of, full_text_of
from merlin.core.i18n import text
from tests.bot.received import message_body, received

pytestmark = pytest.mark.unit

FILE = {"file_id": "f", "file_unique_id": "u"}
VIDEO = {"video": FILE | {"width": 1, "height": 1, "duration": 1}}
POLL = {
    "id": "1",
    "question": "Стек?",
    "options": [
        {"persistent_id": "a", "text": "Да"},
        {"persistent_id": "b", "text": "Нет"},
    ],
}
CHECKLIST = {
    "title": "Дела",
    "tasks": [
        {"id": 1, "text": "Стек", "completion_date": 5},
        {"id": 2, "text": "Дерево"},
    ],
}
NAMED = {kind: how for kind, how in KINDS.items() if how not in {READ, EVENT, ABOUT}}


def read(**fields):
    """Return the message as the library reads it."""
    return received(1, **message_body(1, **fields)).message


def unread(**fields):
    return parts_of(read(**fields)).unread


def rich(*blocks):
    return {"rich_message": {"blocks": list(blocks)}}


def paragraph(words):
    return {"type": "paragraph", "text": words}


def test_every_field_that_the_library_knows_has_a_row():
    names = {name.strip("_") for name in telegram.Message.__slots__}
    assert names - {"effective_attachment", "from_user"} <= KINDS.keys()


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_each_kind_that_is_not_read_has_a_name_of_its_own(kind, language):
    known = write_known_fields({"text": "Что это?", kind: {"any": 1}})
    (name,) = known["merlin_parts"].unread
    assert name == NAMED[kind]
    unknown = text(language, "media-part", kind="unknown")
    named = text(language, "media-part", kind=name)
    assert (named == unknown) == (name == "unknown")


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "name", ["depth", "elsewhere", "file", "quoted", "rest", "second"]
)
def test_other_things_that_are_not_read_have_names_too(name, language):
    unknown = text(language, "media-part", kind="unknown")
    assert text(language, "media-part", kind=name) != unknown


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    "key",
    [
        "media-unread",
        "media-left-out",
        "media-first-photos",
        "media-cut",
        "media-silent",
        "media-beginning",
    ],
)
def test_sentence_about_what_was_not_read_stands_above_the_answer(key, language):
    assert text(language, key, parts="", kind="photo", count=10).startswith("⚠️ ")


def test_object_that_has_no_row_is_named_and_a_flag_is_not():
    assert unread(hologram={"beam": 1}) == ("unknown",)
    assert unread(holograms=[]) == ("unknown",)
    assert unread(is_hologram=True, hologram_id="7") == ()


def test_event_is_recognised_by_its_field_or_the_beginning_of_its_name():
    assert is_event({"chat": {}, "write_access_allowed": {}})
    assert is_event({"community_left": {}})
    assert not is_event({"chat": {}, "video": {}})


def test_poll_and_checklist_are_read_line_by_line():
    assert full_text_of(read(poll=POLL)) == "Стек?\n- Да\n- Нет"
    described = POLL | {"description": "О структурах", "media": {"photo": [FILE]}}
    assert full_text_of(read(poll=described)).startswith("Стек?\nО структурах\n- Да")
    assert unread(poll=described) == ("file",)
    assert full_text_of(read(checklist=CHECKLIST)) == "Дела\n- [x] Стек\n- [ ] Дерево"
    assert unread(poll=[], checklist=None) == ("unknown",)


def test_files_of_a_rich_message_are_attachments_and_others_are_named():
    fields = rich(
        paragraph("Что это?"),
        {"type": "photo", "photo": [FILE, FILE | {"file_id": "large", "file_size": 9}]},
        {"type": "document", "document": FILE | {"mime_type": "audio/ogg"}},
        {"type": "voice_note", "voice_note": FILE | {"duration": 3}},
        {"type": "video", **VIDEO},
    )
    message = read(**fields)
    assert attachments_of(message) == (
        ReceivedAttachment("photo", "large", size=9),
        ReceivedAttachment("voice", "f", mime="audio/ogg"),
        ReceivedAttachment("voice", "f", duration=timedelta(seconds=3)),
    )
    assert parts_of(message).unread == ("video",)
    assert full_text_of(message) == "Что это?"


def test_animation_is_named_though_it_comes_as_a_document_too():
    message = read(animation=VIDEO["video"], document=FILE)
    assert (attachments_of(message), parts_of(message).unread) == (
        (OTHER,),
        ("animation",),
    )


def test_impossible_duration_of_a_recording_does_not_hide_the_message():
    (voice,) = attachments_of(
        read(**rich({"type": "audio", "audio": FILE | {"duration": 10**20}}))
    )
    assert voice.kind == "voice"


def test_text_beside_a_rich_message_gives_way_to_it():
    replied = message_body(1, "[object Object]", **rich(paragraph("стек")))
    message = read(text="Что?", reply_to_message=replied)
    assert full_text_of(message.reply_to_message) == "стек"


@pytest.mark.parametrize(
    ("fields", "quoted"),
    [
        (
            {
                "reply_to_checklist_task_id": 2,
                "reply_to_message": {"checklist": CHECKLIST},
            },
            "Дерево",
        ),
        ({"reply_to_poll_option_id": "b", "external_reply": {"poll": POLL}}, "Нет"),
        (
            {"reply_to_poll_option_id": "c", "external_reply": {"poll": POLL}},
            "Стек?\n- Да\n- Нет",
        ),
        (
            {
                "external_reply": {
                    "poll": {"question": "Стек?", "options": [{"text": "Да"}]}
                }
            },
            "Стек?\n- Да",
        ),
    ],
)
def test_task_or_option_replied_to_is_quoted(fields, quoted):
    if "reply_to_message" in fields:
        fields = fields | {
            "reply_to_message": message_body(1, **fields["reply_to_message"])
        }
    message = read(text="Почему?", **fields)
    assert (message.quote.text, parts_of(message).unread) == (quoted, ())


MARKED = {"quote": {"text": "стек", "position": 0}}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"external_reply": {"origin": {}}}, ("elsewhere",)),
        ({"external_reply": {"origin": {}, **VIDEO}}, ("elsewhere",)),
        ({"external_reply": {"origin": {}, **VIDEO}, **MARKED}, ()),
        ({"external_reply": {"poll": POLL | {"media": {"photo": [FILE]}}}}, ("file",)),
        ({"reply_to_message": message_body(2, **VIDEO)}, ("video",)),
        ({"reply_to_message": message_body(2, **VIDEO), **MARKED}, ()),
        ({"reply_to_message": message_body(2, is_bot=True, **VIDEO)}, ()),
        ({"reply_to_message": message_body(2, **rich({"type": "new"}))}, ("unknown",)),
        (
            {"reply_to_story": {"chat": {"id": 1, "type": "private"}, "id": 2}},
            ("story",),
        ),
        (
            {"hologram": {}, "reply_to_message": message_body(2, hologram={})},
            ("unknown",),
        ),
    ],
)
def test_what_is_not_read_of_the_message_replied_to_is_named(fields, names):
    assert unread(text="Что это?", **fields) == names
