"""Hostile words in every field of a course: they are shown as words, in a real browser."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from merlin.account.api_keys import ApiKeys
from merlin.course.catalogue import Catalogue
from tests.api.catalogue_files import COURSES
from tests.browser.course_browser import course_site, open_visitor
from tests.browser.naughty_markup import PAYLOADS

pytestmark = pytest.mark.integration

# A policy that is broken by our own page is a fault of the page, an attack's is a wall that held.
NOTE_BREACHES = """window.breaches = [];
addEventListener("securitypolicyviolation", (event) => breaches.push(event.violatedDirective));"""


def hostile_course(payloads):
    """Return a course whose every field says something hostile."""
    kinds = ("lecture", "seminar", "lab")
    materials = [
        {
            "lesson": lesson,
            "type": kinds[lesson % 3],
            "title": {"ru": payload, "en": payload},
            "text": "materials/all.md",
        }
        for lesson, payload in enumerate(payloads, 1)
    ]
    card = {
        "semester": 1,
        "name": {"ru": payloads[0], "en": payloads[1]},
        "description": {"ru": " ".join(payloads)[:900], "en": payloads[2]},
        "teachers": ["boris"],
        "materials": materials,
    }
    links = [f"[{one}]({one}) ![x]({one}) <{one}>" for one in payloads]
    text = "# Всё\n\n" + "\n\n".join([*payloads, *links]) + f"\n\n```{payloads[0]}\nx\n```\n"
    # JSON is YAML too.
    return {"course.yaml": json.dumps(card), "materials/all.md": text}


@pytest.fixture(scope="module")
def courses(tmp_path_factory):
    with course_site(tmp_path_factory.mktemp("site")) as site:
        site.index_courses({**COURSES, "hostile": hostile_course(PAYLOADS)})
        # What no course.yaml may say is shown as words too.
        name, hostile = PAYLOADS[0], site.course_id("hostile")
        with site.database.atomic():
            site.database.sql(
                "UPDATE course_teacher SET teacher = ? WHERE course_id = ?", name, hostile
            )
            site.database.sql("UPDATE material SET file_url = ? WHERE lesson = 2", "javascript:x")
        yield site


@pytest.fixture
def visitor(chromium, courses):
    yield from open_visitor(chromium, courses)


def test_there_are_a_hundred_of_them():
    assert len(set(PAYLOADS)) >= 100


def test_no_page_runs_what_a_course_says(visitor, courses):
    number = courses.course_id("hostile")
    materials = Catalogue(courses.db).materials("hostile")
    anna = visitor.add_user(name=PAYLOADS[0])
    courses.add_favourite(anna, number)
    ApiKeys(courses.db).make(anna, PAYLOADS[1][:80], ["courses:read"])
    page = visitor.page(anna)
    page.add_init_script(NOTE_BREACHES)
    course = f"/courses/{number}"
    first = f"{course}/materials/{materials[0].material_id}"
    for path in ("/", course, f"{course}?type=lab", first, f"{course}/chat", "/me"):
        page.goto(courses.address + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.breaches") == [], path
        assert page.evaluate(FOREIGN) == [], path
    page.goto(courses.address + course)
    expect(page.locator(".rows > li")).to_have_count(len(PAYLOADS))


# What only an attack could have put there.
FOREIGN = """() => {
  const all = (wanted) => [...document.querySelectorAll(wanted)];
  const tags = "img, iframe, object, embed, base, math, video, style, form:not([action^='/'])";
  const isFar = (it) => !["https:", "mailto:"].includes(it.protocol) && it.host !== location.host;
  const acts = (it) => [...it.attributes].some((one) => /^(data-)?hx-on|^on/i.test(one.name));
  return [
    ...all(tags),
    ...all("a[href]").filter(isFar),
    ...all("*").filter(acts),
    ...all("script").filter((it) => !it.src.startsWith(location.origin)),
  ].map((it) => it.outerHTML.slice(0, 200));
}"""


def test_no_query_runs_and_none_is_a_fault(visitor, courses):
    page = visitor.page()
    page.add_init_script(NOTE_BREACHES)
    page.goto(courses.address + "/")
    statuses = page.evaluate(
        """(all) => Promise.all(all.map(async (one) => {
          const asked = `/courses?q=${encodeURIComponent(one)}`;
          return (await fetch(asked, {headers: {"HX-Request": "true"}})).status;
        }))""",
        PAYLOADS,
    )
    assert set(statuses) == {200}
    for payload in PAYLOADS[:12]:
        page.goto(f"{courses.address}/?q={quote(payload)}")
        assert page.evaluate(FOREIGN) == []
    field = page.get_by_role("searchbox")
    field.fill(PAYLOADS[0])
    page.wait_for_load_state("networkidle")
    assert page.evaluate(FOREIGN) == []
    assert page.evaluate("window.breaches") == []


def test_no_answer_of_the_model_runs(visitor, courses):
    said, nearest = "\n\n".join(PAYLOADS), PAYLOADS[:3]
    courses.provider.behave(fixed_answer=said, extension={"known": False, "nearest": nearest})
    page = visitor.page(visitor.add_user())
    page.add_init_script(NOTE_BREACHES)
    page.goto(f"{courses.address}/courses/{courses.course_id('algorithms')}/chat")
    page.get_by_role("textbox", name="Вопрос").fill("Что?")
    page.keyboard.press("Enter")
    expect(page.locator(".msg:not(.me) .text")).to_contain_text(PAYLOADS[0])
    expect(page.get_by_role("button", name=PAYLOADS[0], exact=True)).to_be_visible()
    page.reload()
    expect(page.locator(".msg:not(.me) .text")).to_contain_text(PAYLOADS[0])
    assert page.evaluate(FOREIGN) == []
    assert page.evaluate("window.breaches") == []
    courses.provider.behave(fixed_answer="", extension={})
