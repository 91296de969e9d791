"""Picking: a forwarded chat becomes an example: who asked and who answered is marked by buttons.

forward messages (a step) -> marks, toggled one by one; more may be forwarded -> proof
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from merlin.bot.event import Event
from merlin.bot.handlers.answer.asked_again import number
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import ASSISTANT, USER, Draft, conversation
from merlin.bot.handlers.examples.proof import look
from merlin.bot.handlers.examples.reach import leaving, to
from merlin.bot.handlers.examples.sheet import cut, sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.leaves import LEAF, leaf, turning
from merlin.bot.screen import Screen
from merlin.core.errors import NotFound, Refused
from merlin.core.page import Button
from merlin.core.text import text
from merlin.inbox.update import Update

PICK = "ex-pick"
MOST_MESSAGES = 60
_LABEL = 48
_NEXT = {USER: ASSISTANT, ASSISTANT: "", "": USER}
_SIGNS = {USER: "👤", ASSISTANT: "🤖", "": "▫️"}
# What was said in the forwarded chat: `who`, `words`, and the `role` that it is marked with.
Heard = Mapping[str, Any]


def collect(kit: Kit, event: Event) -> Screen:
    """Ask for a forwarded chat."""
    return _shown(kit, event, reach.dataset(kit, event), [], 0)


def _shown(
    kit: Kit, event: Event, name: str, heard: Sequence[Heard], wanted: int, note: str = ""
) -> Screen:
    """Show who said what, to be marked, and wait for more."""
    reach.wait(kit, event, PICK, None, dataset=name, heard=list(heard))
    title = text(event.language, "examples-proof-new", dataset=name)
    back = leaving(event, "ds", panel.short(name))
    if not heard:
        return sheet(title, note, text(event.language, "examples-ask-forward"), rows=[back])
    places, page = leaf(range(len(heard)), wanted)
    marks = [(_mark(place, page, heard[place]),) for place in places]
    turns = turning(reach.data("picks"), page, len(heard))
    done = (to(event, "examples-done", "picked", style="primary"),)
    words = text(event.language, "examples-pick-words")
    return sheet(title, note, words, rows=[*marks, *turns, done, back])


def _mark(place: int, page: int, message: Heard) -> Button:
    words = " ".join(str(message["words"]).split())
    label = f"{_SIGNS[message['role']]} {cut(words, _LABEL)}"
    return Button(label, reach.data("pick", place, page))


def _kept(kit: Kit, event: Event) -> tuple[str, list[Heard]]:
    """Return the dataset and what was forwarded. Raises NotFound, Refused for another step."""
    reach.at_step(event, PICK)
    name = reach.checked(kit, event, str(reach.kept(event, "dataset")))
    return name, list(reach.kept(event, "heard") or [])


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
    return _shown(kit, event, name, every, (len(every) - 1) // LEAF, note)


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
