"""Adding: a conversation turn by turn, then tags, then its proof.

question -> answer -> another turn? -> tags (or none) -> proof
"""

from __future__ import annotations

import re
from dataclasses import replace

from merlin.bot.event import Event
from merlin.bot.handlers.examples import reach
from merlin.bot.handlers.examples.draft import ASSISTANT, USER, Draft
from merlin.bot.handlers.examples.proof import look
from merlin.bot.handlers.examples.reach import leaving, to
from merlin.bot.handlers.examples.sheet import cut, sheet
from merlin.bot.handlers.office import panel
from merlin.bot.kit import Kit
from merlin.bot.screen import Screen
from merlin.core.errors import Refused
from merlin.core.text import text

QUESTION, ANSWER, TURNS, TAGS = "ex-question", "ex-answer", "ex-turns", "ex-tags"
MOST_TURNS = 60
_SHOWN_TURNS = 6
_TURN_LETTERS = 300
_SEPARATORS = re.compile(r"[,;\s]+")


def add(kit: Kit, event: Event) -> Screen:
    """Begin a new example."""
    return _ask(kit, event, Draft(reach.dataset(kit, event)))


def _ask(kit: Kit, event: Event, draft: Draft) -> Screen:
    """Ask for the turn that comes next, or what is to be done with a whole conversation."""
    if draft.is_whole:
        return whole(kit, event, draft)
    is_answer = bool(draft.turns)
    reach.wait(kit, event, ANSWER if is_answer else QUESTION, draft)
    key = "examples-ask-answer" if is_answer else "examples-ask-question"
    back = ("unturn",) if draft.turns else ("ds", panel.short(draft.dataset))
    title = text(event.language, "examples-proof-new", dataset=draft.dataset)
    words = text(event.language, key)
    return sheet(title, _so_far(draft), words, rows=[leaving(event, *back)])


def whole(kit: Kit, event: Event, draft: Draft) -> Screen:
    """Show the conversation, and ask whether there is more of it."""
    reach.wait(kit, event, TURNS, draft)
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
    return _ask(kit, event, reach.draft(kit, event).then(USER, words.strip()))


def answer(kit: Kit, event: Event, words: str) -> Screen:
    """Take the assistant's words."""
    return _ask(kit, event, reach.draft(kit, event).then(ASSISTANT, words.strip()))


def turn(kit: Kit, event: Event) -> Screen:
    """Ask for a further question."""
    reach.at_step(event, TURNS)
    draft = reach.draft(kit, event)
    if len(draft.turns) >= MOST_TURNS:
        raise Refused("too many turns", "examples-many-turns", most=MOST_TURNS)
    reach.wait(kit, event, QUESTION, draft)
    title = text(event.language, "examples-proof-new", dataset=draft.dataset)
    words = text(event.language, "examples-ask-question")
    return sheet(title, _so_far(draft), words, rows=[leaving(event, "turns")])


def turns(kit: Kit, event: Event) -> Screen:
    """Go back to the conversation as it is."""
    reach.at_step(event, QUESTION, TAGS, TURNS)
    return _ask(kit, event, reach.draft(kit, event))


def unturn(kit: Kit, event: Event) -> Screen:
    """Take the last turn back, and ask for it again."""
    reach.at_step(event, QUESTION, ANSWER, TURNS)
    draft = reach.draft(kit, event)
    return _ask(kit, event, replace(draft, turns=draft.turns[:-1]))


def tags(kit: Kit, event: Event) -> Screen:
    """Ask for tags."""
    draft = reach.draft(kit, event)
    if not draft.turns:
        raise Refused("another draft", "bot-button-old")
    reach.wait(kit, event, TAGS, draft)
    title = text(event.language, "examples-proof-new", dataset=draft.dataset)
    words = text(event.language, "examples-ask-tags")
    known = text(event.language, "examples-tags-now", tags=", ".join(draft.tags or ()))
    rows = [(to(event, "examples-skip", "look", style="primary"),), leaving(event, "turns")]
    return sheet(title, words, known if draft.tags else "", rows=rows)


async def tagged(kit: Kit, event: Event, words: str) -> None:
    """Take the tags, and show the proof."""
    await look(kit, event, lambda: replace(reach.draft(kit, event), tags=tags_of(words)))


async def shown(kit: Kit, event: Event) -> None:
    """Show the proof of the draft as it is."""
    await look(kit, event, lambda: reach.draft(kit, event))


async def unawaited(kit: Kit, event: Event) -> None:
    """Say that a button is awaited; nothing is lost."""
    note = text(event.language, "examples-press-button")
    await look(kit, event, lambda: reach.draft(kit, event), note)


def more_unawaited(kit: Kit, event: Event) -> Screen:
    """Say that a button is awaited, and show the conversation again."""
    screen = whole(kit, event, reach.draft(kit, event))
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
