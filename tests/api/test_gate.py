"""A held model on the admin's pages and in the api: why, for which questions, and accepted."""

from __future__ import annotations

import re
import secrets

import pytest

from merlin.core.permissions import Role
from tests.api.running_api import BORIS, VERA
from tests.api.staff_api import office

pytestmark = pytest.mark.functional
YES, NO = "Да, всё именно так и есть.", "Нет, никогда такого не было."
EDITOR, LEADER = 1006, 1007


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with office(tmp_path_factory.mktemp("gate")) as site:
        site.person(EDITOR, Role.EDITOR)
        site.person(BORIS, Role.TEACHER, "other")
        site.person(LEADER, Role.TEACHER, "trial")
        site.lab.repository.dataset(count=12, tests=0, gate="not_worse")
        for number in range(20, 32):
            site.lab.repository.example("trial", number, answer=YES, is_test=True)
        for answer in (YES, NO):
            site.provider.behave(fixed_answer=answer)
            site.lab.repository.example("trial", 1, answer=f"Слово «{answer}»")
            site.lab.repository.example("trial", 40, answer=NO)
            site.lab.repository.commit()
            site.lab.tick(rounds=8)
        yield site


def open_page(site, path, who=VERA):
    with site.browser(who) as client:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.text


def held_model(site):
    """Return the model that is held, as the api tells it."""
    return next(one for one in site.admin.get("/api/models").json()["models"] if one["held"])


def test_the_pages_say_why_a_model_is_held_and_for_which_questions(site):
    said = open_page(site, "/admin/models")
    assert "остановлена тестом" in said
    assert "неверно отвечает на 12 тестовых вопросов" in said
    assert said.count("✗ Что значит слово номер") == 12
    assert f"/admin/models/{held_model(site)['id']}/accept" in said
    verdict = site.admin.get("/api/verdicts").json()["verdicts"][0]
    commit = open_page(site, f"/admin/verdicts?commit={verdict['commit']}")
    assert "остановлен тестом" in commit
    assert "неверно отвечает на 12 тестовых вопросов" in commit
    assert "неверно отвечает на 12 тестовых вопросов" in open_page(site, "/admin/board")


def test_the_test_of_a_held_model_is_told_to_who_leads_its_dataset(site):
    held_at = f"/admin/models/{held_before(site)}/evaluation"
    said = open_page(site, held_at, LEADER)
    assert "Остановлена тестом: 12 верных ответов стали неверными" in said
    assert said.count(f">{NO}</p>") == 12
    assert "0 из 12" in said
    assert "Исправить 12 примеров" in said
    assert "12 вопросов — мало" in said
    assert said.count("Сходство с эталоном:") == 12
    assert 'example=q40#open">q40</a>' in said, "the example that teaches the wrong answer"
    assert f"{held_model(site)['id']}/promote" not in said
    assert f"{held_model(site)['id']}/promote" in open_page(site, held_at)
    assert f">{NO}</p>" not in open_page(site, f"{held_at}?show=gained")
    with site.browser(BORIS) as client:
        assert client.get(held_at).status_code == 404
        assert client.get("/admin/models/none-7/evaluation").status_code == 404


def test_a_full_score_says_that_it_tells_nothing_and_a_first_model_stands_alone(site):
    before = site.admin.get("/api/models").json()["models"][1]["build"]
    said = open_page(site, f"/admin/models/{before}/evaluation?show=right")
    assert "Верны все 12 ответов." in said
    assert "Верно 12 из 12" in said or "Прошла" in said
    assert said.count('class="panel pair-q"') == 12
    first = site.admin.get("/api/models").json()["models"][-1]["build"]
    alone = open_page(site, f"/admin/models/{first}/evaluation")
    one_question = alone.partition('class="panel pair-q"')[2].partition("</article>")[0]
    assert one_question.count("<h4>") == 2  # what is expected and the answer, no earlier one


def test_one_question_is_accepted_and_the_model_held_for_the_others(site):
    address = f"/admin/models/{held_before(site)}/evaluation"
    with site.browser(LEADER) as client:
        form = client.get(address).text.partition('name="question"')[0].rpartition("<form")[2]
        action = re.search(r'action="([^"]+)"', form)[1]
        page = client.get(address).text
        digest = re.search(r'name="question" value="([0-9a-f]{64})"', page)[1]
        mark = re.search(r'name="once" value="([0-9a-f]+)"', form)[1]
        sent = {"once": mark, "question": digest, "back": "evaluation"}
        answer = client.post(action, data=sent)
        assert answer.headers["location"].startswith(f"{address}?asked=")
        site.lab.tick("serve", "promote")
        page = client.get(answer.headers["location"]).text
    assert "готово" in page
    assert "неверно отвечает на 11 тестовых вопросов" in page
    assert page.count('name="question"') == 11
    assert f'value="{digest}"' not in page


def test_an_editor_accepts_on_the_page_and_a_teacher_of_another_dataset_cannot(site):
    address = f"/admin/models/{held_model(site)['id']}/accept"
    with site.browser(BORIS) as client:
        assert client.post(address, data={"once": secrets.token_hex(16)}).status_code == 404
    with site.browser(EDITOR) as client:
        page = client.get("/admin/models").text
        mark = re.search(rf'action="{address}".*?name="once" value="([^"]+)"', page, re.DOTALL)
        assert f"{held_model(site)['id']}/promote" not in page
        for _ in range(2):  # pressed twice it is asked once
            answer = client.post(address, data={"once": mark[1]})
            assert answer.status_code == 303
        site.lab.tick("serve", "promote")
        assert "готово" in client.get(answer.headers["location"]).text
    assert site.lab.status()["serving"]["build"] == held_before(site)


def held_before(site):
    """Return the newest build: the one that was held."""
    return site.admin.get("/api/models").json()["models"][0]["build"]
