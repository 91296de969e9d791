"""API keys: created, listed and revoked by signed-in users; the secret is shown once."""

import re

import pytest

from merlin.account.api_keys import Scope, is_secret
from merlin.app import accounts
from merlin.app.actor import Actor
from merlin.core.permissions import Authority, Role
from tests.api.running_api import ANNA, BORIS, VERA, check_problem

pytestmark = pytest.mark.functional


@pytest.fixture
def site(erased_site):
    return erased_site


KEYS = "/me/keys"
ASK = {"label": "мой бот", "scopes": ["chat:write", "account:read"]}


@pytest.fixture
def anna(site):
    site.add_user(ANNA)
    with site.browser_client(ANNA) as browser:
        yield browser


def make_key(browser, **form):
    """Create a key on the page of the account; return its secret."""
    page = browser.post(KEYS, data={**ASK, **form})
    assert page.status_code == 200, page.text
    assert page.headers["cache-control"] == "no-store"
    return re.search(r"mrl_[\w-]{20,}", page.text)[0]


def list_keys(site, user_id=ANNA):
    return accounts.list_keys(site.services, Actor.person(user_id, Authority()))


def test_secret_of_a_new_key_is_shown_once(site, anna):
    secret = make_key(anna, days=30)
    assert is_secret(secret)
    (key,) = list_keys(site)
    assert secret.startswith(key.hint)
    assert {*key.scopes} == {Scope.ACCOUNT_READ, Scope.CHAT_WRITE}
    assert key.expires_at is not None
    assert secret not in anna.get("/me").text
    assert secret not in str(site.database.sql("SELECT * FROM api_key"))


def test_key_works_until_its_owner_revokes_it_and_shows_its_last_use(site, anna):
    headers = {"Authorization": f"Bearer {make_key(anna)}"}
    assert site.client.get("/api/user/usage", headers=headers).status_code == 200
    (key,) = list_keys(site)
    assert key.last_used_at is not None
    revoke = {"data": {"key_id": key.id}, "follow_redirects": False}
    site.add_user(BORIS)
    with site.browser_client(BORIS) as boris:
        boris.post(f"{KEYS}/revoke", **revoke)
    assert site.client.get("/api/user/usage", headers=headers).status_code == 200
    for _ in range(2):
        answer = anna.post(f"{KEYS}/revoke", **revoke)
        assert answer.headers["location"] == "/me#keys"
    assert site.client.get("/api/user/usage", headers=headers).status_code == 401
    assert list_keys(site) == []


@pytest.mark.parametrize(
    ("language", "part"),
    [("ru", "нужного права: favourites:write"), ("en", "favourites:write.")],
)
def test_missing_scope_is_named_in_the_error(site, language, part):
    site.add_user(ANNA)
    with site.key_client(ANNA, Scope.COURSES_READ) as program:
        headers = {"Accept-Language": language}
        answer = program.post(
            "/api/user/courses", json={"course_id": 1}, headers=headers
        )
        assert program.get("/api/user/courses").status_code == 200
    problem = check_problem(answer, 403, "missing-scope")
    assert part in problem["detail"]
    challenge = 'Bearer error="insufficient_scope", scope="favourites:write"'
    assert answer.headers["www-authenticate"] == challenge
    with site.key_client(ANNA, Scope.CHAT_WRITE) as program:
        either = program.get("/api/user/courses")
    assert "courses:read / favourites:write" in either.json()["detail"]


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.STUDENT, Scope.MATERIALS_WRITE, 422),
        (Role.STUDENT, Scope.FAVOURITES_WRITE, 200),
        (Role.EDITOR, Scope.JOBS_READ, 200),
        (Role.EDITOR, Scope.JOBS_ADMIN, 422),
        (Role.ADMIN, Scope.JOBS_ADMIN, 200),
    ],
)
def test_scope_beyond_the_role_is_refused_by_name(site, role, scope, status):
    site.add_user(VERA, role)
    with site.browser_client(VERA) as browser:
        response = browser.post(KEYS, data={"label": "x", "scopes": [scope.value]})
    assert response.status_code == status
    is_refused = f"Роль не даёт права {scope.value}" in response.text
    assert is_refused == (status == 422)
