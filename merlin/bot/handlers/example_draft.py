"""An example is written turn by turn, picked from a forwarded chat, or put in other words.

    question -> answer -> another turn? -> tags (or none) -> proof
    forward messages (a step) -> marks, toggled one by one; more may be forwarded -> proof

In a forwarded chat who asked and who answered is marked by buttons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from merlin.app.inbox import Update
from merlin.bot.context import Event, Kit
from merlin.bot.handlers import admin, example_access
from merlin.bot.handlers.example_access import (
    ASSISTANT,
    USER,
    Draft,
    conversation,
    draft_of_file,
    leaving,
    to,
)
from merlin.bot.handlers.example_save import look
from merlin.bot.handlers.questions import number
from merlin.bot.menu import PAGE_SIZE, File, Screen, code_block, cut, page_buttons, paginate, sheet
from merlin.core.errors import NotFound, Refused
from merlin.core.formatted_text import Attachment, Button, FormattedMessage, utf16_length
from merlin.core.i18n import text

QUESTION, ANSWER, TURNS, TAGS = "ex-question", "ex-answer", "ex-turns", "ex-tags"
MOST_TURNS = 60
_SHOWN_TURNS = 6
_TURN_LETTERS = 300
_SEPARATORS = re.compile(r"[,;\s]+")


def add(kit: Kit, event: Event) -> Screen:
    """Begin a new example."""
    return _ask(kit, event, Draft(example_access.dataset(kit, event)))


def _ask(kit: Kit, event: Event, draft: Draft) -> Screen:
    """Ask for the turn that comes next, or what is to be done with a whole conversation."""
    if draft.is_whole:
        return whole_conversation(kit, event, draft)
    is_answer = bool(draft.turns)
    example_access.wait(kit, event, ANSWER if is_answer else QUESTION, draft)
    key = "examples-ask-answer" if is_answer else "examples-ask-question"
    back = ("unturn",) if draft.turns else ("ds", admin.short(draft.dataset))
    title = text(event.language, "examples-proof-new", dataset=draft.dataset)
    words = text(event.language, key)
    return sheet(title, _so_far(draft), words, rows=[leaving(event, *back)])


def whole_conversation(kit: Kit, event: Event, draft: Draft) -> Screen:
    """Show the conversation, and ask whether there is more of it."""
    example_access.wait(kit, event, TURNS, draft)
    title = text(event.language, "examples-proof-new", dataset=draft.dataset)
    words = text(event.language, "examples-ask-more")
    rows = [
        (to(event, "examples-turn", "turn"), to(event, "examples-done", "tags", style="primary")),
        leaving(event, "unturn"),
    ]
    return sheet(title, _so_far(draft), words, rows=rows)


def _so_far(draft: Draft) -> str:
    """Return the newest turns, short."""
    signs = {USER: "👤", ASSISTANT: "🤖"}
    shown = draft.turns[-_SHOWN_TURNS:]
    lines = [f"{signs[role]} {cut(words, _TURN_LETTERS)}" for role, words in shown]
    return "\n".join(["…", *lines] if len(shown) < len(draft.turns) else lines)


def question(kit: Kit, event: Event, words: str) -> Screen:
    """Take the user's words."""
    return _ask(kit, event, example_access.draft(kit, event).then(USER, words.strip()))


def answer(kit: Kit, event: Event, words: str) -> Screen:
    """Take the assistant's words."""
    return _ask(kit, event, example_access.draft(kit, event).then(ASSISTANT, words.strip()))


def turn(kit: Kit, event: Event) -> Screen:
    """Ask for a further question."""
    example_access.at_step(event, TURNS)
    draft = example_access.draft(kit, event)
    if len(draft.turns) >= MOST_TURNS:
        raise Refused("too many turns", "examples-many-turns", most=MOST_TURNS)
    example_access.wait(kit, event, QUESTION, draft)
    title = text(event.language, "examples-proof-new", dataset=draft.dataset)
    words = text(event.language, "examples-ask-question")
    return sheet(title, _so_far(draft), words, rows=[leaving(event, "turns")])


