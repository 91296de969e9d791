"""What a message consists of: what of it is read, what is named because it cannot be, and events.

`KINDS` says it for each field of a message. An object that it doesn't have may be what a person
sent, so it is named as unknown. A rich message, a poll and a checklist are written into the fields
that python-telegram-bot knows, `text` and `entities`, before it parses the message; files and the
names of what was not read go beside them, as `Parts`. Source: the Bot API 10.4, Message and
ExternalReplyInfo.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, TypeAlias

from telegram import Message

from merlin.bot.rich_reading import FILE, UNKNOWN, RichText, read_rich_message
from merlin.core.json_fields import get_integer, get_list, get_object, get_text

Json: TypeAlias = Mapping[str, Any]

# Documents classified by the prefix of their MIME type.
_DOCUMENTS = {"image/": "photo", "audio/": "voice"}
# The field of a message that holds its `Parts`.
PARTS = "merlin_parts"
# The text of a message of another chat, which Telegram does not give.
ELSEWHERE = "elsewhere"
# Longer than any recording.
MAX_SECONDS = 10**9
# How a kind is treated that has no name for people.
READ = "read"
EVENT = "event"
ABOUT = "about"


def _fields(how: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), how)


# Each field of a message: read; the name of what cannot be read; an event, which gets no answer;
# or about the message. A name that ends with _* is for all fields that begin so.
KINDS: Mapping[str, str] = {
    **_fields(
        READ,
        "text caption rich_message poll checklist photo voice audio video_note document"
        " reply_to_message external_reply quote successful_payment refunded_payment",
    ),
    "animation": "animation",
    "contact": "contact",
    "dice": "dice",
    "game": "game",
    "gift": "gift",
    "giveaway": "giveaway",
    "giveaway_winners": "giveaway",
    "invoice": "invoice",
    "location": "location",
    "paid_media": "paid",
    "passport_data": UNKNOWN,
    "reply_to_story": "story",
    "sticker": "sticker",
    "story": "story",
    "unique_gift": "gift",
    "venue": "location",
    "video": "video",
    "widget": "widget",
    **_fields(
        EVENT,
        "boost_added channel_chat_created chat_background_set chat_owner_changed chat_owner_left"
        " chat_shared checklist_tasks_added checklist_tasks_done community_* connected_website"
        " delete_chat_photo direct_message_price_changed forum_topic_closed forum_topic_created"
        " forum_topic_edited forum_topic_reopened general_forum_topic_hidden"
        " general_forum_topic_unhidden gift_upgrade_sent giveaway_completed giveaway_created"
        " group_chat_created left_chat_member left_chat_participant managed_bot_created"
        " message_auto_delete_timer_changed migrate_from_chat_id migrate_to_chat_id"
        " new_chat_member new_chat_members new_chat_participant new_chat_photo new_chat_title"
        " paid_message_price_changed pinned_message poll_option_added poll_option_deleted"
        " proximity_alert_triggered suggested_post_approval_failed suggested_post_approved"
        " suggested_post_declined suggested_post_paid suggested_post_refunded"
        " supergroup_chat_created user_shared users_shared video_chat_ended"
        " video_chat_participants_invited video_chat_scheduled video_chat_started voice_chat_ended"
        " voice_chat_participants_invited voice_chat_scheduled voice_chat_started web_app_data"
        " write_access_allowed",
    ),
    **_fields(
        ABOUT,
        "author_signature business_connection_id caption_entities chat date direct_messages_topic"
        " edit_date effect_id entities ephemeral_message_id forward_date forward_from"
        " forward_from_chat forward_from_message_id forward_origin forward_sender_name"
        " forward_signature from guest_bot_caller_chat guest_bot_caller_user guest_query_id"
        " has_media_spoiler has_protected_content is_automatic_forward is_from_offline"
        " is_paid_post is_topic_message link_preview_options live_photo media_group_id message_id"
        " message_thread_id origin paid_star_count receiver_user reply_markup"
        " reply_to_checklist_task_id reply_to_poll_option_id sender_boost_count"
        " sender_business_bot sender_chat sender_tag show_caption_above_media suggested_post_info"
        " via_bot",
    ),
}


@dataclass(frozen=True, slots=True)
class ReceivedAttachment:
    """A file of a message; `kind` is voice, photo, document or other.

    `size` is in bytes; it and the duration of a recording are 0 if unknown.
    """

    kind: str
    file_id: str = ""
    name: str = ""
    mime: str = ""
    size: int = 0
    duration: timedelta = timedelta()


# Something that is not read, in place of a file.
OTHER = ReceivedAttachment("other")


@dataclass(frozen=True, slots=True)
class Parts:
    """The files of a message, and the names of what was not read of it and of what it replies to.

    A message without files of which something was not read has `OTHER`.
    """

    files: tuple[ReceivedAttachment, ...] = ()
    unread: tuple[str, ...] = ()


def parts_of(message: Message | None) -> Parts:
    """Return the parts of a message that `write_known_fields` prepared; none for None."""
    found = message.api_kwargs.get(PARTS) if message is not None else None
    return found if isinstance(found, Parts) else Parts()


def is_event(message: Json) -> bool:
    """Return whether Telegram reports something in a message, such as a pinned message."""
    return any(_kind_of(name) == EVENT for name in message)


def write_known_fields(message: Json) -> dict[str, Any]:
    """Return a message with fields that the library knows, and its `Parts`."""
    known, parts = _write_own(message)
    unread = [*parts.unread]
    replied = get_object(message, "reply_to_message")
    external = get_object(message, "external_reply")
    if quote := _pointed_text(message, replied or external):
        known["quote"] = {"text": quote, "position": 0}
    if replied:
        known["reply_to_message"], found = _write_own(replied)
        # The bot knows its own messages; a quote is all that is meant.
        if "quote" not in known and not get_object(replied, "from").get("is_bot"):
            unread += found.unread
    if external and "quote" not in known:
        known["external_reply"], found = _write_own(external)
        if quote := known["external_reply"].get("text", ""):
            known["quote"] = {"text": quote, "position": 0}
        unread += found.unread if quote else [ELSEWHERE]
    known[PARTS] = Parts(parts.files, tuple(dict.fromkeys(unread)))
    return known


def _write_own(message: Json) -> tuple[dict[str, Any], Parts]:
    """Return a message's own fields and parts, without what it replies to."""
    known = dict(message)
    files = list(_read_files(message))
    unread = [_name_unread(name, value) for name, value in message.items()]
    for kind, read in _READERS.items():
        if kind not in known:
            continue
        found = read(known.pop(kind))
        unread += found.left_out
        if kind == "rich_message":
            known |= {"text": found.text, "entities": list(found.entities)}
            unread += [_name_unread(name, [file]) for name, file in found.files]
            files += chain.from_iterable(
                _read_files({name: file}) for name, file in found.files
            )
        else:
            texts = [get_text(known, "text"), found.text]
            known["text"] = "\n\n".join(filter(None, texts))
    names = tuple(dict.fromkeys(filter(None, unread)))
    parts = Parts(tuple(files or ([OTHER] if names else [])), names)
    known[PARTS] = parts
    return known, parts


