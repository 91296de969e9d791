"""Who may do what: each role against each route; and the people that admins look after."""

from __future__ import annotations

import pytest
from dataset_tree import good_files
from site_world import ANNA, BORIS, COURSES, VERA

from merlin.account.key import Scope
from merlin.account.role import Role
from merlin.api.app import create_app
from merlin.api.paging import cursor
from merlin.api.routes import (
    builds,
    changes,
    datasets,
    examples,
    jobs,
    models,
    office,
    people,
    teaching,
    verdicts,
)

pytestmark = pytest.mark.functional

TOPICS = (builds, changes, datasets, examples, jobs, models, office, people, teaching, verdicts)
ELSE, EDITOR, BLOCKED = 1004, 1005, 1006
CHANGE = "0" * 32
MATERIAL = {"title": {"ru": "Новое"}, "type": "lab", "lesson": 1, "text": "текст"}
EXAMPLE = {"question": "Что?", "answer": "То."}
WHO = ("nobody", "student", "own", "other", "editor", "admin", "poor", "blocked")
# What each may: status of (nobody, student, this course's teacher, another's, editor, admin,
# an admin's key without the scope, somebody shut out).
LED = "401 403 - 403 - - 403 403"
WATCHED = "401 403 - 404 - - 403 403"
WATCHES = "401 403 200 200 200 200 403 403"
OWN = "401 404 404 404 404 404 403 403"
LISTED = "401 200 200 200 200 200 403 403"
DONE = "401 403 403 403 403 - 403 403"
KEPT = "401 403 403 403 403 403 403 403"
MATRIX = {
    ("GET", "/api/teacher/courses"): LISTED,
    ("GET", "/api/teacher/courses/{course_id}"): LED,
    ("PATCH", "/api/courses/{course_id}"): LED,
    ("POST", "/api/courses/{course_id}/materials"): LED,
    ("PUT", "/api/courses/{course_id}/materials/{material_id}"): LED,
    ("DELETE", "/api/courses/{course_id}/materials/{material_id}"): LED,
    ("GET", "/api/courses/{course_id}/questions"): LED,
    ("GET", "/api/changes"): LISTED,
    ("GET", "/api/changes/{change_id}"): OWN,
    ("POST", "/api/changes/{change_id}/again"): OWN,
    ("DELETE", "/api/changes/{change_id}"): OWN,
    ("POST", "/api/changes/{change_id}/undo"): OWN,
    ("GET", "/api/datasets/{dataset}/examples"): "401 404 200 404 200 200 403 403",
    ("POST", "/api/datasets/{dataset}/examples"): "401 409 202 409 202 202 403 403",
    ("GET", "/api/datasets/{dataset}/examples/{example_id}"): "401 404 200 404 200 200 403 403",
    ("PUT", "/api/datasets/{dataset}/examples/{example_id}"): "401 404 409 404 409 409 403 403",
    ("DELETE", "/api/datasets/{dataset}/examples/{example_id}"): "401 404 409 404 409 409 403 403",
    ("GET", "/api/datasets"): WATCHES,
    ("GET", "/api/datasets/{dataset}"): WATCHED,
    ("GET", "/api/datasets/{dataset}/quote"): DONE,
    ("POST", "/api/datasets/{dataset}/rollback"): DONE,
    ("GET", "/api/builds"): WATCHES,
    ("GET", "/api/builds/{version}"): "401 403 404 404 404 404 403 403",
    ("GET", "/api/builds/{old}/diff/{new}"): "401 403 404 404 404 404 403 403",
    ("GET", "/api/jobs"): WATCHES,
    ("GET", "/api/jobs/{job_id}"): "401 403 404 404 404 404 403 403",
    ("POST", "/api/jobs"): DONE,
    ("POST", "/api/jobs/{job_id}/cancel"): DONE,
    ("GET", "/api/models"): WATCHES,
    ("GET", "/api/models/{model_id}"): "401 403 404 404 404 404 403 403",
    ("POST", "/api/models/{model_id}/promote"): DONE,
    ("POST", "/api/models/{model_id}/pin"): DONE,
    ("POST", "/api/models/{model_id}/unpin"): DONE,
    ("GET", "/api/promotions"): WATCHES,
    ("GET", "/api/verdicts"): WATCHES,
    ("GET", "/api/requests"): LISTED,
    ("GET", "/api/requests/{request_id}"): OWN,
    ("GET", "/api/status"): WATCHES,
    ("GET", "/api/health"): "401 403 403 403 403 200 403 403",
    ("GET", "/api/users"): KEPT,
    ("GET", "/api/users/{user_id}"): KEPT,
    ("POST", "/api/users/{user_id}/roles"): KEPT,
    ("DELETE", "/api/users/{user_id}/roles"): KEPT,
    ("POST", "/api/users/{user_id}/block"): KEPT,
    ("POST", "/api/users/{user_id}/unblock"): KEPT,
    ("GET", "/api/audit"): KEPT,
}
BODIES = {
    ("PATCH", "/api/courses/{course_id}"): {"semester": 2},
    ("POST", "/api/courses/{course_id}/materials"): MATERIAL,
    ("PUT", "/api/courses/{course_id}/materials/{material_id}"): MATERIAL,
    ("POST", "/api/changes/{change_id}/again"): {"take": "mine"},
    ("POST", "/api/datasets/{dataset}/examples"): EXAMPLE,
    ("PUT", "/api/datasets/{dataset}/examples/{example_id}"): EXAMPLE,
    ("POST", "/api/jobs"): {"dataset": "algorithms"},
    ("POST", "/api/users/{user_id}/roles"): {"role": "student"},
}


