"""Signing in by OpenID Connect, against a small issuer over real HTTP."""

import time
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest

from merlin.account.users import Users
from merlin.config import load
from merlin.config.settings import OpenIdConfig
from merlin.core.errors import ConfigError
from merlin.providers.openid import MAX_RESPONSE_BYTES, Issuer
from tests.api.openid_issuer import CLIENT, SECRET, StandInIssuer, make_key
from tests.api.running_api import ANNA, BORIS, NOT_LIMITED, run_api
from tests.api.sign_in_data import signed_out_browser
from tests.support.http_servers import serve_http

pytestmark = pytest.mark.functional

PUBLIC = "https://merlin.example.com"


@pytest.fixture
def issuer():
    with serve_http(StandInIssuer()) as server:
        yield server


@pytest.fixture
def site(tmp_path, issuer):
    openid = Issuer(OpenIdConfig(client_id=CLIENT, issuer=issuer.url), SECRET)
    where = NOT_LIMITED.model_copy(update={"public_url": PUBLIC})
    with run_api(tmp_path, openid=openid, listening=where) as site:
        yield site


def start_sign_in(browser):
    answer = browser.get("/api/auth/openid")
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def come_back(browser, code, state):
    return browser.get("/api/auth/openid/callback", params={"code": code, "state": state})


def sign_in(site, issuer, user_id=ANNA):
    """Sign in through the issuer; return the response and the browser's cookies."""
    with signed_out_browser(site) as browser:
        answer = come_back(browser, *issuer.allow(start_sign_in(browser), user_id))
        return answer, dict(browser.cookies)


def test_user_signs_in_through_the_issuer(site, issuer):
    with signed_out_browser(site) as browser:
        address = start_sign_in(browser)
        query = dict(parse_qsl(urlsplit(address).query))
        assert address.startswith(f"{issuer.url}/auth?")
        assert query["redirect_uri"] == f"{PUBLIC}/api/auth/openid/callback"
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        answer = come_back(browser, *issuer.allow(address))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        body = browser.get("/api/user").json()
    assert (body["id"], body["display_name"]) == (ANNA, "Анна")


@pytest.mark.parametrize(
    ("next_path", "expected"),
    [
        ("/plans/checkout?plan=student&buy=1", "/plans/checkout?plan=student&buy=1"),
        ("/courses/граф", "/courses/%D0%B3%D1%80%D0%B0%D1%84"),
        ("https://evil.example/", "/"),
        ("//evil.example/x", "/"),
        ("/\\evil.example", "/"),
        ("/\r\nSet-Cookie: a=b", "/"),
        ("javascript:alert(1)", "/"),
        ("/" + "ё" * 900, "/"),
        ("", "/"),
    ],
)
def test_sign_in_returns_to_the_previous_page_and_never_to_another_site(
    site, issuer, next_path, expected
):
    with signed_out_browser(site) as browser:
        address = browser.get("/api/auth/openid", params={"next": next_path}).headers["location"]
        assert "next" not in dict(parse_qsl(urlsplit(address).query))
        answer = come_back(browser, *issuer.allow(address))
    assert (answer.status_code, answer.headers["location"]) == (303, expected)
    assert "merlin" in answer.cookies


def test_tampered_cookie_does_not_redirect_to_another_site(site, issuer):
    with signed_out_browser(site) as browser:
        address = start_sign_in(browser)
        (name,) = (cookie for cookie in browser.cookies if "openid" in cookie)
        content = browser.cookies[name].rpartition(".")[0]
        for written in ("Ly9ldmlsLmV4YW1wbGU=", "%%%", "gICA", "aHR0cHM6Ly9ldmlsLmV4YW1wbGU="):
            changed = replace_cookie(browser, name, f"{content}.{written}")
            answer = come_back(changed, *issuer.allow(address))
            assert (answer.status_code, answer.headers["location"]) == (303, "/")


def replace_cookie(browser, name, value):
    browser.cookies.clear()
    browser.cookies.set(name, value)
    return browser


def test_denied_sign_in_returns_to_the_sign_in_page_with_a_message(site, issuer):
    person = {"Accept": "text/html"}
    with signed_out_browser(site) as browser:
        browser.get("/api/auth/openid", params={"next": "/plans?a=1&b=2"})
        fields = {"error": "access_denied", "state": "x"}
        answer = browser.get("/api/auth/openid/callback", params=fields, headers=person)
        assert answer.status_code == 303
        address = answer.headers["location"]
        assert address == "/sign-in?next=%2F&refused=openid"
        for language, part in (("ru", "Telegram не подтвердил"), ("en", "did not confirm")):
            response = browser.get(address, headers={**person, "Accept-Language": language})
            assert part in response.text
        issuer.claims = {"nonce": "another"}
        redirect = browser.get("/api/auth/openid", params={"next": "/plans?a=1&b=2"})
        code, state = issuer.allow(redirect.headers["location"])
        fields = {"code": code, "state": state}
        answer = browser.get("/api/auth/openid/callback", params=fields, headers=person)
        assert answer.headers["location"] == "/sign-in?next=%2Fplans%3Fa%3D1%26b%3D2&refused=openid"
        response = browser.get(answer.headers["location"], headers=person)
        assert "/api/auth/openid?next=/plans%3Fa%3D1%26b%3D2" in response.text


