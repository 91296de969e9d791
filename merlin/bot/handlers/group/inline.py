"""Inline: answers to `@bot words` typed in any chat, at once and without asking a model.

The person's own answers, taught examples, and a message whose button asks in the private chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from merlin.bot.event import Event
from merlin.bot.handlers.answer.question import answer_question
from merlin.bot.handlers.group.links import asked_token, asking
from merlin.bot.kit import Kit
from merlin.bot.wire import keyboard, shown
from merlin.chat.inline import Said
from merlin.chat.markup.parts import first_part
from merlin.chat.markup.rich import rich
from merlin.chat.prompt import Prompt
from merlin.core.page import Button, Mark, Page
from merlin.core.text import text
from merlin.core.utf16 import units
from merlin.inbox.update import UpdateState

# Own answers change with every question, so nothing is kept for long; and for nobody else.
CACHE_S = 10
MOST_OWN = 5
MOST_TAUGHT = 5
MOST_LETTERS = 256
_TITLE, _LINE = 80, 120
_ASKED = "❓ "


async def answer_inline(kit: Kit, event: Event) -> None:
    """Answer an inline query and end it; who is blocked gets nothing."""
    query = event.update.body.get("inline_query")
    said = query.get("query") if isinstance(query, dict) else None
    words = said.strip()[:MOST_LETTERS] if isinstance(said, str) else ""
    fields: dict[str, Any] = {
        "inline_query_id": event.query_id,
        "cache_time": CACHE_S,
        "is_personal": True,
        "results": [],
    }
    await kit.me.learn(kit.calls)
    if event.user.is_blocked or event.is_resumed:
        words = ""
    elif words:
        fields["results"] = await kit.store.do(lambda: _results(kit, event, words))
    else:
        hint = text(event.language, "inline-hint")
        fields["button"] = {"text": hint, "start_parameter": "inline"}
    await kit.calls.answer("answerInlineQuery", fields)
    await kit.end(event, UpdateState.ANSWERED if words else UpdateState.REFUSED, "inline")


def _results(kit: Kit, event: Event, words: str) -> list[dict[str, Any]]:
    own = kit.rows.inline.own(event.user_id, words, MOST_OWN)
    serving = kit.rows.shelf.serving(kit.services.default_dataset)
    build_id = serving.model.build_id if serving is not None else 0
    taught = kit.rows.inline.taught(build_id, words, MOST_TAUGHT) if build_id else []
    return [_asking(kit, event, words), *_told("own", own), *_told("taught", taught)]


def _told(kind: str, found: Sequence[Said]) -> list[dict[str, Any]]:
    """Return results that put a question with its answer into the chat."""
    return [
        {
            "type": "article",
            "id": f"{kind}:{place}",
            "title": _cut(each.question, _TITLE),
            "description": _cut(each.answer, _LINE),
            "input_message_content": _content(_answered(each)),
        }
        for place, each in enumerate(found)
    ]


def _answered(said: Said) -> Page:
    head = _cut(said.question, MOST_LETTERS)
    body = rich(said.answer)
    start = units(head) + 2
    moved = tuple(replace(mark, offset=mark.offset + start) for mark in body.marks)
    whole = Page(f"{head}\n\n{body.text}", (Mark("bold", 0, units(head)), *moved))
    return first_part(whole)


def _content(page: Page) -> dict[str, Any]:
    fields = shown(page)
    fields.pop("reply_markup", None)
    return {"message_text": fields.pop("text"), **fields}


def _asking(kit: Kit, event: Event, words: str) -> dict[str, Any]:
    """Return the result that puts a question into the chat, with the way to ask it."""
    token = kit.rows.inline.keep(event.user_id, words)
    label = text(event.language, "inline-button-ask")
    button = Button(label, url=kit.me.link(asking(token)))
    page = Page(f"{_ASKED}{words}", buttons=((button,),))
    return {
        "type": "article",
        "id": "ask",
        "title": text(event.language, "inline-ask"),
        "description": _cut(words, _LINE),
        "input_message_content": _content(page),
        **keyboard(page),
    }


def _cut(words: str, most: int) -> str:
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def is_shared(event: Event) -> bool:
    """Return whether a message shows what inline mode found, and so asks nothing."""
    message = event.update.body.get(event.update.kind)
    is_ours = isinstance(message, dict) and "via_bot" in message
    return is_ours and not event.text.startswith(_ASKED)


async def ask_linked(kit: Kit, event: Event) -> None:
    """Ask the question that a link of an inline message leads to. Raises Unreachable."""
    token = asked_token(event)
    question = await kit.store.read(lambda: kit.rows.inline.question(token))
    if question is None:
        await kit.say(event, text(event.language, "inline-gone"), UpdateState.REFUSED, "gone")
        return
    note = text(event.language, "inline-asked", question=question)

    async def same(_kit: Kit, _event: Event) -> Prompt:
        return Prompt(question, note=note)

    await answer_question(kit, replace(event, text=question, command="", words=""), same)
