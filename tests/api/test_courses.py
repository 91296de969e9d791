"""The catalogue over HTTP: active courses, materials, pagination, languages."""

import pytest

from merlin.api.rest.courses import CourseShown, MaterialShown, MaterialWhole
from merlin.core.permissions import Role
from merlin.course.catalogue import Catalogue
from tests.api.running_api import ALGORITHMS, VERA

pytestmark = pytest.mark.functional


def check_problem(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["type"]) == (status, f"urn:merlin:problem:{code}")
    return body


def test_course_list_contains_every_active_course_by_semester(still_site):
    courses = still_site.client.get("/api/courses").json()
    assert [course["slug"] for course in courses] == ["algorithms", "networks"]
    first = CourseShown.model_validate(courses[0])
    assert (first.id, first.semester) == (still_site.course_id("algorithms"), 1)
    assert (first.name, first.teachers) == ("Алгоритмы и структуры данных", ["boris"])
    assert first.description.startswith("Изучение")
    assert (first.materials, first.counts) == (
        4,
        {"lecture": 2, "seminar": 1, "lab": 1},
    )


def test_courses_are_grouped_by_semester_on_request(still_site):
    grouped = still_site.client.get("/api/courses?group=semester").json()
    slugs = {
        semester["number"]: [course["slug"] for course in semester["courses"]]
        for semester in grouped["semesters"]
    }
    assert slugs == {1: ["algorithms"], 2: ["networks"]}
    alone = still_site.client.get("/api/courses?semester=2").json()
    assert [course["slug"] for course in alone] == ["networks"]


def test_materials_are_sorted_by_type_then_lesson(still_site):
    course_id = still_site.course_id("algorithms")
    body = still_site.client.get(f"/api/courses/{course_id}/materials").json()
    assert (body["course_id"], body["course_name"]) == (
        course_id,
        "Алгоритмы и структуры данных",
    )
    shown = [MaterialShown.model_validate(material) for material in body["materials"]]
    materials = [(material.material_type, material.lesson_number) for material in shown]
    assert materials == [
        ("Лекция", 1),
        ("Лекция", 2),
        ("Семинар", 1),
        ("Лабораторная работа", 1),
    ]
    codes = [material["type_code"] for material in body["materials"]]
    assert codes == ["lecture", "lecture", "seminar", "lab"]
    assert body["materials"][2]["file_url"] == "https://example.com/s1.pdf"
    assert body["materials"][0]["file_url"] is None


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


def test_material_is_shown_with_its_text_or_file(still_site):
    path = f"/api/courses/{still_site.course_id('algorithms')}/materials"
    lecture, _, seminar, _ = (
        material["id"] for material in still_site.client.get(path).json()["materials"]
    )
    material = MaterialWhole.model_validate(
        still_site.client.get(f"{path}/{lecture}").json()
    )
    assert (material.title, material.text) == (
        "Введение в алгоритмы",
        ALGORITHMS["materials/lecture-01.md"],
    )
    assert (material.course_id, material.lesson_number) == (
        still_site.course_id("algorithms"),
        1,
    )
    file = MaterialWhole.model_validate(
        still_site.client.get(f"{path}/{seminar}").json()
    )
    assert (file.text, file.has_text, file.file_url) == (
        None,
        False,
        "https://example.com/s1.pdf",
    )


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
