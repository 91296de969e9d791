"""How the pages look: no fault that axe-core knows, nothing cut off, quick to come, and pictures.

Where the pictures go and which there are, `axe_looks` says.
"""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from merlin.account.api_keys import ApiKeys
from merlin.account.users import Users
from merlin.course.catalogue import Catalogue
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
from tests.browser.course_browser import DESKTOP, set_password

pytestmark = pytest.mark.integration

SHOWN = ("front", "catalogue", "found", "course", "material", "chat", "sign-in", "me")
NARROW = {"viewport": {"width": 320, "height": 700}, "has_touch": True, "is_mobile": True}


def page_paths(site):
    """Return name -> address of every page, and whether somebody is signed in there."""
    course = site.course_id("algorithms")
    materials = Catalogue(site.db).materials("algorithms")
    text = next(one.material_id for one in materials if one.text)
    file = next(one.material_id for one in materials if one.file_url)
    return {
        "front": ("/", False),
        "catalogue": ("/", True),
        "found": ("/?q=алгоритмов", True),
        "nothing-found": ("/?q=ъъъыыы", False),
        "course": (f"/courses/{course}", True),
        "course-empty": (f"/courses/{site.course_id('networks')}", False),
        "material": (f"/courses/{course}/materials/{text}", True),
        "material-file": (f"/courses/{course}/materials/{file}", False),
        "chat": (f"/courses/{course}/chat", True),
        "talks": (f"/courses/{course}/chat/talks", True),
        "chat-sign-in": (f"/courses/{course}/chat", False),
        "sign-in": ("/sign-in", False),
        "me": ("/me", True),
        "lost": ("/nowhere", False),
        "api": ("/api/docs", False),
    }


@pytest.fixture(scope="module")
def anna(courses):
    """A person who has something on every page."""
    number = courses.add_user(4001)
    Users(courses.db).set_name(number, "Анна")
    for slug in ("algorithms", "hci"):
        courses.add_favourite(number, courses.course_id(slug))
    ApiKeys(courses.db).make(number, "мой скрипт", ["courses:read", "chat:write"])
    set_password(courses, number, "anna")
    courses.browser_client(number).close()
    return number


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_fault_on_any_page_in_any_light(visitor, courses, anna, language):
    faults = {}
    seen = {
        signed: visitor.page(anna if signed else None, locale=language) for signed in (False, True)
    }
    for place, name, (path, signed) in turns_of(page_paths(courses), language):
        page = seen[signed]
        page.goto(courses.address + path)
        still(page)
        assert page.locator("html").get_attribute("lang") == language
        for width, theme in looks_of(place):
            faults |= faults_in(page, name, width, theme)
        assert page.evaluate(CLASHES) == [], name
    assert faults == {}, json.dumps(faults, ensure_ascii=False, indent=1)
    if language == "ru":
        assert missing_pictures(SHOWN) == set()


def test_nothing_is_too_wide_with_large_letters_or_on_a_phone_or_too_small_for_a_thumb(
    visitor, courses, anna
):
    page = visitor.page(anna, **NARROW)
    for name, (path, _) in page_paths(courses).items():
        page.goto(courses.address + path)
        assert page.evaluate(WIDE) == [], name
        assert page.evaluate(SMALL) == [], name
    large = visitor.page(anna, **DESKTOP)
    for name, (path, _) in page_paths(courses).items():
        large.goto(courses.address + path)
        large.evaluate("document.documentElement.style.fontSize = '200%'")
        assert large.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_a_name_as_long_as_telegram_allows_widens_no_page(visitor, courses):
    page = visitor.page(visitor.add_user("Н" * 64), **NARROW)
    for path in ("/me", "/"):
        page.goto(courses.address + path)
        assert page.evaluate(WIDE) == [], path


def test_the_first_load_is_light_and_asks_nobody_else(visitor, courses):
    page = visitor.page()
    sizes, hosts = {}, set()

    def note(call):
        answer = call.response()
        hosts.add(answer.url.split("/")[2])
        kind = answer.url.split("?")[0].rpartition(".")[2]
        kind = kind if kind in {"js", "css", "svg"} else "html"
        sizes[kind] = sizes.get(kind, 0) + call.sizes()["responseBodySize"]

    calls = []
    page.on("requestfinished", lambda call: calls.extend([call]))
    page.goto(courses.address + "/")
    page.wait_for_load_state("networkidle")
    for call in calls:
        note(call)
    assert hosts == {courses.address.removeprefix("http://")}
    assert sizes["html"] <= 10_000
    assert sizes["css"] <= 6_000
    assert sizes["js"] <= 22_500
    assert sum(sizes.values()) <= 40_000


def test_nothing_jumps_while_a_page_comes(visitor, courses, anna):
    page = visitor.page(anna)
    page.add_init_script(WATCH_SHIFTS)
    for path in ("/", "/", f"/courses/{courses.course_id('algorithms')}"):
        page.goto(courses.address + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.shifted") <= 0.02, path


WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifted += one.value;
}).observe({type: "layout-shift", buffered: true});
"""


def test_theme_follows_the_system_until_the_person_chooses(visitor):
    page = visitor.open("/", color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(17, 22, 27)"
    page.get_by_role("link", name="Включить светлую тему").click()
    assert page.evaluate(ground) == "rgb(246, 245, 241)"
    expect(page.get_by_role("link", name="Включить тёмную тему")).to_be_focused()
    page.reload()
    assert page.evaluate(ground) == "rgb(246, 245, 241)"
    assert re.search("merlin_theme=light", page.evaluate("document.cookie"))
