"""Favourites over HTTP: per user, without duplicates, and what is refused."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from merlin.course.catalogue import Catalogue
from tests.api.running_api import ANNA, BORIS
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

CARL = 1004
PATH = "/api/user/courses"


@pytest.fixture(scope="module")
def carl(still_site):
    """A client whose calls are all refused."""
    with still_site.key_client(still_site.add_user(CARL)) as client:
        yield client


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
    assert first.json() == again.json() == site.client.get(f"/api/courses/{course_id}").json()
    assert favourite_slugs(anna) == ["networks"]
    for _ in range(2):
        response = anna.delete(f"{PATH}/{course_id}")
        assert (response.status_code, response.content) == (204, b"")
    assert favourite_slugs(anna) == []


def test_favourites_are_listed_in_the_order_of_addition(site, anna):
    for slug in ("networks", "algorithms"):
        anna.post(PATH, json={"course_id": site.course_id(slug)})
    assert favourite_slugs(anna) == ["networks", "algorithms"]


@pytest.mark.parametrize(
    "extra", [{"user_id": BORIS}, {"user": BORIS}, {"userId": str(BORIS)}, {"courses": [1]}]
)
def test_owner_of_favourites_is_never_taken_from_the_request(site, anna, boris, extra):
    body = {"course_id": site.course_id("algorithms"), **extra}
    refused = anna.post(PATH, json=body)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == f"/{next(iter(extra))}"
    by_query = anna.post(PATH, params={"user_id": BORIS}, json={"course_id": body["course_id"]})
    assert by_query.status_code == 201
    assert (favourite_slugs(boris), favourite_slugs(anna)) == ([], ["algorithms"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        "1",
        {"course_id": None},
        {"course_id": "1"},
        {"course_id": 1.5},
        {"course_id": True},
        {"course_id": 0},
        {"course_id": -1},
        {"course_id": 2**53},
        {"course_id": 10**30},
        {"course_id": [1]},
        {"course_id": {"id": 1}},
    ],
)
def test_body_with_wrong_fields_is_refused(carl, body):
    answer = carl.post(PATH, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]
    assert favourite_slugs(carl) == []


def test_favourites_have_an_etag_and_are_cached_privately(site, anna):
    first = anna.get(PATH)
    assert first.headers["cache-control"] == "private, no-cache"
    tag = first.headers["etag"]
    same = anna.get(PATH, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    anna.post(PATH, json={"course_id": site.course_id("algorithms")})
    assert anna.get(PATH, headers={"If-None-Match": tag}).status_code == 200


def test_concurrent_posts_add_each_course_once(site):
    site.index_courses(
        {f"c-{n}": {"course.yaml": f"semester: 1\nname: {{ru: Курс {n}}}\n"} for n in range(15)}
    )
    ids = [course.course_id for course in Catalogue(site.db).courses()]
    site.add_user(ANNA)
    headers = site.key_headers(ANNA)

    def race(start):
        with httpx.Client(base_url=site.address, headers=headers, timeout=longest()) as client:
            posts = [
                client.post(PATH, json={"course_id": course_id})
                for course_id in ids[start:] + ids[:start]
            ]
            return [post.status_code for post in posts]

    with ThreadPoolExecutor(10) as pool:
        statuses = [status for batch in pool.map(race, range(10)) for status in batch]
    assert statuses.count(201) == len(ids)
    assert statuses.count(200) == len(statuses) - len(ids)
    assert sorted(site.favourite_ids(ANNA)) == sorted(ids)
