"""Administration of users; the permissions are tested in `test_role_matrix.py`."""

import pytest

from merlin.account.users import Users
from merlin.api.schema import cursor_after
from merlin.billing.quota import Quotas
from merlin.core.permissions import Role
from merlin.db.notices import Notices
from merlin.db.tables import USER
from tests.api.running_api import ANNA, BORIS, VERA
from tests.api.sign_in_data import set_password

pytestmark = pytest.mark.functional


@pytest.fixture
def admin(site):
    site.add_user(VERA, Role.ADMIN)
    site.add_user(ANNA)
    Users(site.db).set_name(ANNA, "Анна")
    with site.browser_client(VERA) as client:
        yield client


def test_users_are_found_listed_and_paginated(site, admin):
    everybody = admin.get("/api/users").json()
    assert everybody["count"] == 2
    (anna,) = admin.get("/api/users", params={"query": "анн"}).json()["users"]
    assert (anna["id"], anna["role"], anna["blocked"]) == (ANNA, "student", False)
    assert admin.get(f"/api/users/{ANNA}").json() == anna
    set_password(site, ANNA, "anna.k")
    for query in ("anna.k", " @Anna.K ", f" {ANNA} "):
        found = admin.get("/api/users", params={"query": query}).json()["users"]
        assert [user["id"] for user in found] == [ANNA], query
    assert admin.get("/api/users/77").status_code == 404
    first = admin.get("/api/users", params={"limit": 1})
    rest = admin.get(first.links["next"]["url"])
    ids = {user["id"] for part in (first, rest) for user in part.json()["users"]}
    assert ids == {ANNA, VERA}
    assert "next" not in rest.links


def test_users_who_come_and_go_between_two_parts_move_nobody(site, admin):
    for user_id in (5001, 5002, 5003):
        site.add_user(user_id)
    users = admin.get("/api/users", params={"limit": 2})
    ids = [user["id"] for user in users.json()["users"]]
    for number in (1, 2):
        site.add_user(6000 + number)
    site.db.delete(USER, USER.user_id == ids[0])
    while "next" in users.links:
        users = admin.get(users.links["next"]["url"])
        ids += [user["id"] for user in users.json()["users"]]
    assert sorted(ids) == sorted([ANNA, VERA, 5001, 5002, 5003])


def test_role_grant_and_revocation_are_audited_and_notify_the_user(site, admin):
    address = f"/api/users/{ANNA}/roles"
    body = admin.post(address, json={"role": "teacher", "scope": "networks"}).json()
    assert (body["role"], body["scopes"]) == ("teacher", ["networks"])
    assert admin.post(address, json={"role": "teacher", "scope": "none"}).status_code == 404
    assert admin.post(address, json={"role": "teacher"}).status_code == 409
    assert admin.post(address, json={"role": "owner"}).status_code == 422
    body = admin.delete(address, params={"scope": "networks"}).json()
    assert body["role"] == "student"
    assert {notice.key for notice in Notices(site.db).list_newest(str(ANNA), 5)} == {
        "notice-role",
        "notice-role-scopes",
    }
    entries = admin.get("/api/audit", params={"target": f"user:{ANNA}"}).json()["entries"]
    assert {entry["by"] for entry in entries} == {f"user:{VERA}"}
    assert len(entries) == 2


def test_audit_page_names_people_by_their_username_if_they_have_no_name(site, admin):
    Users(site.db).set_name(ANNA, "")
    set_password(site, ANNA, "anna.k")
    page = admin.get("/admin/audit").text
    assert f'<a href="/admin/users/{ANNA}">anna.k</a>' in page
    assert f">{ANNA}</a>" not in page
    beyond = admin.get("/admin/audit", params={"by": f"user:{10**30}"})
    assert (beyond.status_code, str(10**30) in beyond.text) == (200, True)


def test_audit_is_paginated_and_filtered_by_author(site, admin):
    for act in ("block", "unblock", "block"):
        assert admin.post(f"/api/users/{ANNA}/{act}").status_code == 200
    first = admin.get("/api/audit", params={"limit": 2, "by": f"user:{VERA}"})
    rest = admin.get(first.links["next"]["url"])
    actions = [entry["action"] for part in (first, rest) for entry in part.json()["entries"]]
    assert actions == ["user.block", "user.unblock", "user.block"]
    assert "next" not in rest.links
    assert admin.get("/api/audit", params={"by": f"user:{ANNA}"}).json()["entries"] == []


def test_admin_cannot_change_themselves_or_block_another_admin(site, admin):
    site.add_user(BORIS, Role.ADMIN)
    assert admin.post(f"/api/users/{VERA}/roles", json={"role": "student"}).status_code == 409
    assert admin.delete(f"/api/users/{VERA}/roles").status_code == 409
    assert admin.post(f"/api/users/{VERA}/block").status_code == 409
    assert admin.post(f"/api/users/{BORIS}/block").status_code == 409
    assert site.roles.authority(VERA).role is Role.ADMIN


def test_blocked_user_is_refused_until_unblocked(site, admin):
    with site.key_client(ANNA) as student:
        assert student.get("/api/changes").status_code == 200
        assert admin.post(f"/api/users/{ANNA}/block").json()["blocked"]
        assert student.get("/api/changes").status_code == 403
        assert not admin.post(f"/api/users/{ANNA}/unblock").json()["blocked"]
        assert student.get("/api/changes").status_code == 200


def test_invalid_search_values_are_refused(admin):
    for wild in ("\0", "a\nb"):
        assert admin.get("/api/users", params={"query": wild}).status_code == 422
        assert admin.get("/api/audit", params={"target": wild}).status_code == 422
        assert admin.delete(f"/api/users/{ANNA}/roles", params={"scope": wild}).status_code == 422
    for key in (-1, 2**62):
        answer = admin.get("/api/users", params={"cursor": cursor_after("", key)})
        assert answer.status_code == 200
    assert admin.get("/api/users", params={"cursor": cursor_after(1)}).status_code == 422
    assert admin.get(f"/api/users/{2**53}").status_code == 422
    assert admin.get("/api/users", params={"query": "%"}).json()["users"] == []


def test_health_reports_queues_failures_disk_and_alarms(site):
    site.add_user(VERA, Role.ADMIN)
    Notices(site.db).tell("admins", "notice-proposal", {})
    with site.key_client(VERA) as admin:
        body = admin.get("/api/health").json()
    queues = {queue["name"]: queue["waiting"] for queue in body["queues"]}
    assert queues["notices"] == 2  # the other admins are notified of vera's role
    assert body["failures"] == {"updates": 0, "requests": 0, "jobs": 0}
    assert body["disk"]["free"] > 0
    assert body["alarms"][0]["text"]


def test_gift_form_is_given_once_and_again_with_another_amount(site, admin):
    address = f"/admin/users/{ANNA}"
    form = {"once": "0" * 32, "kind": "text", "days": 30}
    for amount in (5, 5, 7):
        answer = admin.post(f"{address}/gifts", data={**form, "amount": amount})
        assert answer.headers["location"] == f"{address}?said=given"
    gifts = Quotas(site.db, 0).gifts.list_all(ANNA)
    assert sorted(gift.amount for gift in gifts) == [5, 7]
