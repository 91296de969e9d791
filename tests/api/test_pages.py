"""The pages over real HTTP: languages, themes, ETags, compression, error pages, redirects."""

import gzip
import hashlib
import re
from html import unescape
from urllib.parse import quote, unquote

import httpx
import pytest

from merlin.account.api_keys import ApiKeys
from merlin.api.pages.page import assets
from merlin.core.permissions import Role
from merlin.core.web.assets import STATIC, WEB, Assets, local_address
from merlin.course.catalogue import Catalogue
from tests.api.catalogue_files import COURSES
from tests.api.running_api import ANNA, VERA, run_api
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


def get(site, path, **headers):
    return httpx.get(
        site.address + path,
        headers={k.replace("_", "-"): v for k, v in headers.items()},
        timeout=longest(),
    )


def page_text(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)).replace("\xa0", " ")


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


def test_language_setting_beats_the_browser_and_lang_parameter_beats_both(shelf):
    with shelf.browser_client(ANNA) as browser:
        ru = {"Accept-Language": "ru"}
        assert '<html lang="en"' in browser.get("/", headers=ru).text
        page = browser.get("/?lang=ru")
        assert '<html lang="ru"' in page.text
        assert "merlin_language=ru" in page.headers["set-cookie"]
        assert '<html lang="ru"' in browser.get("/").text


def test_theme_is_stored_in_a_cookie_and_removed_from_the_url(shelf):
    with httpx.Client(base_url=shelf.address, timeout=longest()) as browser:
        chosen = browser.get("/?q=sql&theme=dark")
        assert (chosen.status_code, chosen.headers["location"]) == (303, "/?q=sql")
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


def test_anonymous_page_etag_changes_with_its_content(tmp_path):
    with run_api(tmp_path) as site:
        site.index_courses(COURSES)
        course = f"/courses/{site.course_id('algorithms')}"
        lecture = Catalogue(site.db).materials("algorithms")[0]
        paths = ("/", "/?q=sql", course, f"{course}/materials/{lecture.material_id}")
        tags = {path: get(site, path).headers["etag"] for path in paths}
        assert len(set(tags.values())) == len(paths)
        for path, tag in tags.items():
            again = get(site, path, if_none_match=f'"other", {tag}')
            assert (again.status_code, again.content) == (304, b"")
            assert get(site, path, if_none_match="*").status_code == 304
            assert get(site, path, if_none_match=tag, accept_language="en").status_code == 200
            assert get(site, path, if_none_match=tag, cookie="merlin_theme=dark").status_code == 200
        site.index_courses({name: files for name, files in COURSES.items() if name != "hci"})
        for path, tag in tags.items():
            assert get(site, path, if_none_match=tag).status_code == 200


def test_personal_page_has_no_etag_and_is_cached_privately(shelf):
    with shelf.browser_client(ANNA) as browser:
        page = browser.get("/")
        assert "etag" not in page.headers
        assert page.headers["cache-control"] == "private, no-cache"
        assert browser.get("/me").headers["cache-control"] == "no-store"
    assert get(shelf, "/sign-in").headers["cache-control"] == "no-store"
    assert "Cookie" in get(shelf, "/").headers["vary"]


def test_pages_behind_a_permission_are_not_stored(shelf):
    shelf.add_user(VERA, Role.ADMIN)
    course = f"/courses/{shelf.course_id('algorithms')}"
    editing = ("/teach", f"{course}/edit", f"{course}/questions", "/datasets/algorithms/proposals")
    with shelf.browser_client(VERA) as browser:
        for path in (*editing, "/admin/board", "/admin/jobs", "/admin/users"):
            page = browser.get(path)
            assert (page.status_code, page.headers["cache-control"]) == (200, "no-store"), path


def test_pages_are_compressed_for_clients_that_accept_gzip(shelf):
    packed = get(shelf, "/")
    assert packed.headers["content-encoding"] == "gzip"
    for accepted in ("identity", "gzip;q=0"):
        unpacked = get(shelf, "/", accept_encoding=accepted)
        assert "content-encoding" not in unpacked.headers
        assert unpacked.text == packed.text


