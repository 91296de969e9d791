"""Inline mode: queries, cached answers, chosen results."""

from __future__ import annotations

import pytest
from telegram import (
    InlineQueryResultArticle,
    InputTextMessageContent,
)
from telegram.constants import UpdateType
from telegram.error import BadRequest

from merlin.core.errors import NotFound
from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def make_article(result_id="1", text="Форма лба"):
    return InlineQueryResultArticle(result_id, "Ответ", InputTextMessageContent(text))


def answer_query(standin, call, person="anna", query="лоб", results=None, **fields):
    update_id = standin.ask_inline(person, query)

    async def act(bot):
        updates = await bot.get_updates(allowed_updates=list(UpdateType))
        query_update = next(
            update.inline_query for update in updates if update.update_id == update_id
        )
        await bot.answer_inline_query(query_update.id, results or [make_article()], **fields)
        return query_update

    return call(act)


def test_inline_query_is_delivered_and_its_results_shown(telegram, call):
    query = answer_query(telegram, call)
    assert (query.query, query.from_user.id, query.chat_type) == ("лоб", 1001, "sender")
    answer = telegram.inline_answer("anna", "лоб")
    assert [result["title"] for result in answer.results] == ["Ответ"]
    with pytest.raises(BadRequest, match="Query is too old"):
        call(lambda bot: bot.answer_inline_query(query.id, [make_article()]))


@pytest.mark.parametrize(
    ("fields", "asks_again", "asks_for_others"),
    [
        ({}, False, False),
        ({"is_personal": True}, False, True),
        ({"cache_time": 0}, True, True),
    ],
)
def test_inline_answer_is_cached_for_the_time_and_people_the_bot_set(
    telegram, call, fields, asks_again, asks_for_others
):
    answer_query(telegram, call, **fields)
    assert bool(telegram.ask_inline("anna", "лоб")) is asks_again
    assert bool(telegram.ask_inline("boris", "лоб")) is asks_for_others


def test_chosen_result_is_sent_through_the_bot(telegram, call):
    answer_query(telegram, call)
    assert telegram.choose("anna@study", "лоб", "1")
    (logged,) = telegram.log("study")
    assert (logged.text, logged.message["via_bot"]["is_bot"], logged.by_bot) == (
        "Форма лба",
        True,
        False,
    )
    with pytest.raises(NotFound):
        telegram.choose("anna", "лоб", "2")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([{"type": "article", "id": "1", "title": "a"}], "input_message_content"),
        ([{"type": "game", "id": "1"}], "Unsupported type"),
        ([{"type": "article", "id": "я" * 33, "title": "a"}], "RESULT_ID_INVALID"),
        ([{"type": "article", "id": "1", "title": " "}], "ARTICLE_TITLE_EMPTY"),
        ([make_article().to_dict()] * 2, "RESULT_ID_DUPLICATE"),
        ([make_article(str(n)).to_dict() for n in range(51)], "RESULTS_TOO_MUCH"),
    ],
)
def test_inline_results_that_telegram_refuses_are_refused(telegram, results, message):
    telegram.ask_inline("anna", "лоб")
    query_id = telegram.pending()[0]["inline_query"]["id"]
    url = f"{telegram.base_url}{telegram.token}/answerInlineQuery"
    status, document = fetch(url, {"inline_query_id": query_id, "results": results})
    assert status == 400
    assert message in document["description"]
