"""How many clicks the daily tasks of a teacher take, with a real daemon and engine.

A task begins at the page that its person opens first: a student's chat, `/teach`, `/admin`. What is
typed is no click.
"""

import re
from dataclasses import replace
from functools import partial

import pytest
from openpyxl import Workbook
from playwright.sync_api import expect

from merlin.account.users import Consents
from merlin.app.consent import CONSENT_VERSION
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.core.permissions import Role
from merlin.dataset.files import FileIndex
from merlin.db.tables import COMMIT
from merlin.sandbox.demo.place import Ports
from merlin.wiring import api
from tests.api.running_api import NOT_LIMITED, run_site
from tests.api.staff_api import DaemonSite
from tests.browser.axe_and_screenshots import find_faults_in_views
from tests.browser.course_browser import open_visitor
from tests.browser.staff_browser import ANNA, BORIS, VERA
from tests.support.forked_processes import run_processes
from tests.support.pipeline_lab import Lab
from tests.support.process_settings import ProcessSettings, Provider
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

KEY = "the-engine-key-of-tests"
COURSE = """\
semester: 1
name: {ru: Проба, en: Trial}
teachers: [boris]
materials: []
"""
KNOWN = "Что значит слово номер 3, понятие гггг?"


class Walk:
    """A person's way through the pages; counts the clicks."""

    def __init__(self, page):
        self.page = page
        self.clicks = 0

    def click(self, name, role="link", within=None):
        (within or self.page).get_by_role(role, name=name).first.click()
        self.clicks += 1

    def type_question(self, question):
        self.page.locator("#question").fill(question)
        self.page.keyboard.press("Enter")

    def click_text(self, text):
        self.page.locator("summary", has_text=text).first.click()
        self.clicks += 1


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site of a daemon that trains at an engine by itself; its course's model answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MERLIN_ENGINE_KEY", KEY)
        address = f"127.0.0.1:{Ports.free().engine}"
        url = f"http://{address}/v1"
        providers = [{"name": "engine", "base_url": url, "settle_s": 0}]
        folder = tmp_path_factory.mktemp("clicks")
        lab = Lab(folder, "", providers=providers, engine={"listen": address})
        recipe = {"provider": "engine", "base_model": "recall", "suffix": "trial"}
        lab.repository.dataset(count=14, recipe=recipe)
        (lab.repository.folder / "datasets/trial/course.yaml").write_text(
            COURSE, "utf-8"
        )
        lab.repository.commit()
        settings = ProcessSettings(
            database=lab.config.database,
            state_dir=lab.config.state_dir,
            listening=NOT_LIMITED,
            config=lab.config,
            providers=(Provider("engine", url, KEY),),
        )
        with (
            run_site(settings, partial(DaemonSite, lab)) as site,
            run_processes(lab.path, "engine", "daemon"),
        ):
            source = api.services_of(lab.config, site.services.store).source
            site.app.state.services = replace(site.services, source=source)
            site.add_user(BORIS, Role.TEACHER, "trial")
            site.add_user(ANNA)
            Consents(site.db).give(ANNA, CONSENT_VERSION)
            wait_until(lambda: find_live(site) == "trial-1", 60)
            yield site


@pytest.fixture
def visitor(pages, site):
    yield from open_visitor(pages, site)


def find_live(site):
    """Return the build that answers, "" for none."""
    serving = ModelCatalogue(site.db).find_serving("trial")
    return serving.model.build_version if serving else ""


def ask(visitor, site, question):
    """Return the student's walk, which begins at the answer to a question in the course's chat."""
    walk = Walk(visitor.open(f"/courses/{site.course_id('trial')}/chat", ANNA))
    walk.type_question(question)
    walk.page.locator(".do").wait_for()
    return walk


def expect_live(page):
    """Wait until the line about an edit says that its model answers."""
    expect(page.locator("[role=status]").get_by_text("применён")).to_be_visible()


def test_answer_is_corrected_and_seen_live_in_four_clicks(visitor, site):
    anna = ask(visitor, site, KNOWN)
    boris = Walk(visitor.open("/teach", BORIS))
    expect(anna.page.locator("#log")).to_contain_text("ответ 21")
    anna.click("Исправить")
    anna.page.get_by_label("Каким должен быть ответ").fill("Понятие 3 значит другое.")
    anna.click("Отправить редакторам", "button")
    boris.click("1 исправление")
    boris.click("Принять", "button")
    expect_live(boris.page)
    anna.type_question(KNOWN)
    expect(anna.page.locator("#log .msg").last).to_contain_text(
        "Понятие 3 значит другое."
    )
    assert anna.clicks + boris.clicks == 4


# Unanswered questions are counted once a minute.
COUNTED_S = 120


def is_shown_again(page, words):
    page.reload()
    return page.get_by_role("link", name=words).count() > 0