@pytest.fixture
def clients(site):
    """A program of each kind of caller."""
    site.teach({**COURSES, "algorithms": {**COURSES["algorithms"], **good_files(3)}})
    site.person(ANNA)
    site.person(BORIS, Role.TEACHER, "algorithms")
    site.person(ELSE, Role.TEACHER, "networks")
    site.person(EDITOR, Role.EDITOR)
    site.person(VERA, Role.ADMIN)
    site.person(BLOCKED, Role.EDITOR)
    made = {
        "nobody": site.client,
        "student": site.program(ANNA),
        "own": site.program(BORIS),
        "other": site.program(ELSE),
        "editor": site.program(EDITOR),
        "admin": site.program(VERA),
        "poor": site.program(VERA, Scope.FAVOURITES_WRITE),
        "blocked": site.program(BLOCKED),
    }
    site.rows.register.block(BLOCKED, "cli:vera")
    yield made
    for client in made.values():
        client.close()


def filled(site, path):
    names = {
        "course_id": site.course_id("algorithms"),
        "material_id": site.rows.courses.materials("algorithms")[0].material_id,
        "change_id": CHANGE,
        "dataset": "algorithms",
        "example_id": "face/q0001",
        "version": "algorithms-1",
        "old": "algorithms-1",
        "new": "algorithms-2",
        "job_id": 1,
        "model_id": 1,
        "request_id": 1,
        "user_id": ANNA,
    }
    return path.format(**names)


def test_every_route_is_in_the_matrix(site):
    mine = {route.path for topic in TOPICS for route in topic.router.routes}
    told = create_app(site.services).openapi()["paths"]
    plain = {path.replace(":path}", "}") for path in mine}
    found = {(verb.upper(), path) for path in plain for verb in told[path]}
    assert {each for each in found if each in MATRIX or _is_mine(each)} == set(MATRIX)


def _is_mine(each):
    verb, path = each
    routes = [route for topic in TOPICS for route in topic.router.routes]
    return any(
        route.path.replace(":path}", "}") == path and verb in route.methods for route in routes
    )


def test_every_role_may_on_every_route_what_the_matrix_says(site, clients):
    wrong = []
    for (method, path), row in MATRIX.items():
        for who, wanted in zip(WHO, row.split(), strict=True):
            body = BODIES.get((method, path))
            answer = clients[who].request(method, filled(site, path), json=body)
            may = answer.status_code not in (401, 403)
            is_fine = may if wanted == "-" else answer.status_code == int(wanted)
            if not is_fine:
                wrong.append((method, path, who, wanted, answer.status_code))
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
    assert wrong == []


@pytest.fixture
def admin(site):
    site.person(VERA, Role.ADMIN)
    site.person(ANNA)
    site.rows.users.set_name(ANNA, "Анна")
    with site.browser(VERA) as client:
        yield client


