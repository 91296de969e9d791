"""Callback and inline queries: how a bot answers them; those of payments are in `stars`.

The results of inline mode are kept for as long as the bot said.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from merlin.sandbox.telegram.arguments import Arguments, bad_request
from merlin.sandbox.telegram.keyboards import checked_markup
from merlin.sandbox.telegram.messages import checked_text
from merlin.sandbox.telegram.world import Query, World

ANSWER_CHARACTERS = 200
CALLBACK_S = 15 * 60.0


def open_query(world: World, query_id: str, kind: str, within_s: float) -> Query:
    """Return a query that waits. Raises BotApiError for one answered, too old or unknown."""
    query = world.queries.get(query_id)
    late = query is None or query.answered or time.time() - query.asked_at > within_s
    if query is None or late or query.kind != kind:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    return query


async def answer_callback_query(world: World, arguments: Arguments) -> bool:
    """Answer answerCallbackQuery; the text is shown to the person for a moment."""
    text = arguments.text("text")
    if len(text) > ANSWER_CHARACTERS:
        raise bad_request("MESSAGE_TOO_LONG")
    query_id = arguments.text("callback_query_id")
    query = open_query(world, query_id, "callback_query", CALLBACK_S)
    world.record("answered", query_id=query_id)
    shown = {"text": text, "alert": arguments.flag("show_alert"), "url": arguments.text("url")}
    world.tell("answer", {"person_id": query.person_id, **shown})
    return True


ANSWER_S = 30.0
CACHE_S = 300
MOST_RESULTS = 50
ID_BYTES = 64


@dataclass(frozen=True, slots=True)
class InlineAnswer:
    """What the bot answered to one inline query, and until when others are shown the same."""

    query_id: str
    person_id: int
    query: str
    results: tuple[Mapping[str, Any], ...]
    until: float
    is_personal: bool

    def serves(self, person_id: int, query: str) -> bool:
        """Return whether Telegram shows this again instead of asking the bot."""
        is_fresh = self.query == query and time.time() < self.until
        return is_fresh and (not self.is_personal or self.person_id == person_id)


async def answer_inline_query(world: World, arguments: Arguments) -> bool:
    """Answer answerInlineQuery."""
    query_id = arguments.text("inline_query_id")
    query = open_query(world, query_id, "inline_query", ANSWER_S)
    raw = arguments.parsed("results")
    if len(raw) > MOST_RESULTS:
        raise bad_request("RESULTS_TOO_MUCH")
    results = tuple(_checked(one) for one in raw)
    if len({one["id"] for one in results}) < len(results):
        raise bad_request("RESULT_ID_DUPLICATE")
    world.record("answered", query_id=query_id)
    asked = query.update
    until = time.time() + max(arguments.integer("cache_time", CACHE_S), 0)
    world.inline_answers[query_id] = InlineAnswer(
        query_id,
        query.person_id,
        asked["query"],
        results,
        until,
        arguments.flag("is_personal"),
    )
    world.tell("inline", {"person_id": query.person_id, "query_id": query_id})
    return True


def _checked(raw: dict[str, Any]) -> dict[str, Any]:
    """Return a result with its message ready to be sent."""
    if raw["type"] != "article":
        raise bad_request("can't parse inline query result: Unsupported type specified")
    if not 1 <= len(raw["id"].encode()) <= ID_BYTES:
        raise bad_request("RESULT_ID_INVALID")
    if not raw["title"].strip():
        raise bad_request("ARTICLE_TITLE_EMPTY")
    content = raw["input_message_content"]
    named = Arguments({**content, "text": content["message_text"]})
    markup = checked_markup(raw.get("reply_markup"), private=False)
    message = checked_text(named, "MESSAGE_TOO_LONG")
    return {**raw, "message": {**message, **({"reply_markup": markup} if markup else {})}}


def cached_answer(world: World, person_id: int, query: str) -> InlineAnswer | None:
    """Return the newest answer that Telegram would show without asking the bot."""
    answers = reversed(world.inline_answers.values())
    return next((one for one in answers if one.serves(person_id, query)), None)