def test_unanswered_question_is_taught_in_two_clicks(visitor, site):
    anna = ask(visitor, site, "Чем кормят дракона?")
    boris = Walk(visitor.open("/teach", BORIS))
    anna.click("Передать редакторам")
    wait_until(partial(is_shown_again, boris.page, "1 вопрос без ответа"), COUNTED_S)
    boris.click("1 вопрос без ответа")
    boris.page.get_by_label("Ответ").first.fill("Рыбой, по вечерам.")
    boris.click("Сохранить", "button")
    expect_live(boris.page)
    assert boris.clicks == 2
    anna.type_question("Чем кормят дракона?")
    expect(anna.page.locator("#log .msg").last).to_contain_text("Рыбой, по вечерам.")


def test_pressed_wording_is_taught_in_two_clicks_and_answered_when_asked_again(
    visitor, site
):
    words = "расскажи мне о понятии гггг"
    anna = ask(visitor, site, words)
    offer = anna.page.locator(".ask-list button").first
    question = offer.get_attribute("value")
    offer.click()
    log = anna.page.locator("#log .msg:not(.me)")
    expect(log).to_have_count(2)
    expect(anna.page.locator(".do")).to_have_count(2)
    answer = log.last.locator(".text").inner_text()
    boris = Walk(visitor.open("/datasets/trial/proposals", BORIS))
    used = boris.page.locator("#wordings")
    expect(used.get_by_role("heading", name=question)).to_be_visible()
    boris.click(words, "checkbox", used)
    boris.click("Научить выбранным", "button")
    expect_live(boris.page)
    assert boris.clicks == 2
    anna.type_question(words)
    expect(log).to_have_count(3)
    expect(log.last).to_contain_text(answer)


def test_example_is_added_in_three_clicks(visitor):
    boris = Walk(visitor.open("/teach", BORIS))
    boris.click("Примеры")
    boris.click("Добавить пример")
    boris.page.get_by_label("Вопрос").fill("Где живёт грифон?")
    boris.page.get_by_label("Ответ").fill("В горах.")
    boris.click("Сохранить", "button")
    expect_live(boris.page)
    assert boris.clicks == 3


def test_excel_file_becomes_the_first_answer_in_six_clicks(visitor, tmp_path):
    book = Workbook()
    for row in (
        ["ЧаВо"],
        ["Вопросы", "Ответы"],
        ["Чем питается василиск?", "Улитками."],
    ):
        book.active.append(row)
    book.save(tmp_path / "faq.xlsx")
    boris = Walk(visitor.open("/teach", BORIS))
    boris.click("Примеры")
    boris.click("Загрузить файл")
    boris.page.get_by_label("Файл").set_input_files(tmp_path / "faq.xlsx")
    boris.clicks += 2  # the button of the field, and the file
    expect(boris.page.locator(".proof").first).to_contain_text("Улитками.")
    assert find_faults_in_views(boris.page, "import", 1) == {}
    boris.page.set_viewport_size({"width": 1280, "height": 800})
    boris.click("Сохранить 1 пример", "button")
    expect_live(boris.page)
    boris.click("Спросить по курсу")
    boris.type_question("Чем питается василиск?")
    expect(boris.page.locator("#log .msg").last).to_contain_text("Улитками.")
    assert boris.clicks == 6


def test_second_file_of_the_same_fields_is_saved_in_two_clicks(visitor, tmp_path):
    rows = ["Вопрос,Ответ,Проверено", "Чем поят сфинкса?,Росой.,да", "А кота?,-,нет"]
    files = [tmp_path / "first.csv", tmp_path / "second.csv"]
    files[0].write_text("\n".join(rows), "utf-8")
    files[1].write_text("\n".join([rows[0], "Где спит сфинкс?,На песке.,да"]), "utf-8")
    boris = Walk(visitor.open("/datasets/trial/import", BORIS))
    boris.page.get_by_label("Файл").set_input_files(files[0])
    boris.page.get_by_label("Что оно значит?").select_option(
        label="Брать только с отмеченными значениями"
    )
    boris.page.get_by_label("Имя для следующего раза").fill("сфинкс")
    boris.click("Показать, что получится", "button")
    boris.click("Сохранить 1 пример", "button")
    expect_live(boris.page)
    boris.page.goto(f"{boris.page.url.partition('/datasets')[0]}/datasets/trial/import")
    boris.clicks = 0
    boris.page.get_by_label("Файл").set_input_files(files[1])
    boris.clicks += 1
    expect(boris.page.get_by_label("Имя для следующего раза")).to_have_value("сфинкс")
    chosen = boris.page.get_by_label("Что оно значит?").locator("option:checked")
    expect(chosen).to_have_text("Брать только с отмеченными значениями")
    expect(boris.page.get_by_label("да (1)")).to_be_checked()
    assert find_faults_in_views(boris.page, "import-again", 1) == {}
    boris.page.set_viewport_size({"width": 1280, "height": 800})
    boris.click("Сохранить 1 пример", "button")
    expect_live(boris.page)
    assert boris.clicks == 2


