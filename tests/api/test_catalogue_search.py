"""Search over HTTP."""

import pytest

from tests.api.running_api import CLOSED, NETWORKS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def slugs(site, query):
    answer = site.client.get("/api/courses/search", params={"query": query})
    assert answer.status_code == 200, answer.text
    return [course["slug"] for course in answer.json()]


# Which words find a course: tests/course/test_search_rows.py.
def test_search_finds_open_courses_and_follows_the_catalogue(site):
    assert slugs(site, "алгаритм") == ["algorithms"]
    assert slugs(site, "закрытый курс") == slugs(site, "тайна") == []
    site.index_courses({"networks": NETWORKS, "algorithms": CLOSED})
    wait_until(lambda: slugs(site, "проводв") == ["networks"])
    assert slugs(site, "алгоритмов") == []


def test_another_method_is_refused_as_such(site):
    answer = site.client.patch("/api/courses/search", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