def test_course_list_fragment_is_for_htmx_and_browsers_are_redirected(shelf):
    part = get(shelf, "/courses?q=sql", hx_request="true")
    assert "<html" not in part.text
    assert part.headers["hx-replace-url"] == "/?q=sql"
    assert part.text.count('<li class="card') == 1
    alone = get(shelf, "/courses?q=sql")
    assert (alone.status_code, alone.headers["location"]) == (303, "/?q=sql")


def test_front_page_uses_cookies_for_reading_position_and_collapsed_semesters(shelf):
    course = shelf.course_id("algorithms")
    text = next(
        material for material in Catalogue(shelf.db).materials("algorithms") if material.text
    )
    position = f"{course}.{text.material_id}.40"
    page = get(shelf, "/", cookie=f"merlin_read={position}; merlin_closed=1.x.99")
    assert f'href="/courses/{course}/materials/{text.material_id}#go-on"' in page.text
    assert re.search(r"остал(ась|ось) \d+ минут", page_text(page))
    assert re.findall(r'data-semester="(\d)"( open)?', page.text) == [
        *(("1", ""), ("2", " open"), ("3", " open"))
    ]
    for wrong in ("1.999999.40", f"{position}.1", "х"):
        assert "#go-on" not in get(shelf, "/", cookie=f"merlin_read={quote(wrong)}").text


def test_assets_have_hashed_names_and_are_cached_for_a_year(shelf):
    page = get(shelf, "/").text
    names = re.findall(r"/static/([\w.]+)", page)
    assert len(names) >= 6
    for name in names:
        answer = get(shelf, f"/static/{name}")
        assert answer.status_code == 200, name
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{8}\.(js|css|svg)$", name)
        assert get(shelf, f"/static/{name}", accept_encoding="identity").content == answer.content
    assert get(shelf, "/static/merlin.css").status_code == 404
    assert get(shelf, "/static/..%2fmerlin.css").status_code == 404


def test_hashed_script_names_cover_imported_scripts(tmp_path):
    for name, text in (("a.js", 'import "./b.js";'), ("b.js", "1"), ("c.js", 'import("./a.js")')):
        (tmp_path / name).write_text(text)
    before = Assets(tmp_path)
    assert before.text("a.js") == f'import "./{before.address("b.js").rpartition("/")[2]}";'
    (tmp_path / "b.js").write_text("2")
    after = Assets(tmp_path)
    assert all(before.address(name) != after.address(name) for name in ("a.js", "b.js", "c.js"))
    assert gzip.decompress(after.by_address[after.address("b.js")[8:]].packed) == b"2"


def test_htmx_has_the_reviewed_checksum():
    asset = next(
        candidate for candidate in assets().by_address.values() if candidate.name.startswith("htmx")
    )
    assert hashlib.sha256(asset.plain).hexdigest() == HTMX


def test_scripts_and_templates_insert_no_raw_html_and_evaluate_no_text():
    for path in [*STATIC.glob("*.js"), *WEB.glob("*/static/*.js")]:
        text = path.read_text("utf-8")
        if path.name != "htmx.min.js":
            assert not re.search(r"innerHTML|outerHTML|insertAdjacent|eval\(|Function\(", text), (
                path
            )
    for path in WEB.glob("**/templates/*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"\|\s*safe|style=|\son[a-z]+=|javascript:", text), path


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/courses/999", 404, "Страница не найдена"),
        ("/courses/0", 404, "Страница не найдена"),
        ("/courses/x", 404, "Страница не найдена"),
        (f"/courses/{2**63}", 404, "Страница не найдена"),
        ("/courses/1/materials/999999", 404, "Страница не найдена"),
        ("/nowhere", 404, "Страница не найдена"),
    ],
)
def test_error_page_explains_the_error_and_shows_its_code(shelf, path, status, text):
    page = get(shelf, path, accept="text/html")
    assert page.status_code == status
    assert text in page_text(page)
    assert f"Код ошибки: {page.headers['x-request-id']}" in page_text(page)


