"""Search over HTTP: results and their order, and no query is an error."""

import pytest

from tests.api.running_api import CLOSED, NETWORKS
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def slugs(site, query, **options):
    answer = site.client.get("/api/courses/search", params={"query": query, **options})
    assert answer.status_code == 200, answer.text
    return [course["slug"] for course in answer.json()]


@pytest.mark.parametrize(
    "query",
    [
        "алгоритмов",
        "СТРУКТУРЫ данных",
        "алгор",
        "сортировок",
        "data structure",
        "алгаритм",
        "горитм",
    ],
)
def test_course_is_found_by_any_form_of_its_words(still_site, query):
    assert slugs(still_site, query) == ["algorithms"]


def test_index_follows_the_catalogue(site):
    site.index_courses({"networks": NETWORKS, "algorithms": CLOSED})
    wait_until(lambda: slugs(site, "проводв") == ["networks"])
    assert slugs(site, "алгоритмов") == []


def test_closed_courses_are_not_found(still_site):
    assert slugs(still_site, "закрытый курс") == []
    assert slugs(still_site, "тайна") == []
