"""The pages over real HTTP: languages, themes, ETags, compression, error pages, redirects."""

import hashlib
import re
from dataclasses import replace

import httpx
import pytest
from structlog.testing import capture_logs

from merlin.core.web.assets import STATIC, WEB, local_address
from tests.api.catalogue_files import COURSES
from tests.api.payment_api import check_text
from tests.api.running_api import ANNA, run_api
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A shared site that no test changes."""
    with run_api(tmp_path_factory.mktemp("site")) as site:
        site.index_courses(COURSES)
        site.add_user(ANNA, language="en")
        yield site


@pytest.fixture
def browser(shelf):
    """A browser of anna, who reads English."""
    with shelf.browser_client(ANNA) as client:
        yield client


def get(site, path, **headers):
    return httpx.get(
        site.address + path,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
        timeout=longest(),
    )


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "ru"),
        ({"accept_language": "en-GB,en;q=0.9"}, "en"),
        ({"accept_language": "en", "cookie": "merlin_language=ru"}, "ru"),
        ({"accept_language": "en", "cookie": "merlin_language=de"}, "en"),
    ],
)
def test_page_is_in_the_requested_language(shelf, headers, language):
    page = get(shelf, "/", **headers)
    assert f'<html lang="{language}"' in page.text
    assert page.headers["content-language"] == language


def test_language_setting_beats_the_browser_and_lang_parameter_beats_both(
    shelf, browser
):
    ru = {"Accept-Language": "ru"}
    assert '<html lang="en"' in browser.get("/", headers=ru).text
    page = browser.get("/?lang=ru")
    assert '<html lang="ru"' in page.text
    assert "merlin_language=ru" in page.headers["set-cookie"]
    assert '<html lang="ru"' in browser.get("/").text


def test_theme_is_stored_in_a_cookie_and_left_out_of_links(shelf):
    with httpx.Client(base_url=shelf.address, timeout=longest()) as browser:
        chosen = browser.get("/?q=sql&theme=dark").text
        assert 'data-theme="dark"' in chosen
        assert 'href="/?q=sql&amp;lang=' in chosen
        assert 'data-theme="dark"' in browser.get("/").text
        browser.get("/?theme=neon")
        assert 'data-theme="dark"' in browser.get("/").text


def test_https_reads_only_host_prefixed_cookies(shelf):
    secure = {"X_Forwarded_Proto": "https"}
    chosen = get(shelf, "/?theme=dark", **secure).headers["set-cookie"]
    assert chosen.startswith("__Host-merlin_theme=dark;")
    assert {"Secure", "Path=/", "SameSite=lax"} <= set(chosen.split("; "))
    for name, is_read in (("__Host-merlin_theme", True), ("merlin_theme", False)):
        page = get(shelf, "/", **secure, Cookie=f"{name}=dark").text
        assert ('data-theme="dark"' in page) == is_read, name


def test_pages_are_not_stored_and_vary_by_cookie(shelf):
    page = get(shelf, "/")
    assert page.headers["cache-control"] == "no-store"
    assert "Cookie" in page.headers["vary"]


def test_pages_are_compressed_for_clients_that_accept_gzip(shelf):
    packed = get(shelf, "/")
    assert packed.headers["content-encoding"] == "gzip"
    unpacked = get(shelf, "/", accept_encoding="identity")
    assert "content-encoding" not in unpacked.headers
    assert unpacked.text == packed.text


def test_assets_have_hashed_addresses_and_are_cached_for_a_year(shelf):
    page = get(shelf, "/").text
    addresses = set(re.findall(r"/static/[0-9a-f]{8}/\w+\.(?:js|css|svg)", page))
    assert len(addresses) >= 6
    for address in addresses:
        answer = get(shelf, address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert get(shelf, address, accept_encoding="identity").content == answer.content
    folder = min(addresses).rpartition("/")[0]
    for outdated in (
        "/static/merlin.css",
        "/static/0123abcd/merlin.css",
        f"{folder}/..%2fx.css",
    ):
        assert get(shelf, outdated).status_code == 404


def test_htmx_has_the_reviewed_checksum():
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX


def test_scripts_and_templates_insert_no_raw_html_and_evaluate_no_text():
    for path in [*STATIC.glob("*.js"), *WEB.glob("*/static/*.js")]:
        text = path.read_text("utf-8")
        if path.name != "htmx.min.js":
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacent|eval\(|Function\(", text
            ), path
    for path in WEB.glob("**/templates/*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"\|\s*safe|style=|\son[a-z]+=|javascript:", text), path


def check_error_page(page, status, *words):
    """Check that a page explains an error, and shows its code."""
    code = f"Код ошибки: {page.headers['x-request-id']}"
    check_text(page, code, *words, status=status)


@pytest.mark.parametrize("path", ["/courses/999", f"/courses/{2**63}", "/nowhere"])
def test_error_page_explains_the_error_and_shows_its_code(shelf, path):
    page = get(shelf, path, accept="text/html")
    check_error_page(page, 404, "Страница не найдена")


def test_unknown_path_returns_a_problem_document_to_programs(shelf):
    for path in ("/nowhere", "/api/nowhere", "/v1/nowhere", "/static/nowhere.js"):
        accept = "text/html" if path.startswith(("/api", "/v1", "/static")) else "*/*"
        answer = get(shelf, path, accept=accept)
        assert answer.status_code == 404
        assert answer.json()


def test_anonymous_user_is_redirected_to_sign_in_and_back(shelf, browser):
    answer = get(shelf, "/me")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=%2Fme",
    )
    assert 'name="next" value="/me"' in get(shelf, "/sign-in?next=%2Fme").text
    answer = browser.get("/sign-in?next=%2Fme")
    assert (answer.status_code, answer.headers["location"]) == (303, "/me")


def test_link_on_the_answer_to_a_form_leads_to_a_page(shelf, browser):
    answer = get(shelf, "/favourites?lang=en", accept="text/html")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?lang=en")
    page = browser.post("/terms", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["allow"]) == (405, "GET")
    assert "<h1" in page.text


def test_form_of_a_person_who_is_signed_out_asks_to_sign_in(shelf):
    own = {"origin": shelf.address, "accept": "text/html"}
    page = httpx.post(f"{shelf.address}/me/password", headers=own, timeout=longest())
    check_text(page, "Войдите", status=401)
    assert "location" not in page.headers


def test_form_that_cannot_be_read_gets_an_error_page(shelf, browser):
    unbound = {"Content-Type": "multipart/form-data"}
    page = browser.post("/favourites", content=b"add=1", headers=unbound)
    check_error_page(page, 400)


def test_error_in_a_page_is_logged_and_explained_without_its_details(site):
    site.add_user(ANNA)
    with site.browser_client(ANNA) as browser:
        assert browser.get("/me").status_code == 200
        broken = replace(site.services, clock="inside information")
        site.app.state.services = broken
        with capture_logs() as logs:
            page = browser.get("/me", headers={"Accept-Language": "ru"})
    check_error_page(page, 500)
    assert "inside" not in page.text
    assert [line["path"] for line in logs if line.get("exc_info")] == ["/me"]


def test_unreachable_database_shows_an_error_page_with_retry(tmp_path, postgresql):
    with run_api(tmp_path, postgresql.reset()) as site, postgresql.stopped():
        page = site.client.get("/", headers={"Accept": "text/html"})
    check_text(page, "Merlin сейчас не отвечает", status=503)
    assert page.headers["retry-after"] == "5"
    assert 'href="/"' in page.text


def test_too_large_form_is_refused_unread(shelf, browser):
    large = browser.post("/favourites", data={"next": "x" * 2**20})
    # The user is identified before a large body is read, so the page is in her language.
    check_text(large, "up to one megabyte", status=413)
    unsaid = browser.post("/favourites", content=iter([b"add=1"]))
    assert unsaid.status_code == 411
    browser.headers["Accept"] = "text/html"
    page = browser.post("/favourites", content=iter([b"add=1"]))
    assert (page.status_code, "<h1" in page.text) == (411, True)


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "evil",
        "",
        "/" + "x" * 2000,
        "///evil.example",
        "/\u202e",
    ],
)
def test_external_return_address_is_replaced(address):
    assert local_address(address) == "/"
