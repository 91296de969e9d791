"""The methods by which a bot answers queries; those of payments are in `invoices`."""

from __future__ import annotations

import time

from merlin.sandbox.telegram.arguments import Arguments
from merlin.sandbox.telegram.errors import bad_request
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