def test_people_are_found_and_told(admin):
    everybody = admin.get("/api/users").json()
    assert everybody["count"] == 2
    (anna,) = admin.get("/api/users", params={"query": "анн"}).json()["users"]
    assert (anna["id"], anna["role"], anna["blocked"]) == (ANNA, "student", False)
    assert admin.get(f"/api/users/{ANNA}").json() == anna
    assert admin.get("/api/users/77").status_code == 404
    first = admin.get("/api/users", params={"limit": 1})
    rest = admin.get(first.links["next"]["url"])
    ids = {each["id"] for part in (first, rest) for each in part.json()["users"]}
    assert ids == {ANNA, VERA}
    assert "next" not in rest.links


def test_a_role_is_given_taken_noted_and_told(site, admin):
    address = f"/api/users/{ANNA}/roles"
    told = admin.post(address, json={"role": "teacher", "scope": "networks"}).json()
    assert (told["role"], told["scopes"]) == ("teacher", ["networks"])
    assert admin.post(address, json={"role": "teacher", "scope": "none"}).status_code == 404
    assert admin.post(address, json={"role": "teacher"}).status_code == 409
    assert admin.post(address, json={"role": "owner"}).status_code == 422
    told = admin.delete(address, params={"scope": "networks"}).json()
    assert told["role"] == "student"
    assert {each.key for each in site.rows.notices.newest(str(ANNA), 5)} == {
        "notice-role",
        "notice-role-scopes",
    }
    entries = admin.get("/api/audit", params={"target": f"user:{ANNA}"}).json()["entries"]
    assert {each["by"] for each in entries} == {f"user:{VERA}"}
    assert len(entries) == 2


def test_nobody_changes_themselves_or_shuts_another_admin_out(site, admin):
    site.person(BORIS, Role.ADMIN)
    assert admin.post(f"/api/users/{VERA}/roles", json={"role": "student"}).status_code == 409
    assert admin.delete(f"/api/users/{VERA}/roles").status_code == 409
    assert admin.post(f"/api/users/{VERA}/block").status_code == 409
    assert admin.post(f"/api/users/{BORIS}/block").status_code == 409
    assert site.rows.roles.role_of(VERA) is Role.ADMIN


def test_who_is_shut_out_is_answered_no_more_until_let_in(site, admin):
    with site.program(ANNA) as student:
        assert student.get("/api/changes").status_code == 200
        assert admin.post(f"/api/users/{ANNA}/block").json()["blocked"]
        assert student.get("/api/changes").status_code == 403
        assert not admin.post(f"/api/users/{ANNA}/unblock").json()["blocked"]
        assert student.get("/api/changes").status_code == 200


def test_wild_words_find_nobody(admin):
    for wild in ("\0", "a\nb"):
        assert admin.get("/api/users", params={"query": wild}).status_code == 422
        assert admin.get("/api/audit", params={"target": wild}).status_code == 422
        assert admin.delete(f"/api/users/{ANNA}/roles", params={"scope": wild}).status_code == 422
    for key in (-1, 2**62):
        answer = admin.get("/api/users", params={"cursor": cursor(key)})
        assert answer.status_code == 200
    assert admin.get(f"/api/users/{2**53}").status_code == 422
    assert admin.get("/api/users", params={"query": "%"}).json()["users"] == []


def test_another_sites_page_changes_nobody(site, admin):
    far = {"Origin": "https://evil.example"}
    answer = admin.post(f"/api/users/{ANNA}/block", headers=far)
    assert answer.status_code == 403
    assert not site.rows.users.get(ANNA).is_blocked


def test_health_tells_queues_failures_and_disk(site):
    site.person(VERA, Role.ADMIN)
    site.rows.notices.tell("admins", "notice-proposal", {})
    with site.program(VERA) as admin:
        told = admin.get("/api/health").json()
    queues = {each["name"]: each["waiting"] for each in told["queues"]}
    assert queues["notices"] == 1
    assert told["failures"] == {"updates": 0, "requests": 0, "jobs": 0}
    assert told["disk"]["free"] > 0
    assert told["alarms"][0]["text"]
