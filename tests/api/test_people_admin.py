"""Administration of users; the permissions are tested in `test_role_matrix.py`."""

import re
from html import unescape

import pytest

from merlin.account.users import Users
from merlin.core.permissions import Role
from merlin.db.audit import Audit
from merlin.db.notices import Notices
from tests.api.running_api import ANNA, VERA
from tests.api.sign_in_data import set_password

pytestmark = pytest.mark.functional


@pytest.fixture
def admin(site):
    site.add_user(VERA, Role.ADMIN)
    site.add_user(ANNA)
    Users(site.db).set_name(ANNA, "Анна")
    with site.browser_client(VERA) as client:
        yield client


def list_shown(page):
    """Return the ids of the people that a list leads to, in its order."""
    assert page.status_code == 200, page.text
    ids = re.findall(r'href="/admin/users/([0-9]+)"', page.text)
    return [int(user_id) for user_id in dict.fromkeys(ids)]


def read_next_href(page):
    """Return the address of the next part of a list, None for the last."""
    # The links to the other language and theme keep the part of this page.
    found = re.search(r'href="(?![^"]*(?:lang|theme)=)([^"]*cursor=[^"]*)"', page.text)
    return unescape(found[1]) if found else None


def test_users_are_found_listed_and_paginated(site, admin):
    set_password(site, ANNA, "anna.k")
    for query in ("анн", "anna.k", " @Anna.K ", f" {ANNA} "):
        page = admin.get("/admin/users", params={"query": query})
        assert list_shown(page) == [ANNA], query
    assert admin.get("/admin/users/77").status_code == 404
    first = admin.get("/admin/users", params={"limit": 1})
    rest = admin.get(read_next_href(first))
    assert {*list_shown(first), *list_shown(rest)} == {ANNA, VERA}
    assert read_next_href(rest) is None


def test_role_grant_and_revocation_are_audited_and_notify_the_user(site, admin):
    address = f"/admin/users/{ANNA}"
    form = {"role": "teacher", "scope": "networks"}
    for change, status in (
        ({}, 303),
        ({"scope": "none"}, 404),
        ({"scope": ""}, 409),
        ({"role": "owner"}, 422),
    ):
        answer = admin.post(f"{address}/role", data=form | change)
        assert answer.status_code == status, change
    authority = site.roles.authority(ANNA)
    assert (authority.role, authority.scopes) == (Role.TEACHER, {"networks"})
    assert admin.post(f"{address}/scope", data={"scope": "networks"}).status_code == 303
    assert site.roles.authority(ANNA).role is Role.STUDENT
    told = {notice.key for notice in Notices(site.db).list_newest(str(ANNA), 5)}
    assert told == {"notice-role", "notice-role-scopes"}
    entries = Audit(site.db).list_newest(target=f"user:{ANNA}")
    assert [entry.by for entry in entries] == [f"user:{VERA}"] * 2


def test_blocked_user_is_refused_until_unblocked(site, admin):
    with site.key_client(ANNA) as student:
        assert student.get("/api/changes").status_code == 200
        assert admin.post(f"/admin/users/{ANNA}/block").status_code == 303
        assert student.get("/api/changes").status_code == 403
        assert admin.post(f"/admin/users/{ANNA}/unblock").status_code == 303
        assert student.get("/api/changes").status_code == 200