def _kind_of(name: str) -> str | None:
    return KINDS.get(name, KINDS.get(f"{name.partition('_')[0]}_*"))


def _name_unread(name: str, value: Any) -> str:
    """Return the name of what a field holds if it is not read, "" for any other."""
    kind = _kind_of(name)
    if kind is None:
        return UNKNOWN if isinstance(value, Mapping | list) else ""
    return "" if kind in {READ, EVENT, ABOUT} else kind


def _read_files(message: Json) -> Iterator[ReceivedAttachment]:
    for name, read_kind in _FILES.items():
        file = message.get(name)
        # A photo in several sizes, the largest last.
        file = file[-1] if isinstance(file, list) and file else file
        # Telegram adds an animation as a document too, for old bots.
        if not isinstance(file, Mapping) or "animation" in message:
            continue
        mime = get_text(file, "mime_type")
        kinds = (kind for mark, kind in _DOCUMENTS.items() if mime.startswith(mark))
        yield ReceivedAttachment(
            read_kind or next(kinds, "document"),
            get_text(file, "file_id"),
            get_text(file, "file_name"),
            mime,
            get_integer(file, "file_size"),
            timedelta(seconds=min(get_integer(file, "duration"), MAX_SECONDS)),
        )


# The fields with files that are read; the kind of a document depends on its type.
_FILES = {
    "photo": "photo",
    "voice": "voice",
    "audio": "voice",
    "video_note": "voice",
    "document": "",
}


def _read_poll(poll: Any) -> RichText:
    fields = poll if isinstance(poll, Mapping) else {}
    texts = [get_text(fields, "question"), get_text(fields, "description")]
    options = [
        f"- {get_text(option, 'text')}" for option in _objects(fields, "options")
    ]
    has_files = '"file_id"' in json.dumps(fields)
    return _read_lines([*texts, *options], (FILE,) if has_files else ())


def _read_checklist(checklist: Any) -> RichText:
    fields = checklist if isinstance(checklist, Mapping) else {}
    tasks = [
        f"- [{'x' if get_integer(task, 'completion_date') else ' '}] {get_text(task, 'text')}"
        for task in _objects(fields, "tasks")
    ]
    return _read_lines([get_text(fields, "title"), *tasks])


def _read_lines(lines: list[str], left_out: tuple[str, ...] = ()) -> RichText:
    text = "\n".join(filter(None, lines))
    return RichText(text, left_out=left_out if text else (UNKNOWN,))


def _objects(fields: Json, name: str) -> list[Json]:
    return [each for each in get_list(fields, name) if isinstance(each, Mapping)]


_READERS: Mapping[str, Callable[[Any], RichText]] = {
    "rich_message": read_rich_message,
    "poll": _read_poll,
    "checklist": _read_checklist,
}
# The field with the id of the task or option that a message replies to: whose, where, by which key.
_POINTERS = {
    "reply_to_checklist_task_id": ("checklist", "tasks", "id"),
    "reply_to_poll_option_id": ("poll", "options", "persistent_id"),
}


def _pointed_text(message: Json, replied: Json) -> str:
    """Return the text of the task or option that a message replies to, "" for none."""
    for field, (kind, items, key) in _POINTERS.items():
        wanted = message.get(field)
        for item in _objects(get_object(replied, kind), items):
            if wanted is not None and item.get(key) == wanted:
                return get_text(item, "text")
    return ""