def test_error_page_offers_sign_in_only_to_anonymous_users(shelf):
    html = {"accept": "text/html"}
    with shelf.browser_client(ANNA) as anna:
        page, unread = anna.get("/teach", headers=html), anna.get("/nowhere", headers=html)
    assert (page.status_code, unread.status_code) == (404, 404)
    assert all('<a href="/">' in failed.text for failed in (page, unread)), "a section's link"
    assert 'href="/me"' in page.text
    assert 'href="/sign-in' not in page.text
    # The request is answered before authentication.
    assert 'href="/sign-in' not in unread.text
    assert 'href="/sign-in' in get(shelf, "/courses/999", **html).text


def test_unknown_path_returns_a_problem_document_to_programs(shelf):
    for path in ("/nowhere", "/api/nowhere", "/v1/nowhere", "/static/nowhere.js"):
        accept = "text/html" if path.startswith(("/api", "/v1", "/static")) else "*/*"
        answer = get(shelf, path, accept=accept)
        assert answer.status_code == 404
        assert answer.json()


def test_program_that_takes_no_page_gets_a_problem_document(shelf):
    for accept in ("application/json, text/html;q=0", "text/html; Q=0.0", "text/htmlx"):
        answer = get(shelf, "/nowhere", accept=accept)
        assert answer.headers["content-type"] == "application/problem+json"
    page = get(shelf, "/nowhere", accept="application/xml;q=0.9, text/html;q=0.01")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-language"] == "ru"


def test_hidden_course_is_visible_only_to_its_editors(shelf):
    number = shelf.course_id("closed")
    material = Catalogue(shelf.db).materials("closed")[0].material_id
    for path in ("", f"/materials/{material}", "/chat"):
        assert get(shelf, f"/courses/{number}{path}").status_code == 404
    teacher = shelf.add_user(2001, Role.TEACHER, "closed")
    other = shelf.add_user(2002, Role.TEACHER, "algorithms")
    with shelf.browser_client(teacher) as browser, shelf.browser_client(other) as foreign:
        assert "скрыт от студентов" in page_text(browser.get(f"/courses/{number}?lang=ru"))
        assert foreign.get(f"/courses/{number}").status_code == 404


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("/me/keys", "/me"),
        ("/sign-in/code/finish", "/sign-in"),
        ("/orders/1/cancel", "/orders/1"),
        ("/admin/models/5/promote", "/admin/models"),
        ("/courses/1/chat/turns/5", "/courses/1/chat"),
        ("/courses/1/edit/materials/7/remove", "/courses/1/edit/materials/7"),
        ("/datasets/граф/examples/save", "/datasets/граф/examples"),
        ("/favourites", "/"),
    ],
)
def test_address_of_a_form_opened_without_it_leads_to_the_page_of_the_form(shelf, form, page):
    """So do the links on the answer to a form: to the other language, to a theme, "No"."""
    for query in ("", "?lang=en&show=a%2Bb"):
        answer = get(shelf, f"{form}{query}", accept="text/html")
        assert answer.status_code == 303
        assert unquote(answer.headers["location"]) == unquote(f"{page}{query}")
    assert get(shelf, form, accept="*/*").json()["status"] == 405


def test_page_of_a_refused_form_can_be_read_in_the_other_language(shelf):
    with shelf.browser_client(shelf.add_user(2008)) as browser:
        browser.headers.update({"Accept-Language": "ru", "Accept": "text/html"})
        refused = browser.post("/me/password", data={"name": "vera", "password": "1"})
        assert refused.status_code == 422
        address = unescape(re.search(r'href="([^"]*lang=en)"', refused.text)[1])
        page = browser.get(address, follow_redirects=True)
    assert (page.status_code, page.url.path) == (200, "/me")
    assert '<html lang="en"' in page.text


def test_material_of_another_course_is_not_found(shelf):
    material = Catalogue(shelf.db).materials("python")[0].material_id
    own_course, other = shelf.course_id("python"), shelf.course_id("algorithms")
    assert get(shelf, f"/courses/{own_course}/materials/{material}").status_code == 200
    assert get(shelf, f"/courses/{other}/materials/{material}").status_code == 404


