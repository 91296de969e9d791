"""The catalogue over HTTP: active courses, materials, search."""

import pytest

from merlin.core.permissions import Role
from merlin.course.catalogue import Catalogue
from tests.api.running_api import CLOSED, NETWORKS, VERA, check_problem
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


def test_courses_are_grouped_by_semester_on_request(still_site):
    grouped = still_site.client.get("/api/courses?group=semester").json()
    slugs = {
        semester["number"]: [course["slug"] for course in semester["courses"]]
        for semester in grouped["semesters"]
    }
    assert slugs == {1: ["algorithms"], 2: ["networks"]}
    alone = still_site.client.get("/api/courses?semester=2").json()
    assert [course["slug"] for course in alone] == ["networks"]


@pytest.mark.parametrize(
    "word", ["lab", "Лабораторная работа", "лабораторная РАБОТА", "LAB"]
)
def test_materials_are_filtered_by_type_code_or_russian_name(still_site, word):
    path = f"/api/courses/{still_site.course_id('algorithms')}/materials"
    materials = still_site.client.get(path, params={"type": word}).json()["materials"]
    assert [material["title"] for material in materials] == ["Практика: сортировки"]
    assert (
        len(still_site.client.get(path, params={"type": ""}).json()["materials"]) == 4
    )


def test_unknown_material_type_is_refused_with_the_known_types(still_site):
    path = f"/api/courses/{still_site.course_id('algorithms')}/materials"
    document = check_problem(
        still_site.client.get(path, params={"type": "экзамен"}), 422, "no-type"
    )
    assert "Лабораторная работа" in document["detail"]
    check_problem(
        still_site.client.get("/api/courses/999999/materials?type=lab"),
        404,
        "not-found",
    )


def test_material_that_is_a_file_has_no_text(still_site):
    path = f"/api/courses/{still_site.course_id('algorithms')}/materials"
    _, _, seminar, _ = still_site.client.get(path).json()["materials"]
    file = still_site.client.get(f"{path}/{seminar['id']}").json()
    assert (file["text"], file["has_text"]) == (None, False)
    assert file["file_url"] == "https://example.com/s1.pdf"


def test_material_is_not_found_under_another_course(still_site):
    path = f"/api/courses/{still_site.course_id('algorithms')}/materials"
    (first, *_) = (
        material["id"] for material in still_site.client.get(path).json()["materials"]
    )
    other = f"/api/courses/{still_site.course_id('networks')}/materials/{first}"
    document = check_problem(still_site.client.get(other), 404, "not-found")
    expected = (
        "Материал не найден: возможно, из курса его убрали. Откройте курс ещё раз."
    )
    assert document["detail"] == expected
    check_problem(still_site.client.get(f"{path}/999999"), 404, "not-found")


def test_closed_course_is_shown_to_nobody_by_the_catalogue(site):
    course_id = site.course_id("closed")
    (secret,) = Catalogue(site.db).materials("closed")
    site.add_user(VERA, Role.ADMIN)
    with site.key_client(VERA) as admin:
        for rest in ("", "/materials", f"/materials/{secret.material_id}"):
            for client in (site.client, admin):
                check_problem(
                    client.get(f"/api/courses/{course_id}{rest}"), 404, "not-found"
                )
        assert admin.get(f"/api/teacher/courses/{course_id}").status_code == 200
    assert "Тайна" not in site.client.get("/api/courses").text


def search(site, query):
    answer = site.client.get("/api/courses/search", params={"query": query})
    assert answer.status_code == 200, answer.text
    return [course["slug"] for course in answer.json()]


# Which words find a course: tests/course/test_search.py.
def test_search_finds_open_courses_and_follows_the_catalogue(site):
    assert search(site, "алгаритм") == ["algorithms"]
    assert search(site, "закрытый курс") == search(site, "тайна") == []
    site.index_courses({"networks": NETWORKS, "algorithms": CLOSED})
    wait_until(lambda: search(site, "проводв") == ["networks"])
    assert search(site, "алгоритмов") == []


def test_another_method_is_refused_as_such(site):
    answer = site.client.patch("/api/courses/search", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
