"""A held model on the admin's pages and in the api: why, for which questions, and accepted."""

from __future__ import annotations

import re
import secrets

import pytest
from api_site import BORIS, VERA
from staff_site import office

from merlin.core.permissions import Role

pytestmark = pytest.mark.functional
YES, NO = "Да, всё именно так и есть.", "Нет, никогда такого не было."
EDITOR = 1006


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with office(tmp_path_factory.mktemp("gate")) as site:
        site.person(EDITOR, Role.EDITOR)
        site.person(BORIS, Role.TEACHER, "other")
        site.lab.repository.dataset(count=12, tests=0, gate="not_worse")
        for number in range(20, 32):
            site.lab.repository.example("trial", number, answer=YES, is_test=True)
        for answer in (YES, NO):
            site.provider.behave(fixed_answer=answer)
            site.lab.repository.example("trial", 1, answer=f"Слово «{answer}»")
            site.lab.repository.commit()
            site.lab.tick(rounds=8)
        yield site


def seen(site, path, who=VERA):
    with site.browser(who) as client:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.text


def held(site):
    """Return the model that is held, as the api tells it."""
    return next(one for one in site.admin.get("/api/models").json()["models"] if one["held"])


def test_the_pages_say_why_a_model_is_held_and_for_which_questions(site):
    said = seen(site, "/admin/models")
    assert "остановлена тестом" in said
    assert "неверно отвечает на 12 тестовых вопросов" in said
    assert said.count("✗ Что значит слово номер") == 12
    assert f"/admin/models/{held(site)['id']}/accept" in said
    verdict = site.admin.get("/api/verdicts").json()["verdicts"][0]
    commit = seen(site, f"/admin/verdicts?commit={verdict['commit']}")
    assert "остановлено тестом" in commit
    assert "неверно отвечает на 12 тестовых вопросов" in commit
    assert "пока не отвечает: trial" in seen(site, "/admin")


def test_an_editor_accepts_on_the_page_and_a_teacher_of_another_dataset_cannot(site):
    address = f"/admin/models/{held(site)['id']}/accept"
    with site.browser(BORIS) as client:
        assert client.post(address, data={"once": secrets.token_hex(16)}).status_code == 404
    with site.browser(EDITOR) as client:
        page = client.get("/admin/models").text
        mark = re.search(rf'action="{address}".*?name="once" value="([^"]+)"', page, re.DOTALL)
        assert f"{held(site)['id']}/promote" not in page
        for _ in range(2):  # pressed twice it is asked once
            answer = client.post(address, data={"once": mark[1]})
            assert answer.status_code == 303
        site.lab.tick("serve", "promote")
        assert "готово" in client.get(answer.headers["location"]).text
    assert site.lab.status()["serving"]["build"] == held_before(site)


def held_before(site):
    """Return the newest build: the one that was held."""
    return site.admin.get("/api/models").json()["models"][0]["build"]