def turns(kit: Kit, event: Event) -> Screen:
    """Go back to the conversation as it is."""
    example_access.at_step(event, QUESTION, TAGS, TURNS)
    return _ask(kit, event, example_access.draft(kit, event))


def unturn(kit: Kit, event: Event) -> Screen:
    """Take the last turn back, and ask for it again."""
    example_access.at_step(event, QUESTION, ANSWER, TURNS)
    draft = example_access.draft(kit, event)
    return _ask(kit, event, replace(draft, turns=draft.turns[:-1]))


def tags(kit: Kit, event: Event) -> Screen:
    """Ask for tags."""
    draft = example_access.draft(kit, event)
    if not draft.turns:
        raise Refused("another draft", "bot-button-old")
    example_access.wait(kit, event, TAGS, draft)
    title = text(event.language, "examples-proof-new", dataset=draft.dataset)
    words = text(event.language, "examples-ask-tags")
    known = text(event.language, "examples-tags-now", tags=", ".join(draft.tags or ()))
    rows = [(to(event, "examples-skip", "look", style="primary"),), leaving(event, "turns")]
    return sheet(title, words, known if draft.tags else "", rows=rows)


async def tagged(kit: Kit, event: Event, words: str) -> None:
    """Take the tags, and show the proof."""
    await look(kit, event, lambda: replace(example_access.draft(kit, event), tags=tags_of(words)))


async def shown(kit: Kit, event: Event) -> None:
    """Show the proof of the draft as it is."""
    await look(kit, event, lambda: example_access.draft(kit, event))


async def unawaited(kit: Kit, event: Event) -> None:
    """Say that a button is awaited; nothing is lost."""
    note = text(event.language, "examples-press-button")
    await look(kit, event, lambda: example_access.draft(kit, event), note)


def more_unawaited(kit: Kit, event: Event) -> Screen:
    """Say that a button is awaited, and show the conversation again."""
    screen = whole_conversation(kit, event, example_access.draft(kit, event))
    return noted(event, screen)


def noted(event: Event, screen: Screen) -> Screen:
    """Return the screen below a word that a button is awaited."""
    if screen.page is None:
        return screen
    return sheet(
        text(event.language, "examples-press-button"), screen.page.text, rows=screen.page.buttons
    )


def tags_of(words: str) -> tuple[str, ...]:
    """Return the tags that a person wrote, each once."""
    found = (each.strip("#") for each in _SEPARATORS.split(words))
    return tuple(dict.fromkeys(filter(None, found)))


PICK = "ex-pick"
MOST_MESSAGES = 60
_LABEL = 48
_NEXT = {USER: ASSISTANT, ASSISTANT: "", "": USER}
_SIGNS = {USER: "👤", ASSISTANT: "🤖", "": "▫️"}
# What was said in the forwarded chat: `who`, `words`, and the `role` that it is marked with.
Heard = Mapping[str, Any]


def collect(kit: Kit, event: Event) -> Screen:
    """Ask for a forwarded chat."""
    return _shown(kit, event, example_access.dataset(kit, event), [], 0)


def _shown(
    kit: Kit, event: Event, name: str, heard: Sequence[Heard], wanted: int, note: str = ""
) -> Screen:
    """Show who said what, to be marked, and wait for more."""
    example_access.wait(kit, event, PICK, None, dataset=name, heard=list(heard))
    title = text(event.language, "examples-proof-new", dataset=name)
    back = leaving(event, "ds", admin.short(name))
    if not heard:
        return sheet(title, note, text(event.language, "examples-ask-forward"), rows=[back])
    places, page = paginate(range(len(heard)), wanted)
    marks = [(_mark(place, page, heard[place]),) for place in places]
    turns = page_buttons(example_access.data("picks"), page, len(heard))
    done = (to(event, "examples-done", "picked", style="primary"),)
    words = text(event.language, "examples-pick-words")
    return sheet(title, note, words, rows=[*marks, *turns, done, back])