def test_code_is_accepted_only_from_the_browser_that_started(site, issuer):
    with signed_out_browser(site) as browser, signed_out_browser(site) as victim:
        code, state = issuer.allow(start_sign_in(browser), BORIS)
        start_sign_in(victim)
        answer = come_back(victim, code, state)
        assert answer.status_code == 401
        assert "merlin" not in victim.cookies
        assert come_back(browser, code, state).status_code == 303
        assert come_back(browser, code, state).status_code == 401


@pytest.mark.parametrize("query", [{}, {"code": "x"}, {"state": "x"}, {"code": "x", "state": "ё"}])
def test_callback_without_a_started_sign_in_is_refused(site, query):
    with signed_out_browser(site) as browser:
        assert browser.get("/api/auth/openid/callback", params=query).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-site"},
        {"exp": 1},
        {"exp": None},
        {"iat": time.time() + 9999},
        {"nonce": "another"},
        {"nonce": None},
        {"id": None},
        {"id": "anna"},
        {"id": True},
        {"id": 2**52},
        {"id": -1},
    ],
)
def test_id_token_with_wrong_claims_is_refused(site, issuer, claims):
    issuer.claims = claims
    answer, cookies = sign_in(site, issuer)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:merlin:problem:openid"
    assert "merlin" not in cookies


def test_id_token_signed_by_another_key_is_refused(site, issuer):
    issuer.published = {"one": make_key("two")}
    assert sign_in(site, issuer)[0].status_code == 401


def test_unsigned_id_token_is_refused(site, issuer):
    def unsigned(_form, _authorization):
        claims = {"iss": issuer.url, "aud": CLIENT, "id": ANNA, "iat": 1, "exp": 9**12}
        return {"id_token": jwt.encode(claims, None, "none", {"kid": "one"})}

    issuer.exchange_code = unsigned
    assert sign_in(site, issuer)[0].status_code == 401


def test_issuer_keys_are_cached(site, issuer):
    assert sign_in(site, issuer)[0].status_code == 303
    issuer.signs_by = "two"
    for _ in range(3):
        assert sign_in(site, issuer)[0].status_code == 401
    assert issuer.requested_paths.count("/jwks") == 1
    assert issuer.requested_paths.count("/.well-known/openid-configuration") == 1


def test_new_issuer_key_is_fetched(tmp_path, issuer):
    config = OpenIdConfig(client_id=CLIENT, issuer=issuer.url)
    openid = Issuer(config, SECRET, again_s=0)
    with run_api(tmp_path, openid=openid) as site:
        assert sign_in(site, issuer)[0].status_code == 303
        issuer.keys["two"], issuer.signs_by = make_key("two"), "two"
        assert sign_in(site, issuer)[0].status_code == 303
        assert sign_in(site, issuer)[0].status_code == 303
    assert issuer.requested_paths.count("/jwks") == 2


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "https://evil.example/auth"},
        {"token_endpoint": "http://127.0.0.1:1/token"},
        {"jwks_uri": None},
    ],
)
def test_invalid_discovery_document_redirects_nowhere(site, issuer, described):
    issuer.discovery = described
    with signed_out_browser(site) as browser:
        answer = browser.get("/api/auth/openid")
    assert answer.status_code == 401
    assert "location" not in answer.headers


def test_unavailable_issuer_is_reported_as_a_problem(site, issuer):
    issuer.document_at = {}.get
    with signed_out_browser(site) as browser:
        assert browser.get("/api/auth/openid").status_code == 401


def test_issuer_response_in_several_pieces_is_read_whole(site, issuer):
    issuer.is_slow = True
    answer, cookies = sign_in(site, issuer)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "merlin" in cookies


@pytest.mark.parametrize(
    "raw",
    [
        b'{"issuer": "' + b"x" * MAX_RESPONSE_BYTES + b'"}',
        b"[" * MAX_RESPONSE_BYTES,
        b'{"issuer":',
        b"\xff{}",
    ],
    ids=["too long", "brackets", "cut off", "no utf-8"],
)
def test_unreadable_issuer_response_is_reported_as_a_problem(site, issuer, raw):
    issuer.raw = raw
    with signed_out_browser(site) as browser:
        answer = browser.get("/api/auth/openid")
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:merlin:problem:openid"


def test_blocked_user_cannot_sign_in(site, issuer):
    Users(site.db).block(site.add_user(ANNA), "cli:vera")
    assert sign_in(site, issuer)[0].status_code == 403


def test_openid_routes_return_404_without_an_issuer(tmp_path):
    with run_api(tmp_path) as site, signed_out_browser(site) as browser:
        assert browser.get("/api/auth/openid").status_code == 404
        assert browser.get("/api/auth/openid/callback").status_code == 404


def test_config_requires_public_url_and_https_issuer(tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("state_dir: state\napi: {openid: {client_id: '1'}}\n")
    with pytest.raises(ConfigError, match=r"api\.public_url"):
        load(config)
    config.write_text(
        f"state_dir: state\napi: {{public_url: '{PUBLIC}',"
        " openid: {client_id: '1', issuer: 'http://far.example'}}\n"
    )
    with pytest.raises(ConfigError, match=r"api\.openid\.issuer"):
        load(config)
