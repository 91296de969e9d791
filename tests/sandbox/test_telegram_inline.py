"""Inline mode: queries, what Telegram keeps of the answers, chosen results and their edits."""

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


def article(result_id="1", text="Форма лба"):
    return InlineQueryResultArticle(result_id, "Ответ", InputTextMessageContent(text))


def answer_query(standin, ask, who="anna", query="лоб", results=None, **fields):
    update_id = standin.ask_inline(who, query)

    async def act(bot):
        found = await bot.get_updates(allowed_updates=list(UpdateType))
        asked = next(one.inline_query for one in found if one.update_id == update_id)
        await bot.answer_inline_query(asked.id, results or [article()], **fields)
        return asked

    return ask(act)


def test_a_query_is_asked_and_its_results_shown(telegram_up, ask):
    asked = answer_query(telegram_up, ask)
    assert (asked.query, asked.from_user.id, asked.chat_type) == ("лоб", 1001, "sender")
    shown = telegram_up.inline_answer("anna", "лоб")
    assert [one["title"] for one in shown.results] == ["Ответ"]
    with pytest.raises(BadRequest, match="Query is too old"):
        ask(lambda bot: bot.answer_inline_query(asked.id, [article()]))


@pytest.mark.parametrize(
    ("fields", "again", "others"),
    [
        ({}, False, False),
        ({"is_personal": True}, False, True),
        ({"cache_time": 0}, True, True),
    ],
)
def test_an_answer_is_kept_as_long_and_for_whom_the_bot_said(
    telegram_up, ask, fields, again, others
):
    answer_query(telegram_up, ask, **fields)
    assert bool(telegram_up.ask_inline("anna", "лоб")) is again
    assert bool(telegram_up.ask_inline("boris", "лоб")) is others


def test_a_chosen_result_is_a_message_sent_through_the_bot(telegram_up, ask):
    answer_query(telegram_up, ask)
    assert telegram_up.choose("anna@study", "лоб", "1")
    (logged,) = telegram_up.log("study")
    assert (logged.text, logged.message["via_bot"]["is_bot"], logged.by_bot) == (
        "Форма лба",
        True,
        False,
    )
    with pytest.raises(NotFound):
        telegram_up.choose("anna", "лоб", "2")


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([{"type": "article", "id": "1", "title": "a"}], "input_message_content"),
        ([{"type": "game", "id": "1"}], "Unsupported type"),
        ([{"type": "article", "id": "я" * 33, "title": "a"}], "RESULT_ID_INVALID"),
        ([{"type": "article", "id": "1", "title": " "}], "ARTICLE_TITLE_EMPTY"),
        ([article().to_dict()] * 2, "RESULT_ID_DUPLICATE"),
        ([article(str(n)).to_dict() for n in range(51)], "RESULTS_TOO_MUCH"),
    ],
)
def test_results_that_telegram_refuses(telegram_up, results, words):
    telegram_up.ask_inline("anna", "лоб")
    query_id = telegram_up.pending()[0]["inline_query"]["id"]
    url = f"{telegram_up.base_url}{telegram_up.token}/answerInlineQuery"
    status, document = fetch(url, {"inline_query_id": query_id, "results": results})
    assert status == 400
    assert words in document["description"]