def _mark(place: int, page: int, message: Heard) -> Button:
    words = " ".join(str(message["words"]).split())
    label = f"{_SIGNS[message['role']]} {cut(words, _LABEL)}"
    return Button(label, example_access.data("pick", place, page))


def _kept(kit: Kit, event: Event) -> tuple[str, list[Heard]]:
    """Return the dataset and what was forwarded. Raises NotFound, Refused for another step."""
    example_access.at_step(event, PICK)
    name = example_access.checked(kit, event, str(example_access.kept(event, "dataset")))
    return name, list(example_access.kept(event, "heard") or [])


def heard(kit: Kit, event: Event) -> Screen:
    """Take what was forwarded; of anything else say that nothing of the rest is lost."""
    name, before = _kept(kit, event)
    new = _said(event, before) if event.is_forwarded else []
    every = [*before, *new][:MOST_MESSAGES]
    note = ""
    if not new:
        note = text(event.language, "examples-forward-wanted")
    elif len(before) + len(new) > MOST_MESSAGES:
        note = text(event.language, "examples-forward-full", most=MOST_MESSAGES)
    return _shown(kit, event, name, every, (len(every) - 1) // PAGE_SIZE, note)


def _said(event: Event, before: Sequence[Heard]) -> list[Heard]:
    """Return the messages with who probably said them: the first to speak asks."""
    messages: list[Heard] = []
    for update in (event.update, *event.joined):
        words = _message(update).get("text") or _message(update).get("caption")
        if not isinstance(words, str) or not words.strip():
            continue
        who, is_bot = author(update)
        first = next((each["who"] for each in [*before, *messages]), who)
        role = ASSISTANT if is_bot or who != first else USER
        messages.append({"who": who, "words": words, "role": role})
    return messages


def author(update: Update) -> tuple[str, bool]:
    """Return who wrote a forwarded message, and whether that was a bot.

    Source: the Bot API, MessageOrigin.
    """
    found = _message(update).get("forward_origin")
    origin: Mapping[str, Any] = found if isinstance(found, dict) else {}
    sender = origin.get("sender_user")
    if isinstance(sender, dict):
        return f"user {sender.get('id')}", sender.get("is_bot") is True
    chat = origin.get("sender_chat", origin.get("chat"))
    if isinstance(chat, dict):
        return f"chat {chat.get('id')}", False
    return f"name {origin.get('sender_user_name', '')}", False


def _message(update: Update) -> Mapping[str, Any]:
    found = update.body.get("message")
    return found if isinstance(found, dict) else {}


def picks(kit: Kit, event: Event) -> Screen:
    """Show another page of the messages."""
    name, messages = _kept(kit, event)
    return _shown(kit, event, name, messages, number(event, 1))


def pick(kit: Kit, event: Event) -> Screen:
    """Mark one message as the next thing: a question, an answer, or left out."""
    name, messages = _kept(kit, event)
    place = number(event, 1)
    if place >= len(messages):
        raise NotFound("no such message", "bot-button-old")
    message = messages[place]
    messages[place] = {**message, "role": _NEXT[message["role"]]}
    return _shown(kit, event, name, messages, number(event, 2))


async def picked(kit: Kit, event: Event) -> None:
    """Show the proof of what was picked."""

    def made() -> Draft:
        name, messages = _kept(kit, event)
        said = [(each["role"], each["words"]) for each in messages if each["role"]]
        if not said:
            raise Refused("nothing picked", "examples-forward-none")
        return Draft(name, turns=conversation(said))

    await look(kit, event, made)


REWORD = "ex-reword"
# What of a text one message shows whole.
_SHOWN_UNITS = 3000
_KEYS: Mapping[str, str] = {
    "q": "examples-reword-question",
    "a": "examples-reword-answer",
    "t": "examples-reword-tags",
    "y": "examples-reword-whole",
}


def word(kit: Kit, event: Event) -> Screen:
    """Ask for other words in the draft."""
    return ask(kit, event, example_access.draft(kit, event), example_access.word(event, 1))


def edit(kit: Kit, event: Event) -> Screen:
    """Ask for other words in an example that lies there."""
    draft = draft_of_file(example_access.example(kit, event))
    return ask(kit, event, draft, example_access.word(event, 3), is_new=True)


def ask(kit: Kit, event: Event, draft: Draft, field: str, *, is_new: bool = False) -> Screen:
    """Ask for the words of one field; what they are now can be copied."""
    if field not in _KEYS or draft.is_gone or (draft.proposal and field == "y"):
        raise Refused("no such field", "bot-button-old")
    now = _now(draft, field)
    example_access.wait(kit, event, REWORD, draft, field=field)
    title = text(event.language, _KEYS[field])
    hint = text(event.language, f"examples-reword-hint-{field}")
    mark = admin.short(draft.dataset)
    back = ("one", mark, admin.short(draft.example_id)) if is_new else ("look",)
    rows = [leaving(event, *back)]
    if field == "t" and now:
        rows.insert(0, (to(event, "examples-no-tags", "untag"),))
    if utf16_length(now) <= _SHOWN_UNITS:
        kind = "yaml" if field == "y" else ""
        return sheet(title, File(now, kind), hint, rows=rows)
    name = f"{field}.{'yaml' if field == 'y' else 'txt'}"
    file = Attachment(name, code_block(now).encode())
    return Screen(
        FormattedMessage(f"{title}\n\n{hint}", buttons=tuple(rows), file=file), is_new=True
    )


def _now(draft: Draft, field: str) -> str:
    """Return what stands there now. Raises Refused where the file cannot be read."""
    if field == "y":
        return draft.written() or ""
    if draft.turns and field in "qa":
        return _of_turns(draft, field)
    overrides = {"q": draft.question, "a": draft.answer}
    given = overrides.get(field)
    if given is not None:
        return given
    if field == "t" and draft.tags is not None:
        return ", ".join(draft.tags)
    return _of_example(draft, field)


def _of_turns(draft: Draft, field: str) -> str:
    if field == "a":
        return draft.turns[-1][1]
    return next((words for role, words in draft.turns if role == "user"), "")


def _of_example(draft: Draft, field: str) -> str:
    bare = replace(draft, question=None, answer=None, tags=None)
    example = bare.example()
    if example is None:
        if field == "t" and draft.turns:
            return ""
        raise Refused("the example is broken", "examples-broken")
    return {"q": example.question, "a": example.answer, "t": ", ".join(example.tags)}[field]


async def reworded(kit: Kit, event: Event, words: str) -> None:
    """Take the words, and show the proof."""

    def made() -> Draft:
        draft = example_access.draft(kit, event)
        field = str(example_access.kept(event, "field"))
        if field == "q":
            return draft.with_question(words.strip())
        if field == "a":
            return draft.with_answer(words.strip())
        if field == "t":
            return replace(draft, tags=tags_of(words))
        return draft.with_text(words if words.endswith("\n") else f"{words}\n")

    await look(kit, event, made)


async def untag(kit: Kit, event: Event) -> None:
    """Take all tags away, and show the proof."""
    await look(kit, event, lambda: replace(example_access.draft(kit, event), tags=()))


async def delete(kit: Kit, event: Event) -> None:
    """Show what deleting an example would lead to; Save is the second question."""
    await look(kit, event, lambda: draft_of_file(example_access.example(kit, event), is_gone=True))


def whole_file(kit: Kit, event: Event) -> Screen:
    """Send the draft's file."""
    draft = example_access.draft(kit, event)
    written = draft.written()
    content = code_block(draft.text if written is None else written).encode()
    if not content:
        raise Refused("nothing written", "examples-no-draft")
    name = f"{draft.example_id.rpartition('/')[2] or 'example'}.yaml"
    return Screen(FormattedMessage("", file=Attachment(name, content)), is_new=True)
