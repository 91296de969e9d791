"""The page that makes a dataset: a title and a file, one commit, a model that can be asked."""

import html
import re
import secrets
from contextlib import contextmanager

import pytest

from merlin.account.accounts import Accounts
from merlin.core.permissions import Role
from tests.api.running_api import BORIS, check_page
from tests.api.staff_api import PRICED, page_text, run_daemon_api
from tests.api.test_pages_teach_imports import CHECKED
from tests.support.pipeline_lab import provider_entry
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration

PAGE = "/datasets/new"
QUESTIONS = [f"Когда приём в класс {number}?" for number in range(1, 11)]
FAQ = "question,answer\n" + "".join(f"{each},В июле.\n" for each in QUESTIONS)


@contextmanager
def run_school(folder):
    """Run an API whose configuration has an engine; boris teaches another course."""
    with ProviderStandIn() as provider:
        entry = provider_entry(provider.base_url, "engine")
        prices = {**PRICED, "recall": PRICED["stand-in-base"]}
        with run_daemon_api(folder, providers=[entry], models=prices) as site:
            git = site.lab.repository.git
            git("config", "receive.denyCurrentBranch", "updateInstead")
            site.add_user(BORIS, Role.TEACHER, "other")
            yield site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_school(tmp_path_factory.mktemp("new")) as site:
        Accounts(site.db).set_name(BORIS, "boris", "cli:vera")
        yield site


@pytest.fixture
def boris(site):
    with site.browser_client(BORIS) as client:
        client.headers["Accept-Language"] = "ru"
        yield client


def show(client, title, content="", **fields):
    data = {"once": secrets.token_hex(16), "title": title, **fields}
    files = {"file": ("faq.csv", content)} if content else {}
    return client.post(PAGE, data=data, files=files)


def read_form(page):
    """Return the values of the form that the page has."""
    fields = re.findall(
        r'<input(?: type="hidden")? name="(\w+)" value="([^"]*)"', page.text
    )
    return {name: html.unescape(value) for name, value in fields}


def test_title_and_file_become_a_course_that_can_be_asked(site, boris):
    assert 'href="/datasets/new"' in boris.get("/teach").text
    assert 'name="title"' in boris.get(PAGE).text
    page = show(boris, "Приём в школу", FAQ)
    assert "Создать с 10 примерами" in page_text(page)
    form = read_form(page)
    assert form["name"] == "приём-в-школу"
    saved = [boris.post(PAGE, data=form | {"act": "save"}) for _ in range(2)]
    assert [each.status_code for each in saved] == [303, 303]
    here = saved[0].headers["location"]
    assert here == saved[1].headers["location"]
    assert "Приём в школу" in page_text(boris.get(here))
    # Neither its commit nor its examples are there yet.
    for tick in ("changes", "fetch"):
        shown = page_text(boris.get(here))
        assert "Примеры читаются" in shown
        assert "Примеров пока нет" not in shown
        site.lab.tick(tick)
    git = site.lab.repository.git
    assert (
        git("log", "-1", "--format=%an %s") == "user 1002 Начало набора приём-в-школу"
    )
    listed = git("-c", "core.quotePath=off", "show", "--name-only", "--format=", "HEAD")
    folder = "datasets/приём-в-школу"
    assert [path.removeprefix(f"{folder}/") for path in listed.split()[:3]] == [
        "course.yaml",
        "dataset.yaml",
        "examples/когда-приём-в-класс-1.yaml",
    ]
    assert len(listed.split()) == 12
    assert git("show", f"HEAD:{folder}/course.yaml") == (
        "semester: 1\nname: {ru: Приём в школу}\nteachers: [boris]"
    )
    assert QUESTIONS[0] in page_text(boris.get(here))
    site.lab.tick("launch", "poll")
    assert "обучается" in page_text(boris.get(here))
    chat = boris.get(f"/courses/{site.course_id('приём-в-школу')}/chat")
    assert "Приём в школу" in page_text(chat)


def test_name_that_is_none_or_taken_is_refused_with_another_one(site, boris):
    wrong = show(boris, "A", name="Наш FAQ!")
    check_page(wrong, "Например: наш-faq", status=422)
    for taken in ("trial", "Trial"):
        check_page(show(boris, "A", name=taken), "например: trial-2", status=422)
    form = read_form(show(boris, "B", name="TRIAL"))
    check_page(boris.post(PAGE, data=form | {"act": "save"}), "TRIAL", status=422)
    check_page(show(boris, " "), "Напишите название", status=422)


def test_fields_are_asked_about_before_anything_is_made(site, boris):
    page = show(boris, "Doors", CHECKED)
    assert "скажите, что значат 2 поля" in page_text(page)
    assert 'value="save"' not in page.text
    form = read_form(page)
    check_page(
        boris.post(PAGE, data=form | {"act": "save"}), "Сохранять нечего", status=422
    )
    meaning = ['["only", "Checked"]', '["leave", "Comment"]']
    told = form | {"meaning": meaning, "taken": ['["Checked", "yes"]']}
    page = boris.post(PAGE, data=told)
    assert "Создать с 1 примером" in page_text(page)
    assert 'name="as_name" value="faq"' in page.text
    saved = boris.post(PAGE, data=told | {"act": "save"})
    assert saved.status_code == 303
    site.lab.tick("changes")
    imports = site.lab.repository.git("show", "HEAD:datasets/doors/imports.yaml")
    assert imports.startswith("faq:\n  only:\n    Checked:")
    # What nobody else has made, and may not see.
    assert boris.get("/datasets/elsewhere/examples").status_code == 404


def test_teacher_whom_no_course_can_name_and_a_configuration_without_engine(tmp_path):
    with run_school(tmp_path / "nameless") as site, site.browser_client(BORIS) as boris:
        check_page(show(boris, "A"), "выберите имя пользователя", status=422)
    with run_daemon_api(tmp_path / "other") as site, site.browser_client(1003) as vera:
        check_page(show(vera, "A"), "config.yaml", status=422)
