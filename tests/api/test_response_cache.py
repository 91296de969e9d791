"""The response cache over HTTP: ETags, 304, languages, invalidation."""

import asyncio
import re
from contextlib import contextmanager
from functools import partial

import pytest
from starlette.requests import Request
from starlette.responses import Response
from structlog.testing import capture_logs

from merlin.api.app import repeat
from merlin.api.response_cache import (
    MAX_BYTES,
    POLL_INTERVAL_S,
    CatalogueCache,
    catalogue_answer,
)
from merlin.app.context import Context
from merlin.core.clock import utc_now
from merlin.core.web.assets import takes_gzip
from merlin.course.catalogue import Catalogue
from merlin.db.database import open_database
from merlin.db.tables import CATALOGUE_VERSION, WAKE
from merlin.db.writer import Store
from tests.api.running_api import ALGORITHMS, NETWORKS, run_api
from tests.support.config import make_config
from tests.support.metrics_page import metric_value
from tests.support.migrated_databases import fresh_database
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

LIST = "/api/courses"
CACHED = [
    LIST,
    "/api/courses?group=semester",
    "/api/courses/1",
    "/api/courses/1/materials",
    "/api/courses/1/materials?type=lab",
    "/api/courses/1/materials/1",
    "/api/courses/search?query=граф",
]


def renamed(course_name):
    card = re.sub(
        r"name: \{.*?\}",
        f"name: {{ru: {course_name}, en: {course_name}}}",
        NETWORKS["course.yaml"],
        count=1,
    )
    return {"algorithms": ALGORITHMS, "networks": {"course.yaml": card}}


@pytest.mark.parametrize("path", CACHED)
def test_cached_response_repeats_the_bytes_and_supports_not_modified(still_site, path):
    first, second = still_site.client.get(path), still_site.client.get(path)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    volatile = {"x-request-id", "date"}
    cached_headers = [
        {k: v for k, v in response.headers.items() if k not in volatile}
        for response in (first, second)
    ]
    assert cached_headers[0] == cached_headers[1]
    assert first.headers["cache-control"] == "public, max-age=60, stale-while-revalidate=600"
    assert first.headers["vary"] == "Accept-Language"
    assert re.fullmatch(r'"[0-9a-f]{32}"', first.headers["etag"])
    same = still_site.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    assert same.headers["x-request-id"] != first.headers["x-request-id"]
    assert "default-src" in same.headers["content-security-policy"]


@pytest.mark.parametrize("header", ["{tag}", "W/{tag}", '"x", {tag}', '"x",W/{tag} , "y"', "*"])
def test_etag_matches_in_every_form_of_the_header(still_site, header):
    tag = still_site.client.get(LIST).headers["etag"]
    answer = still_site.client.get(LIST, headers={"If-None-Match": header.format(tag=tag)})
    assert answer.status_code == 304


