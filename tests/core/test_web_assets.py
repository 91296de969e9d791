"""Static files under the digest of them all, and what requests and forms may name."""

import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from merlin.core.web.assets import (
    IMMUTABLE,
    Assets,
    accepts,
    local_address,
    page_response,
    seen_other,
    sent_etags,
)

pytestmark = pytest.mark.unit


def test_file_is_sent_under_the_digest_of_all(tmp_path):
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "notes.txt").write_text("none of a page's")
    assets = Assets(tmp_path)
    *_, digest, name = assets.address("a.css").split("/")
    response = assets.respond(digest, name)
    assert (response.body, response.media_type) == (b"a{}", "text/css")
    assert response.headers["cache-control"] == IMMUTABLE
    for other in (("00000000", "a.css"), (digest, "notes.txt")):
        with pytest.raises(HTTPException) as caught:
            assets.respond(*other)
        assert caught.value.status_code == 404
    with pytest.raises(KeyError):
        assets.address("notes.txt")
    (tmp_path / "a.css").write_text("b{}")
    assert Assets(tmp_path).address("a.css") != assets.address("a.css")


def test_header_names_a_media_type_and_tags():
    accepted = "text/html, Text/Event-Stream; q=0.9"
    assert accepts(accepted, "text/event-stream")
    assert not accepts(accepted, "text/plain")
    headers = Headers(
        raw=[(b"if-none-match", b'W/"a", "b"'), (b"if-none-match", b'"c"')]
    )
    assert sent_etags(headers) == {'"a"', '"b"', '"c"'}


def test_page_and_redirect_are_not_kept_by_others():
    page = page_response("a \ud800")
    assert (page.status_code, page.body) == (200, b"a ?")
    assert page.headers["referrer-policy"] == "same-origin"
    redirect = seen_other("/orders")
    assert (redirect.status_code, redirect.headers["location"]) == (303, "/orders")
    assert redirect.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/courses?q=a#b", "/courses?q=a#b"),
        ("/courses/http://[a", "/courses/http://[a"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\nb", "/"),
        (f"/{'a' * 1000}", "/"),
        ("", "/"),
    ],
)
def test_only_a_path_of_this_site_is_gone_back_to(text, address):
    assert local_address(text) == address