def test_error_of_a_commit_is_found_in_one_click_and_once_mended_leads_to_what_is_there(
    visitor, site
):
    repository = site.lab.repository
    repository.commit_example("trial", 20, question="''", subject="Add a riddle")
    boris = Walk(visitor.open("/teach", BORIS))
    boris.click("1 коммит")
    story = boris.page.locator(".story")
    expect(story).to_contain_text("q20.yaml")
    assert boris.clicks == 1
    repository.commit_example(
        "trial", 20, question="Кто загадывает?", subject="Ask the riddle"
    )
    expect(story.locator("header .chip.ok")).to_have_text("исправлен")
    wait_until(lambda: "загадывает" in read_example(site, "q20"))
    boris.click("Посмотреть, каким он стал", within=story)
    expect(boris.page.get_by_label("Вопрос")).to_have_value("Кто загадывает?")
    repository.git("rm", "-q", "-f", "datasets/trial/examples/q20.yaml")
    repository.commit("Remove the riddle")
    boris.page.go_back()
    expect(story).to_contain_text("Этого примера больше нет.")
    expect(
        story.get_by_role("link", name=re.compile("Исправить|каким он стал"))
    ).to_have_count(0)


def test_commit_and_what_it_changed_are_found_in_two_clicks_and_what_undid_it_in_one(
    visitor, site
):
    repository = site.lab.repository
    subject = "Say where a phoenix nests"
    done = repository.commit_example(
        "trial", 40, question="Где гнездо феникса?", subject=subject
    )
    repository.git("revert", "--no-edit", done)
    # The list of commits shows those that were there when it was opened.
    wait_until(lambda: site.db.count(COMMIT, COMMIT.subject.contains(subject)) == 2)
    boris = Walk(visitor.open(f"/courses/{site.course_id('trial')}/board", BORIS))
    boris.click(re.compile(r"^\d+ коммит"))
    find_commits(boris.page, "phoenix")
    boris.click(re.compile(f"^{subject}"))
    story = boris.page.locator(".story")
    expect(story.locator("section.changed")).to_contain_text("Где гнездо феникса?")
    assert boris.clicks == 2
    expect(story.locator("header .chip")).to_have_text("отменён")
    expect(story.get_by_role("link", name="Отменить правку")).to_have_count(0)
    boris.click(re.compile("^отменён коммитом «Revert"), within=story)
    expect(story.get_by_role("heading", level=2)).to_have_text(f'Revert "{subject}"')
    assert boris.clicks == 3
    boris.page.goto(f"{site.address}/datasets/trial/commits")
    author = repository.git("log", "-1", "--format=%an", done)
    found = find_commits(boris.page, done[:7], author=author, state="undone")
    expect(found).to_contain_text([subject])
    expect(
        find_commits(boris.page, done[:7], author=author, state="mended")
    ).to_have_count(0)


def read_example(site, example_id):
    """Return the text of an example as the pages know it."""
    return FileIndex(site.db).get("trial", example_id).text


def find_commits(page, words, **chosen):
    """Search the list of commits; return the rows that are found."""
    for name, value in chosen.items():
        page.locator(f"select[name={name}]").select_option(value)
    page.get_by_role("searchbox").fill(words)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**text={words}**")
    return page.locator(".rows.models > li")


def test_model_is_rolled_back_and_stays_in_three_clicks(visitor, site):
    before = find_live(site)
    site.lab.repository.commit_example(
        "trial", 30, question="Где спит грифон?", subject="Say where a griffin sleeps"
    )
    wait_until(lambda: find_live(site) not in {"", before})
    answered = find_live(site)
    vera = Walk(visitor.open("/admin", VERA))
    vera.click("Модели")
    card = vera.page.locator("li", has_text=answered)
    expect(card.get_by_role("link", name="Say where a griffin sleeps")).to_be_visible()
    returns = card.get_by_role("link", name="Что изменится").get_attribute("href")
    vera.click_text("Вернуть прежнюю")
    expect(card).to_contain_text("Её обучил коммит «")
    vera.click("Да, вернуть", "button")
    expect(vera.page.get_by_text("закреплена").first).to_be_visible()
    assert vera.clicks == 3
    back = find_live(site)
    # What the question before it led to: the answers that return; and any other two models.
    vera.page.goto(f"{site.address}{returns}")
    compared = vera.page.get_by_label("Сравнить с")
    expect(compared).to_have_value(before)
    compared.select_option("trial-1")
    vera.click("Сравнить", "button")
    expect(vera.page).to_have_url(
        re.compile(f"/{answered}/evaluation.*against=trial-1")
    )
    site.lab.repository.commit_example("trial", 21, subject="Add another")
    vera.page.goto(f"{site.address}/admin/board")
    expect(vera.page.locator(".slip", has_text="Add another")).to_contain_text(
        "закреплена"
    )
    assert answered != find_live(site) == back
