"""The engine's pages in a browser: no fault that axe-core knows, live parts, and pictures."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.axe_and_screenshots import (
    CLASHES,
    SMALL,
    WIDE,
    faults_in,
    looks_of,
    missing_pictures,
    still,
    turns_of,
)
from tests.browser.course_browser import DESKTOP
from tests.engine.engine_pages import SHOWN, STEPS, serve_pages
from tests.engine.running_engine import KEY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

SHOTS = ("engine", "engine-job", "engine-sign-in")
# What the console says of answers and silences that a test wants.
FINE = (
    "Transition was",
    "the server responded",
    "net::ERR_",
    "htmx:sendError",
    "htmx:afterRequest",
)
NARROW = {"viewport": {"width": 320, "height": 700}, "has_touch": True, "is_mobile": True}
# What is another one at every run: ids, sizes and shares of this machine.
STEADY = """() => {
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
    with serve_pages(tmp_path_factory.mktemp("engine")) as made:
        wait_until(lambda: len(made.client.losses(made.jobs["running"])) >= SHOWN)
        made.client.ask("recall")
        yield made


@pytest.fixture
def browse(chromium):
    """Return what opens a page of an engine, signed in, and fails for anything it complains of."""
    contexts, complaints = [], []

    def opened(pages, path="/", **options):
        context = chromium.new_context(**{"locale": "ru-RU", **DESKTOP, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.goto(pages.address + "/sign-in")
        page.get_by_label("Ключ движка").or_(page.get_by_label("The engine's key")).fill(KEY)
        page.locator("main button").click()
        page.wait_for_url(pages.address + "/")
        if path != "/":
            page.goto(pages.address + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    said = [one for one in complaints if not any(fine in one for fine in FINE)]
    assert said == []


def page_paths(engine):
    """Return the pages that are looked at, by the names of their pictures."""
    jobs = engine.jobs
    return {
        "engine": "/",
        "engine-job": f"/jobs/{jobs['running']}",
        "engine-failed": f"/jobs/{jobs['failed']}",
        "engine-done": f"/jobs/{jobs['succeeded']}",
        "engine-lost": "/jobs/nope",
    }


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_fault_on_any_page_in_any_light(browse, engine, language):
    faults = {}
    page = browse(engine, locale=language)
    # Nothing comes anew while the page is looked at.
    for part in ("**/live*", "**/machine"):
        page.route(part, lambda call: call.fulfill(status=204))
    # The last page ends the visit.
    places = {**page_paths(engine), "engine-sign-in": "/sign-in"}
    for place, name, path in turns_of(places, language):
        if name == "engine-sign-in":
            page.locator("header form button").click()
            page.wait_for_url("**/sign-in")
        else:
            page.goto(engine.address + path)
        still(page)
        page.evaluate(STEADY)
        for width, theme in looks_of(place):
            faults |= faults_in(page, name, width, theme)
        assert page.evaluate(CLASHES) == [], name
    assert faults == {}, json.dumps(faults, ensure_ascii=False, indent=1)
    if language == "ru":
        assert missing_pictures(SHOTS) == set()


def test_nothing_is_too_wide_with_large_letters_or_on_a_phone_or_too_small_for_a_thumb(
    browse, engine
):
    page, large = browse(engine, **NARROW), browse(engine)
    for name, path in page_paths(engine).items():
        page.goto(engine.address + path)
        assert page.evaluate(WIDE) == [], name
        assert page.evaluate(SMALL) == [], name
        large.goto(engine.address + path)
        large.evaluate("document.documentElement.style.fontSize = '200%'")
        assert large.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_the_board_grows_a_curve_and_moves_a_job_to_the_finished_ones(browse, tmp_path):
    with serve_pages(tmp_path) as engine:
        page = browse(engine)
        card = page.get_by_role("region", name="neurotypology-8")
        expect(card.get_by_text(f"шаг {SHOWN} из {STEPS}")).to_be_visible()
        engine.trainer.steps.release(21)
        expect(card.get_by_text(f"шаг 100 из {STEPS}")).to_be_visible()
        engine.trainer.finish()
        over = page.get_by_role("region", name="Завершено")
        expect(over.get_by_role("link", name="neurotypology-8")).to_be_visible()
        expect(page.get_by_text("Сейчас ничего не обучается")).to_be_visible()


def test_a_job_is_stopped_after_a_second_question_and_its_page_says_so(browse, tmp_path):
    with serve_pages(tmp_path) as engine:
        page = browse(engine, f"/jobs/{engine.jobs['running']}")
        page.get_by_text("Остановить обучение", exact=True).click()
        page.get_by_role("link", name="Нет").click()
        expect(page.get_by_role("button", name="Да, остановить")).to_be_hidden()
        page.get_by_text("Остановить обучение", exact=True).click()
        page.get_by_role("button", name="Да, остановить").click()
        expect(page.locator("#live .chip")).to_have_text("отменено")
        expect(page.get_by_role("button", name="Приостановить")).to_have_count(0)


def test_a_page_left_open_says_that_the_engine_fell_silent(browse, tmp_path):
    with serve_pages(tmp_path, is_empty=True) as engine:
        page = browse(engine)
        expect(page.locator("#lost")).to_be_empty()
        page.route("**/*", lambda call: call.abort())
        expect(page.locator("#lost")).to_contain_text("Движок не отвечает")
        page.unroute("**/*")
        expect(page.locator("#lost")).to_be_empty()


def test_without_a_script_the_pages_show_and_do_the_same(browse, tmp_path):
    with serve_pages(tmp_path) as engine:
        page = browse(engine, f"/jobs/{engine.jobs['running']}", java_script_enabled=False)
        expect(page.locator("svg.chart polyline").first).to_be_visible()
        page.get_by_role("button", name="Приостановить").click()
        expect(page.locator("#live .chip")).to_have_text("на паузе")
        page.get_by_role("button", name="Продолжить").click()
        expect(page.get_by_role("button", name="Приостановить")).to_be_visible()
