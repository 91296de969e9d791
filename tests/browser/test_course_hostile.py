"""Markup and scripts in every field of a course are shown as text."""

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from merlin.account.api_keys import ApiKeys
from merlin.course.catalogue import Catalogue
from tests.api.catalogue_files import COURSES
from tests.browser.course_browser import run_course_site
from tests.browser.naughty_markup import PAYLOADS

pytestmark = pytest.mark.integration

# Records violations of the content security policy.
RECORD_VIOLATIONS = """window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));"""


def make_hostile_course(payloads):
    """Return a course with these payloads in every field."""
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
    links = [
        f"[{payload}]({payload}) ![x]({payload}) <{payload}>" for payload in payloads
    ]
    text = (
        "# Всё\n\n"
        + "\n\n".join([*payloads, *links])
        + f"\n\n```{payloads[0]}\nx\n```\n"
    )
    # JSON is YAML too.
    return {"course.yaml": json.dumps(card), "materials/all.md": text}


@pytest.fixture(scope="module")
def course_site(tmp_path_factory):
    with run_course_site(tmp_path_factory.mktemp("site")) as site:
        site.index_courses({**COURSES, "hostile": make_hostile_course(PAYLOADS)})
        # Values that the check of course.yaml refuses are escaped too.
        name = PAYLOADS[0]
        hostile = site.course_id("hostile")
        with site.database.atomic():
            site.database.sql(
                "UPDATE course SET teachers = ? WHERE id = ?",
                json.dumps([name]),
                hostile,
            )
            site.database.sql(
                "UPDATE material SET file_url = ? WHERE lesson = 2", "javascript:x"
            )
        yield site


def test_markup_in_course_fields_does_not_run(visitor, course_site):
    course_id = course_site.course_id("hostile")
    materials = Catalogue(course_site.db).materials("hostile")
    anna = visitor.add_user(name=PAYLOADS[0])
    course_site.add_favourite(anna, course_id)
    ApiKeys(course_site.db).make(anna, PAYLOADS[1][:80], ["courses:read"])
    page = visitor.page(anna, is_new=True)
    page.add_init_script(RECORD_VIOLATIONS)
    course = f"/courses/{course_id}"
    first = f"{course}/materials/{materials[0].material_id}"
    for path in ("/", course, f"{course}?type=lab", first, f"{course}/chat", "/me"):
        page.goto(course_site.address + path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.violations") == [], path
        assert page.evaluate(INJECTED) == [], path
    page.goto(course_site.address + course)
    expect(page.locator(".rows > li")).to_have_count(len(PAYLOADS))


# Elements and attributes that only an attack can have added.
INJECTED = """() => {
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


def test_hostile_queries_do_not_run_or_fail(visitor, course_site):
    page = visitor.page(is_new=True)
    page.add_init_script(RECORD_VIOLATIONS)
    page.goto(course_site.address + "/")
    statuses = page.evaluate(
        """(queries) => Promise.all(queries.map(async (query) => {
          const path = `/?q=${encodeURIComponent(query)}`;
          return (await fetch(path, {headers: {"HX-Request": "true"}})).status;
        }))""",
        PAYLOADS,
    )
    assert set(statuses) == {200}
    for payload in PAYLOADS[6:14:2]:
        page.goto(f"{course_site.address}/?q={quote(payload)}")
        assert page.evaluate(INJECTED) == []
    field = page.get_by_role("searchbox")
    field.fill(PAYLOADS[0])
    page.wait_for_load_state("networkidle")
    assert page.evaluate(INJECTED) == []
    assert page.evaluate("window.violations") == []


def test_markup_in_model_answers_does_not_run(visitor, course_site):
    answer = "\n\n".join(PAYLOADS)
    nearest = PAYLOADS[:3]
    course_site.provider.behave(
        fixed_answer=answer, extension={"known": False, "nearest": nearest}
    )
    page = visitor.page(visitor.add_user(), is_new=True)
    page.add_init_script(RECORD_VIOLATIONS)
    page.goto(
        f"{course_site.address}/courses/{course_site.course_id('algorithms')}/chat"
    )
    page.get_by_role("textbox", name="Вопрос").fill("Что?")
    page.keyboard.press("Enter")
    expect(page.locator(".msg:not(.me) .text")).to_contain_text(PAYLOADS[0])
    offer = page.get_by_role("button", name=PAYLOADS[0], exact=True)
    expect(offer).to_be_visible()
    page.emulate_media(media="print")
    expect(offer).to_be_visible()  # it is a part of the answer
    page.emulate_media(media="screen")
    page.reload()
    expect(page.locator(".msg:not(.me) .text")).to_contain_text(PAYLOADS[0])
    assert page.evaluate(INJECTED) == []
    assert page.evaluate("window.violations") == []
    course_site.provider.behave(fixed_answer="", extension={})
