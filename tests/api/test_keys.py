"""API keys: created, listed and revoked by signed-in users; the secret is shown once."""

import pytest

from merlin.account.api_keys import Scope, is_secret
from merlin.core.permissions import Role
from tests.api.running_api import ANNA, BORIS, VERA

pytestmark = pytest.mark.functional


@pytest.fixture
def site(erased_site):
    return erased_site


KEYS = "/api/user/keys"
ASK = {"label": "мой бот", "scopes": ["chat:write", "account:read"]}


@pytest.fixture
def anna(site):
    site.add_user(ANNA)
    with site.browser_client(ANNA) as browser:
        yield browser


def test_secret_of_a_new_key_is_shown_once(site, anna):
    response = anna.post(KEYS, json={**ASK, "expires_in_days": 30})
    body = response.json()
    assert response.status_code == 201
    assert is_secret(body["secret"])
    assert body["secret"].startswith(body["hint"])
    assert body["scopes"] == ["account:read", "chat:write"]
    assert body["expires_at"] is not None
    (listed,) = anna.get(KEYS).json()["keys"]
    assert listed == {name: value for name, value in body.items() if name != "secret"}
    assert response.headers["cache-control"] == "no-store"
    assert body["secret"] not in str(site.database.sql("SELECT * FROM api_key"))


def test_key_works_until_revoked_and_shows_its_last_use(site, anna):
    body = anna.post(KEYS, json=ASK).json()
    headers = {"Authorization": f"Bearer {body['secret']}"}
    assert site.client.get("/api/user/usage", headers=headers).status_code == 200
    (listed,) = anna.get(KEYS).json()["keys"]
    assert listed["last_used_at"] is not None
    assert anna.delete(f"{KEYS}/{body['id']}").status_code == 204
    assert site.client.get("/api/user/usage", headers=headers).status_code == 401
    assert anna.delete(f"{KEYS}/{body['id']}").status_code == 404
    assert anna.get(KEYS).json() == {"keys": []}


@pytest.mark.parametrize(
    ("language", "part"), [("ru", "нужного права: favourites:write"), ("en", "favourites:write.")]
)
def test_missing_scope_is_named_in_the_error(site, language, part):
    site.add_user(ANNA)
    with site.key_client(ANNA, Scope.COURSES_READ) as program:
        headers = {"Accept-Language": language}
        answer = program.post("/api/user/courses", json={"course_id": 1}, headers=headers)
        assert program.get("/api/user/courses").status_code == 200
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:merlin:problem:missing-scope")
    assert part in answer.json()["detail"]
    challenge = 'Bearer error="insufficient_scope", scope="favourites:write"'
    assert answer.headers["www-authenticate"] == challenge
    with site.key_client(ANNA, Scope.CHAT_WRITE) as program:
        either = program.get("/api/user/courses")
    assert "courses:read / favourites:write" in either.json()["detail"]


@pytest.mark.parametrize("road", ["/api/user", "/api/user/keys", "/v1/models"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer mrl_wrong"}])
def test_unauthenticated_response_has_a_bearer_challenge(site, road, headers):
    answer = site.client.get(road, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401,
        'Bearer realm="merlin"',
    )


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.STUDENT, Scope.JOBS_ADMIN, 422),
        (Role.STUDENT, Scope.JOBS_READ, 422),
        (Role.STUDENT, Scope.MATERIALS_WRITE, 422),
        (Role.STUDENT, Scope.FAVOURITES_WRITE, 201),
        (Role.EDITOR, Scope.JOBS_READ, 201),
        (Role.EDITOR, Scope.JOBS_ADMIN, 422),
        (Role.ADMIN, Scope.JOBS_ADMIN, 201),
    ],
)
def test_scope_beyond_the_role_is_refused_by_name(site, role, scope, status):
    site.add_user(VERA, role)
    with site.browser_client(VERA) as browser:
        response = browser.post(KEYS, json={"label": "x", "scopes": [scope.value]})
    assert response.status_code == status
    if status == 422:
        assert response.json()["type"] == "urn:merlin:problem:scope-beyond-role"
        assert scope.value in response.json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": ""},
        {"label": "x" * 81},
        {"label": 5},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "chat:write"},
        {"expires_in_days": 0},
        {"expires_in_days": 2**70},
        {"user_id": BORIS},
    ],
)
def test_invalid_key_request_is_refused_with_the_field(anna, wrong):
    response = anna.post(KEYS, json={**ASK, **wrong})
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"].startswith(f"/{next(iter(wrong))}")
    assert anna.get(KEYS).json() == {"keys": []}


def test_number_of_keys_per_user_is_limited(site, anna):
    for _ in range(50):
        site.key_headers(ANNA)
    response = anna.post(KEYS, json=ASK)
    assert response.status_code == 409
