"""Search over HTTP: results and their order, and no query is an error."""

import pytest

from merlin.api.rest.courses import CourseFound, MaterialFound
from merlin.course.catalogue import Catalogue
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


def test_vocabulary_is_updated_with_each_catalogue_version(site):
    vocabulary, courses = site.services.vocabulary, Catalogue(site.db)
    wait_until(lambda: vocabulary.version == courses.version())
    site.index_courses({"networks": NETWORKS, "algorithms": CLOSED})
    wait_until(lambda: vocabulary.version == courses.version())
    assert slugs(site, "проводв") == ["networks"]


def test_closed_courses_are_not_found(still_site):
    assert slugs(still_site, "закрытый курс") == []
    body = still_site.client.get("/api/search?query=тайна").json()
    assert (body["courses"], body["materials"]) == ([], [])


def test_materials_are_found_with_their_courses(still_site):
    answer = still_site.client.get("/api/search", params={"query": "сортировка"})
    results = answer.json()
    courses = [CourseFound.model_validate(course) for course in results["courses"]]
    materials = [MaterialFound.model_validate(material) for material in results["materials"]]
    assert [course.slug for course in courses] == ["algorithms"]
    assert {material.title for material in materials} == {"Сортировки", "Практика: сортировки"}
    assert {material.course_id for material in materials} == {still_site.course_id("algorithms")}
    assert (results["query"], results["suggestion"]) == ("сортировка", None)


@pytest.mark.parametrize(
    ("query", "suggestion"), [("сортеровки", "сортировки"), ("cjhnbhjdrb", "сортировки")]
)
def test_spelling_suggestion_is_returned(still_site, query, suggestion):
    results = still_site.client.get("/api/search", params={"query": query}).json()
    assert results["suggestion"] == suggestion
    assert [course["slug"] for course in results["courses"]] == ["algorithms"]


def test_next_links_lead_through_all_results(site):
    site.index_courses(
        {f"c-{n}": {"course.yaml": f"semester: 1\nname: {{ru: Графы {n}}}\n"} for n in range(5)}
    )
    address, found_slugs = "/api/courses/search?query=граф&limit=2", []
    while address:
        part = site.client.get(address)
        found_slugs += [course["slug"] for course in part.json()]
        address = part.links.get("next", {}).get("url")
    assert sorted(found_slugs) == [f"c-{n}" for n in range(5)]


@pytest.mark.parametrize(
    "query",
    [
        "' OR '1'='1",
        '"; DROP TABLE course; --',
        "алгоритмы OR химия",
        "NEAR(алгоритмы данных)",
        "name:алгоритмы*химия",
        "x' UNION SELECT token_hash FROM sign_in --",
        "%",
        "_",
        "[[*",
        "\0",
        "(((((",
        "\u202e\U0001f600",
    ],
)
def test_database_syntax_in_a_query_is_plain_text(still_site, query):
    assert slugs(still_site, query) == []
    assert len(still_site.client.get("/api/courses").json()) == 2