def test_anonymous_user_is_redirected_to_sign_in_and_back(shelf):
    answer = get(shelf, "/me")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fme")
    with shelf.browser_client(ANNA) as browser:
        answer = browser.get("/sign-in?next=%2Fme")
        assert (answer.status_code, answer.headers["location"]) == (303, "/me")


def test_signing_out_clears_cookie_and_cache(shelf):
    with shelf.browser_client(ANNA) as browser:
        answer = browser.post("/sign-out")
        assert answer.headers["clear-site-data"] == '"cache"'
        assert "merlin=; Max-Age=0" in answer.headers["set-cookie"]
        assert browser.get("/me").status_code == 303


def test_favourites_form_refuses_invalid_ids_and_foreign_redirects(shelf):
    anna = shelf.add_user(2003)
    with shelf.browser_client(anna) as browser:
        for number in ("999", "0", "-1", "x", str(2**70)):
            status = browser.post("/favourites", data={"add": number}).status_code
            assert status in {404, 422}, number
        assert browser.post("/favourites", data={}).status_code == 422
        assert shelf.favourite_ids(anna) == []
        number = shelf.course_id("hci")
        answer = browser.post("/favourites", data={"add": number, "next": "//evil.example"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert shelf.favourite_ids(anna) == [number]


def test_user_cannot_revoke_keys_of_another_user(shelf):
    anna, boris = shelf.add_user(2004), shelf.add_user(2005)
    key, _ = ApiKeys(shelf.db).make(boris, "boris", ["courses:read"])
    with shelf.browser_client(anna) as browser:
        browser.post("/me/keys/revoke", data={"key_id": key.id})
        assert len(ApiKeys(shelf.db).list_valid(boris)) == 1
        scopes = {"label": "x", "scopes": ["jobs:admin"]}
        assert browser.post("/me/keys", data=scopes).status_code == 422
        assert ApiKeys(shelf.db).list_valid(anna) == []


def test_key_form_without_a_scope_is_shown_again_with_its_values(shelf):
    with shelf.browser_client(shelf.add_user(2006)) as browser:
        form = {"label": "Мой «бот»", "days": "30"}
        page = browser.post("/me/keys", data=form)
    assert page.status_code == 422
    assert 'name="label" value="Мой «бот»"' in page.text
    assert '<option value="30" selected>' in page.text
    assert 'name="scopes" value="chat:write" checked' not in page.text


def test_unreachable_database_shows_an_error_page_with_retry(tmp_path, postgresql):
    with run_api(tmp_path, postgresql.reset()) as site, postgresql.stopped():
        page = site.client.get("/", headers={"Accept": "text/html"})
    assert page.status_code == 503
    assert page.headers["retry-after"] == "5"
    assert "Merlin сейчас не отвечает" in page_text(page)
    assert 'href="/"' in page.text


def test_too_large_form_is_refused_unread(shelf):
    with shelf.browser_client(ANNA) as browser:
        large = browser.post("/favourites", data={"next": "x" * 2**20})
        assert large.status_code == 413
        # The user is identified before a large body is read, so the page is in her language.
        assert "up to one megabyte" in page_text(large)
        unsaid = browser.post("/favourites", content=iter([b"add=1"]))
        assert unsaid.status_code == 413


@pytest.mark.parametrize("query", ["%00", "%ff%fe", "%ed%a0%80", "'; DROP TABLE course", "*" * 300])
def test_unusual_queries_do_not_fail(shelf, query):
    for path in (f"/?q={query}", f"/courses?q={query}"):
        assert get(shelf, path, hx_request="true").status_code == 200
    course = shelf.course_id("algorithms")
    assert get(shelf, f"/courses/{course}?type={query}").status_code == 200
    assert get(shelf, f"/?lang={query}&theme=x").status_code in {200, 303}


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


@pytest.mark.parametrize("address", ["/", "/?q=графы", "/courses/3?type=lab", "/me#keys"])
def test_local_return_address_is_kept(address):
    assert local_address(address) == address
