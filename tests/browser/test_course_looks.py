"""The course pages: checks by axe-core, sizes, weight of the first load, themes, screenshots."""

import json

import pytest
from playwright.sync_api import expect

from merlin.account.api_keys import ApiKeys
from merlin.account.users import Users
from merlin.course.catalogue import Catalogue
from tests.api.catalogue_files import COURSES
from tests.api.sign_in_data import set_password
from tests.browser.axe_and_screenshots import TOO_WIDE, require_no_faults

pytestmark = pytest.mark.integration

NARROW = {
    "viewport": {"width": 320, "height": 700},
    "has_touch": True,
    "is_mobile": True,
}


def list_pages(site):
    """Return name -> path of every page, and whether it is opened signed in."""
    course = site.course_id("algorithms")
    materials = Catalogue(site.db).materials("algorithms")
    text = next(material.material_id for material in materials if material.text)
    file = next(material.material_id for material in materials if material.file_url)
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
        "chat-sign-in": (f"/courses/{course}/chat", False),
        "sign-in": ("/sign-in", False),
        "me": ("/me", True),
        "lost": ("/nowhere", False),
    }


@pytest.fixture(scope="module")
def anna(course_site):
    """A user with favourites, an API key and a password."""
    user_id = course_site.add_user(4001)
    Users(course_site.db).set_name(user_id, "Анна")
    for slug in ("algorithms", "hci"):
        course_site.add_favourite(user_id, course_site.course_id(slug))
    ApiKeys(course_site.db).make(user_id, "мой скрипт", ["courses:read", "chat:write"])
    set_password(course_site, user_id, "anna")
    course_site.sign_in(user_id)
    return user_id


@pytest.mark.parametrize("language", ["ru", "en"])
def test_axe_finds_no_violation_on_course_pages(visitor, course_site, anna, language):
    pages = {
        name: (path, anna if signed else None)
        for name, (path, signed) in list_pages(course_site).items()
    }
    require_no_faults(visitor, pages, language)


def test_longest_words_of_a_course_do_not_widen_its_page(visitor, course_site):
    word = "Ы" * 300
    card = {"semester": 1, "name": {"ru": word}, "description": {"ru": word}}
    lecture = {
        "type": "lecture",
        "title": {"ru": word},
        "file_url": "https://example.com/a.pdf",
    }
    card["materials"] = [{"lesson": lesson, **lecture} for lesson in (1, 2, 3)]
    course_site.index_courses({**COURSES, "long": {"course.yaml": json.dumps(card)}})
    page = visitor.open(f"/courses/{course_site.course_id('long')}", **NARROW)
    expect(page.get_by_role("heading", name=word)).to_be_visible()
    assert page.evaluate(TOO_WIDE) == []
    page.get_by_role("link", name=word).nth(1).click()
    expect(page.get_by_role("navigation", name="Соседние материалы")).to_be_visible()
    assert page.evaluate(TOO_WIDE) == []
    expect(page.locator(".top")).to_have_css("position", "sticky")
    page.set_viewport_size({"width": 320, "height": 256})
    expect(page.locator(".top")).to_have_css("position", "static")
    course_site.index_courses(COURSES)


def test_first_load_is_small_and_requests_only_its_own_host(visitor, course_site):
    page = visitor.page(is_new=True)
    sizes = {}
    hosts = set()
    requests = []
    page.on("requestfinished", lambda request: requests.extend([request]))
    page.goto(course_site.address + "/")
    page.wait_for_load_state("networkidle")
    for request in requests:
        hosts.add(request.url.split("/")[2])
        kind = request.url.split("?")[0].rpartition(".")[2]
        kind = kind if kind in {"js", "css", "svg"} else "html"
        sizes[kind] = sizes.get(kind, 0) + request.sizes()["responseBodySize"]
    assert hosts == {course_site.address.removeprefix("http://")}
    assert sizes["html"] <= 10_000
    assert sizes["css"] <= 6_000
    assert sizes["js"] <= 22_500
    assert sum(sizes.values()) <= 40_000
