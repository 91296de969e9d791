"""The response cache over HTTP: ETags, 304, languages, invalidation."""

import re

import pytest

from merlin.api.response_cache import MAX_ANSWERS, CatalogueCache
from tests.api.running_api import ALGORITHMS, NETWORKS
from tests.support.waiting import wait_until

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
    first = still_site.client.get(path)
    second = still_site.client.get(path)
    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    volatile = {"x-request-id", "date"}
    cached_headers = [
        {k: v for k, v in response.headers.items() if k not in volatile}
        for response in (first, second)
    ]
    assert cached_headers[0] == cached_headers[1]
    assert (
        first.headers["cache-control"]
        == "public, max-age=60, stale-while-revalidate=600"
    )
    assert first.headers["vary"].startswith("Accept-Language")
    assert re.fullmatch(r'"[0-9a-f]{32}"', first.headers["etag"])
    same = still_site.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    assert same.headers["x-request-id"] != first.headers["x-request-id"]
    assert "default-src" in same.headers["content-security-policy"]


@pytest.mark.parametrize("header", ['"x",W/{tag} , "y"', "*"])
def test_etag_matches_in_every_form_of_the_header(still_site, header):
    tag = still_site.client.get(LIST).headers["etag"]
    answer = still_site.client.get(
        LIST, headers={"If-None-Match": header.format(tag=tag)}
    )
    assert answer.status_code == 304


def test_any_etag_matches_no_course_that_does_not_exist(still_site):
    answer = still_site.client.get(f"{LIST}/999", headers={"If-None-Match": "*"})
    assert answer.status_code == 404


def test_other_sites_may_read_nothing(still_site):
    answer = still_site.client.get(
        LIST, headers={"Origin": "https://elsewhere.example"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_etags_differ_by_path_query_and_language(still_site):
    tags = [
        still_site.client.get(path, headers={"Accept-Language": language}).headers[
            "etag"
        ]
        for path in CACHED
        for language in ("ru", "en")
    ]
    assert len(set(tags)) == len(tags)


def test_cached_list_changes_soon_after_a_commit(site):
    before = site.client.get(LIST)
    tag = {"If-None-Match": before.headers["etag"]}
    assert site.client.get(LIST, headers=tag).status_code == 304
    site.index_courses(renamed("Сети"))
    wait_until(lambda: site.client.get(LIST, headers=tag).status_code == 200)
    after = site.client.get(LIST)
    assert [course["name"] for course in after.json()][1] == "Сети"
    assert after.headers["etag"] != before.headers["etag"]


def lose_courses(site):
    """Make the courses and their version unreadable in the database."""
    for table in ("course", "change_counter"):
        site.database.sql(f"ALTER TABLE {table} RENAME TO {table}_elsewhere")


def test_cached_response_needs_no_database(site):
    wait_until(
        lambda: (
            site.client.get(LIST).headers["etag"]
            == site.client.get(LIST).headers["etag"]
        )
    )
    tag = site.client.get(LIST).headers["etag"]
    lose_courses(site)
    assert site.client.get(LIST).status_code == 200
    assert site.client.get(LIST, headers={"If-None-Match": tag}).status_code == 304
    assert site.client.get("/api/courses?semester=3").status_code >= 500


def test_full_cache_starts_anew_and_an_older_version_is_not_the_newest():
    cache = CatalogueCache()
    for number in range(MAX_ANSWERS + 1):
        cache.store(2, str(number), b"x")
    assert cache.answers == {str(MAX_ANSWERS): b"x"}
    cache.store(1, "older", b"x")
    assert cache.version == 2
