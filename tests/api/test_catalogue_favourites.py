"""Favourites over HTTP: per user, without duplicates, and what is refused."""

import pytest

from tests.api.payment_api import page_text
from tests.api.running_api import ANNA, BORIS, COURSES

pytestmark = pytest.mark.functional

PATH = "/api/user/courses"


@pytest.fixture
def anna(site):
    site.add_user(ANNA)
    with site.key_client(ANNA) as client:
        yield client


@pytest.fixture
def boris(site):
    site.add_user(BORIS)
    with site.browser_client(BORIS) as client:
        yield client


def favourite_slugs(client):
    return [course["slug"] for course in client.get(PATH).json()]


def test_favourite_can_be_added_listed_and_removed(site, anna):
    course_id = site.course_id("networks")
    first, again = (anna.post(PATH, json={"course_id": course_id}) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert (
        first.json()
        == again.json()
        == site.client.get(f"/api/courses/{course_id}").json()
    )
    assert favourite_slugs(anna) == ["networks"]
    for _ in range(2):
        response = anna.delete(f"{PATH}/{course_id}")
        assert (response.status_code, response.content) == (204, b"")
    assert favourite_slugs(anna) == []


def test_form_adds_and_removes_a_favourite_and_returns_to_its_page(site, boris):
    course_id = site.course_id("networks")
    page = f"/courses/{course_id}"
    for act, slugs in (("add", ["networks"]), ("remove", [])):
        answer = boris.post("/favourites", data={act: course_id, "next": page})
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert favourite_slugs(boris) == slugs
    assert boris.post("/favourites", data={"next": page}).status_code == 422
    own = {"Origin": site.address}
    answer = site.client.post(
        "/favourites", data={"add": course_id, "next": page}, headers=own
    )
    assert answer.headers["location"] == f"/sign-in?next=%2Fcourses%2F{course_id}"


def test_material_whose_address_cannot_be_split_is_named_without_its_host(site):
    material = '{lesson: 1, type: lab, title: {ru: Сеть}, file_url: "https://[x"}'
    course = COURSES["networks"]["course.yaml"].replace(
        "materials: []", f"materials:\n  - {material}"
    )
    site.index_courses({**COURSES, "networks": {"course.yaml": course}})
    page = site.client.get(f"/courses/{site.course_id('networks')}")
    assert (page.status_code, "Сеть" in page.text) == (200, True)
    assert "[x" not in page_text(page)


@pytest.mark.parametrize(
    "extra",
    [{"user_id": BORIS}, {"user": BORIS}, {"userId": str(BORIS)}, {"courses": [1]}],
)
def test_owner_of_favourites_is_never_taken_from_the_request(site, anna, boris, extra):
    body = {"course_id": site.course_id("algorithms"), **extra}
    refused = anna.post(PATH, json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == f"/{next(iter(extra))}"
    by_query = anna.post(
        PATH, params={"user_id": BORIS}, json={"course_id": body["course_id"]}
    )
    assert by_query.status_code == 201
    assert (favourite_slugs(boris), favourite_slugs(anna)) == ([], ["algorithms"])
