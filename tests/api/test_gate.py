"""A held model on the admin pages and in the API: why, for which questions, and accepting it."""

import re
import secrets

import pytest

from merlin.core.permissions import Role
from merlin.db.tables import JUDGEMENT, MODEL, PROOF_ANSWER
from tests.api.running_api import BORIS, VERA
from tests.api.staff_api import run_daemon_api

pytestmark = pytest.mark.functional
YES = "Да, всё именно так и есть."
NO = "Нет, никогда такого не было."
EDITOR = 1006


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_daemon_api(tmp_path_factory.mktemp("gate")) as site:
        site.add_user(EDITOR, Role.EDITOR)
        site.add_user(BORIS, Role.TEACHER, "other")
        site.lab.repository.dataset(count=12, tests=0, gate={"budget": 0})
        for number in range(20, 32):
            site.lab.repository.example("trial", number, answer=YES, is_test=True)
        for answer in (YES, NO):
            site.provider.behave(fixed_answer=answer)
            site.lab.repository.example("trial", 1, answer=f"Слово «{answer}»")
            site.lab.repository.commit_example("trial", 40, answer=NO)
            has_ended = [
                lambda: site.lab.is_serving("trial-2"),
                lambda: held_models(site),
            ]
            for _ in range(40):
                site.lab.tick(rounds=2)
                if has_ended[answer == NO]():
                    break
        yield site


def open_page(site, path, user_id=VERA):
    with site.browser_client(user_id) as client:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.text


def held_models(site):
    return [model for model in site.models() if model.held]


def accept_path(site):
    """Return the address that accepts what the held model lost."""
    return f"/admin/models/{held_models(site)[0].id}/accept"


def accepting(site):
    """Return the address that accepts what the newest model answers."""
    return f"/admin/models/{site.models()[0].id}/accept"


def test_pages_explain_why_a_model_is_held_and_by_which_questions(site):
    text = open_page(site, "/admin/models")
    assert "не стала текущей" in text
    assert "неверно отвечает на 12 тестовых вопросов" in text
    assert text.count("✗ Что значит слово номер") == 12
    assert accept_path(site) in text
    commit = open_page(site, f"/admin/board?commit={site.verdicts()[0].commit}")
    assert "не применён" in commit
    assert "неверно отвечает на 12 тестовых вопросов" in commit
    assert commit.count("✗ Что значит слово номер") == 12
    assert "неверно отвечает на 12 тестовых вопросов" in open_page(site, "/admin/board")


def test_page_of_a_test_offers_to_accept_what_the_held_model_lost(site):
    page = open_page(site, f"/admin/models/{newest_build(site)}/evaluation", EDITOR)
    action = f'action="{accept_path(site)}"'
    assert page.count(action) == 13, "one each question, and all"
    assert "Принять эти ответы" in page


def test_editor_can_accept_on_the_page_but_teacher_of_another_dataset_cannot(site):
    address = accept_path(site)
    form = {"once": secrets.token_hex(16)}
    with site.browser_client(BORIS) as client:
        assert client.post(address, data=form).status_code == 404
    with site.browser_client(EDITOR) as client:
        page = client.get("/admin/models").text
        mark = re.search(
            rf'action="{address}".*?name="once" value="([^"]+)"', page, re.DOTALL
        )
        assert "/promote" not in page
        for _ in range(2):  # two presses make one request
            answer = client.post(address, data={"once": mark[1]})
            assert answer.status_code == 303
        site.lab.tick("serve", "promote")
        page = client.get(answer.headers["location"]).text
        test = client.get(f"/admin/models/{newest_build(site)}/evaluation").text
    assert "готово" in page
    assert "Принято редактором: 12 верных ответов больше не верны" in test
    assert "Исправить" not in test
    assert "не стала текущей" not in page
    assert site.lab.status()["serving"]["build"] == newest_build(site)


def newest_build(site):
    """Return the newest build, which was held."""
    return site.models()[0].build


def test_page_of_a_test_shows_answers_of_which_only_a_person_can_tell(site):
    row = site.models()[0].id
    key = site.database.value(
        PROOF_ANSWER.select(PROOF_ANSWER.example_id).where(
            PROOF_ANSWER.model_row == row
        )
    )
    is_it = (PROOF_ANSWER.model_row == row) & (PROOF_ANSWER.example_id == key)
    unsure = PROOF_ANSWER.update({"answer": "Да, всё именно так и бывает."}).where(
        is_it
    )
    site.database.transact(lambda: site.database.change(unsure))
    address = f"/admin/models/{newest_build(site)}/evaluation?show=unsure"
    page = open_page(site, address, EDITOR)
    assert page.count("прочитайте: верно или нет") == 1
    assert "Эта модель: под вопросом" in page
    with site.browser_client(EDITOR) as client:
        for right in ("no", "yes"):  # the first word counts
            mark = {"once": secrets.token_hex(16), "right": right}
            digest = re.search(r'name="question" value="(\w+)"><input[^>]*right', page)
            form = {**mark, "question": digest[1], "back": address}
            answer = client.post(accepting(site), data=form)
            site.lab.tick("serve", "promote")
            told = client.get(answer.headers["location"]).text
            shown = client.get(address).text
            assert "прочитайте: верно или нет" not in shown
    assert "больше не под вопросом" in told
    rows = site.database.rows(JUDGEMENT.select())
    assert [row.is_right for row in rows] == [0]


def test_page_of_a_test_leads_to_the_answers_that_are_right(site):
    address = "/admin/models/trial-2/evaluation"
    for show in ("", "?show=lost"):
        assert f"{address}?show=right#answers" in open_page(site, address + show)
    assert "Что значит слово номер" in open_page(site, f"{address}?show=right")


def test_pages_say_why_a_live_model_is_not_applied(site):
    live = newest_build(site)
    note = "422 adapter_inert: see q_proj"
    change = MODEL.update({"state": "unapplied", "note": note}).where(
        MODEL.id == site.models()[0].id
    )
    site.database.transact(lambda: site.database.change(change))
    for path in ("/admin/board", "/admin/models", f"/admin/models/{live}/evaluation"):
        assert note in open_page(site, path), path
    assert "не применена" in open_page(site, "/admin/board")