def test_any_etag_matches_no_course_that_does_not_exist(still_site):
    answer = still_site.client.get(f"{LIST}/999", headers={"If-None-Match": "*"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "header", ['"x"', "x", '"', "W/", ",,,", '"0123456789abcdef0123456789abcdef"']
)
def test_unknown_etag_gets_the_full_response(still_site, header):
    assert still_site.client.get(LIST, headers={"If-None-Match": header}).status_code == 200


def test_etags_differ_by_path_query_and_language(still_site):
    tags = [
        still_site.client.get(path, headers={"Accept-Language": language}).headers["etag"]
        for path in CACHED
        for language in ("ru", "en")
    ]
    assert len(set(tags)) == len(tags)


def test_cache_does_not_mix_languages(still_site):
    for language in ("en", "ru", "en", "de"):
        answer = still_site.client.get(LIST, headers={"Accept-Language": language})
        expected = "en" if language == "en" else "ru"
        assert answer.headers["content-language"] == expected
        assert ("Algorithms" in answer.text) == (expected == "en")


@pytest.mark.parametrize(
    ("header", "takes"),
    [
        ("gzip", True),
        ("*", True),
        ("br;q=1, GZIP;q=0.1", True),
        ("gzip;q=0", False),
        ("*;q=0, gzip", True),
        ("*, gzip;q=0", False),
        ("gzip; q=0.0", False),
        ("", False),
        ("br", False),
    ],
)
def test_accept_encoding_header_decides_about_gzip(header, takes):
    assert takes_gzip(header) is takes


def test_cached_list_changes_soon_after_a_commit(site):
    before = site.client.get(LIST)
    tag = {"If-None-Match": before.headers["etag"]}
    assert site.client.get(LIST, headers=tag).status_code == 304
    site.index_courses(renamed("Сети"))
    wait_until(lambda: site.client.get(LIST, headers=tag).status_code == 200)
    after = site.client.get(LIST)
    assert [course["name"] for course in after.json()][1] == "Сети"
    assert after.headers["etag"] != before.headers["etag"]


def test_cached_material_text_changes_after_a_commit(site):
    course_id = site.course_id("algorithms")
    (lecture, *_) = site.client.get(f"{LIST}/{course_id}/materials").json()["materials"]
    path = f"{LIST}/{course_id}/materials/{lecture['id']}"
    assert "конечный" in site.client.get(path).json()["text"]
    site.index_courses({"algorithms": {**ALGORITHMS, "materials/lecture-01.md": "# Заново\n"}})
    wait_until(lambda: site.client.get(path).json()["text"] == "# Заново\n")


def lose_courses(site):
    """Make the courses and their version unreadable in the database."""
    for table in ("course", "wake"):
        site.database.sql(f"ALTER TABLE {table} RENAME TO {table}_elsewhere")


def test_cached_response_needs_no_database(site):
    wait_until(
        lambda: site.client.get(LIST).headers["etag"] == site.client.get(LIST).headers["etag"]
    )
    tag = site.client.get(LIST).headers["etag"]
    lose_courses(site)
    assert site.client.get(LIST).status_code == 200
    assert site.client.get(LIST, headers={"If-None-Match": tag}).status_code == 304
    assert site.client.get("/api/courses?semester=3").status_code >= 500


def test_cached_responses_are_counted_in_metrics(site):
    for _ in range(3):
        site.client.get("/api/courses/1")
    counted = site.client.get("/metrics").text
    call = {"method": "GET", "route": "/api/courses/{course_id}", "status": "200"}
    assert metric_value(counted, "merlin_http_requests_total", **call) == 3


def test_cors_allows_the_catalogue_only(still_site):
    headers = {"Origin": "https://elsewhere.example"}
    assert (
        still_site.client.get(LIST, headers=headers).headers["access-control-allow-origin"] == "*"
    )
    for address, status in (("/api/courses/999", 404), ("/api/courses?semester=x", 422)):
        refused = still_site.client.get(address, headers=headers)
        assert refused.status_code == status
        assert refused.headers["access-control-allow-origin"] == "*"
    for response in (
        still_site.client.get("/api/user/courses", headers=headers),
        still_site.client.post("/api/courses/1/materials", headers=headers),
    ):
        assert response.is_client_error
        assert "access-control-allow-origin" not in response.headers


def test_a_catalogue_route_under_a_new_path_is_answered_and_cached(tmp_path):
    async def list_books(request: Request) -> Response:
        return await catalogue_answer(request, lambda _, language: [language])

    with run_api(tmp_path) as site:
        site.app.add_api_route("/api/books", list_books)
        first, second = site.client.get("/api/books"), site.client.get("/api/books")
    assert (first.status_code, first.json()) == (200, ["ru"])
    assert first.headers["etag"] == second.headers["etag"]


def test_answers_of_another_version_are_dropped_and_a_full_cache_starts_anew():
    cache = CatalogueCache()
    cache.store(1, "one", b"x")
    cache.store(2, "two", b"x")
    assert (cache.find("one"), cache.find("two")) == (None, b"x")
    cache.store(2, "large", bytes(MAX_BYTES))
    assert cache.find("two") is None


class CountingStore(Store):
    """A database that counts its reads."""

    asked = 0

    async def read(self, work):
        self.asked += 1
        return await super().read(work)


@contextmanager
def context_at(url):
    with open_database(url) as database:
        Catalogue(database).index({}, utc_now())
        store = CountingStore(database)
        try:
            yield Context(config=make_config(), db=database, store=store)
        finally:
            store.close()


@pytest.fixture
def ctx(tmp_path):
    url = fresh_database(tmp_path / "merlin.db")
    with context_at(url) as ctx:
        yield ctx


def set_version(ctx, version):
    ctx.db.update(WAKE, WAKE.id == CATALOGUE_VERSION, counter=version)


def test_polled_catalogue_version_never_goes_back(ctx):
    catalogue = CatalogueCache()

    def look():
        asyncio.run(catalogue.poll_version(ctx))
        return catalogue.version

    assert catalogue.version is None
    set_version(ctx, 7)
    assert look() == 7
    set_version(ctx, 8)
    assert look() == 8
    catalogue.store(9, "nine", b"x")
    catalogue.store(8, "eight", b"x")
    assert catalogue.version == 9


def test_failed_version_poll_and_its_end_are_logged_once(postgresql):
    catalogue = CatalogueCache()

    async def watch(ctx):
        look = partial(catalogue.poll_version, ctx)
        task = asyncio.create_task(repeat(look, POLL_INTERVAL_S, "the version is unknown"))
        with postgresql.stopped():
            await asyncio.to_thread(wait_until, lambda: ctx.store.asked > 2)
            assert catalogue.version is None
        await asyncio.to_thread(wait_until, lambda: catalogue.version is not None)
        task.cancel()

    with context_at(postgresql.reset()) as ctx, capture_logs() as logs:
        asyncio.run(asyncio.wait_for(watch(ctx), timeout=longest()))
    assert [line["event"] for line in logs] == ["the version is unknown", "this failure is over"]
