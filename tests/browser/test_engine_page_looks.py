"""The engine's pages in a browser: checks by axe-core, live updates, sizes and screenshots."""

import json
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from tests.browser.axe_and_screenshots import (
    choose_pages,
    find_faults_in_views,
    find_missing_pictures,
    stop_motion,
)
from tests.browser.course_browser import DESKTOP
from tests.engine.engine_pages import SHOWN, STEPS, serve_pages
from tests.engine.running_engine import KEY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

SHOTS = ("engine", "engine-job", "engine-sign-in")
# Console messages about failures that a test causes.
EXPECTED_MESSAGES = (
    "Transition was",
    "the server responded",
    "net::ERR_",
    "htmx:sendError",
    "htmx:afterRequest",
)
# Replaces what differs in every run: ids, durations, sizes and shares of this machine.
FIXED_TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let at = walker.nextNode(); at; at = walker.nextNode()) {
    at.data = at.data.replace(/(ftjob-|file-)[0-9a-f]{24}/g, "$1c0ffee12c0ffee12c0ffee12");
    at.data = at.data.replace(/:[0-9a-f]{8}/g, ":c0ffee12").replace(/около .*/, "около 40\\u00a0с");
  }
  for (const value of document.querySelectorAll("#machine section:first-child dd")) {
    value.textContent = value.textContent.replace(/\\d[\\d,\\u00a0]*(?=\\u00a0[%ГМК])/g, "12");
  }
}"""


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with serve_pages(tmp_path_factory.mktemp("engine")) as engine:
        wait_until(lambda: len(engine.client.losses(engine.jobs["running"])) >= SHOWN)
        engine.client.ask("recall")
        yield engine


@pytest.fixture
def open_page(pages):
    """Return a function that opens a page of an engine, signed in; fail for any browser error."""
    errors = []
    with ExitStack() as opened:

        def open_page(engine, path="/", **options):
            context = {"locale": "ru-RU", **DESKTOP, **options}
            page = opened.enter_context(pages.open(errors, **context))
            page.goto(engine.address + "/sign-in")
            page.get_by_label("Ключ движка").or_(page.get_by_label("The engine's key")).fill(KEY)
            page.locator("main button").click()
            page.wait_for_url(engine.address + "/")
            if path != "/":
                page.goto(engine.address + path)
            return page

        yield open_page
    assert [text for text in errors if not any(known in text for known in EXPECTED_MESSAGES)] == []


def list_pages(engine):
    """Return the paths of the checked pages by the names of their screenshots."""
    jobs = engine.jobs
    return {
        "engine": "/",
        "engine-job": f"/jobs/{jobs['running']}",
        "engine-failed": f"/jobs/{jobs['failed']}",
        "engine-done": f"/jobs/{jobs['succeeded']}",
        "engine-lost": "/jobs/nope",
    }


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_violation_on_engine_pages(open_page, engine, language):
    faults = {}
    page = open_page(engine, locale=language)
    # No live update while the page is checked.
    for part in ("**/live*", "**/machine"):
        page.route(part, lambda call: call.fulfill(status=204))
    # The last page signs out.
    pages = {**list_pages(engine), "engine-sign-in": "/sign-in"}
    for index, name, path in choose_pages(pages, language):
        if name == "engine-sign-in":
            page.locator("header form button").click()
            page.wait_for_url("**/sign-in")
        else:
            page.goto(engine.address + path)
        stop_motion(page)
        page.evaluate(FIXED_TEXTS)
        faults |= find_faults_in_views(page, name, index)
    assert faults == {}, json.dumps(faults, ensure_ascii=False, indent=1)
    if language == "ru":
        assert find_missing_pictures(SHOTS) == set()


def test_engine_board_updates_the_curve_and_moves_a_finished_job(open_page, tmp_path):
    with serve_pages(tmp_path) as engine:
        page = open_page(engine)
        card = page.get_by_role("region", name="neurotypology-8")
        expect(card.get_by_text(f"шаг {SHOWN} из {STEPS}")).to_be_visible()
        engine.trainer.steps.release(21)
        expect(card.get_by_text(f"шаг 100 из {STEPS}")).to_be_visible()
        engine.trainer.finish()
        finished = page.get_by_role("region", name="Завершено")
        expect(finished.get_by_role("link", name="neurotypology-8")).to_be_visible()
        expect(page.get_by_text("Сейчас ничего не обучается")).to_be_visible()


def test_job_is_stopped_after_confirmation_and_its_page_shows_it(open_page, tmp_path):
    with serve_pages(tmp_path) as engine:
        page = open_page(engine, f"/jobs/{engine.jobs['running']}")
        page.get_by_text("Остановить обучение", exact=True).click()
        page.get_by_role("link", name="Нет").click()
        expect(page.get_by_role("button", name="Да, остановить")).to_be_hidden()
        page.get_by_text("Остановить обучение", exact=True).click()
        page.get_by_role("button", name="Да, остановить").click()
        expect(page.locator("#live .chip")).to_have_text("отменено")
        expect(page.get_by_role("button", name="Приостановить")).to_have_count(0)


def test_open_page_shows_that_the_engine_is_unreachable(open_page, tmp_path):
    with serve_pages(tmp_path, is_empty=True) as engine:
        page = open_page(engine)
        expect(page.locator("#lost")).to_be_empty()
        page.route("**/*", lambda call: call.abort())
        expect(page.locator("#lost")).to_contain_text("Движок не отвечает")
        page.unroute("**/*")
        expect(page.locator("#lost")).to_be_empty()


def test_engine_pages_work_without_javascript(open_page, tmp_path):
    with serve_pages(tmp_path) as engine:
        page = open_page(engine, f"/jobs/{engine.jobs['running']}", java_script_enabled=False)
        expect(page.locator("svg.chart polyline").first).to_be_visible()
        page.get_by_role("button", name="Приостановить").click()
        expect(page.locator("#live .chip")).to_have_text("на паузе")
        page.get_by_role("button", name="Продолжить").click()
        expect(page.get_by_role("button", name="Приостановить")).to_be_visible()
