"""The page by which the editors hear of a question, without a script."""

from __future__ import annotations

import re

import pytest
from api_site import ANNA
from asking_site import opened

pytestmark = pytest.mark.functional

TOLD = "SELECT user_id, dataset FROM told_question"


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("door")) as both:
        yield both


def test_a_refused_question_leads_to_the_editors_with_the_consent(door):
    site, provider = door
    provider.behave(fixed_answer="Не знаю.", extension={"known": False})
    chat = f"/courses/{site.course_id('algorithms')}/chat"
    with site.browser(ANNA) as client:
        client.headers["Accept-Language"] = "ru"
        answer = client.post(chat, data={"q": "Куда девать граф?"})
        form = re.search(
            r'action="([^"]+/tell)"><button class="btn" name="q" value="([^"]+)"', answer.text
        )
        assert form is not None
        look = client.post(form[1], data={"q": form[2]})
        assert "Разрешаю, отправить вопрос" in look.text
        refused = client.post(form[1], data={"q": form[2], "act": "send"})
        assert "Без вашего согласия" in refused.text
        assert site.database.sql(TOLD) == []
        assert client.post(form[1], data={"q": " "}).headers["location"] == chat
        sent = client.post(form[1], data={"q": form[2], "act": "allow"})
        assert "Вопрос отправлен" in client.get(sent.headers["location"]).text
    assert [tuple(row) for row in site.database.sql(TOLD)] == [(ANNA, "algorithms")]
    with site.browser(ANNA) as client:
        client.headers["Origin"] = "https://elsewhere.example"
        assert client.post(form[1], data={"q": "Чужой?", "act": "send"}).status_code == 403
