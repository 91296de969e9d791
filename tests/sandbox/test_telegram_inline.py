"""Results of inline mode that Telegram refuses."""

from __future__ import annotations

import pytest
from telegram import (
    InlineQueryResultArticle,
    InputTextMessageContent,
)

from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional


def make_article(result_id="1", text="Форма лба"):
    return InlineQueryResultArticle(result_id, "Ответ", InputTextMessageContent(text))


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
