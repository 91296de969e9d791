"""Problem documents: helpful texts for every kind of error, without internal details."""

import socket

import pytest
from fastapi import FastAPI

from merlin.api.problems import Problem, add_problems, validation_errors
from merlin.api.schema import Pagination
from merlin.api.services import ApiServices
from merlin.core.errors import ConfigError, DatasetError, MerlinError, NotFound, Refused
from merlin.db.writer import Store
from tests.support.config import make_config
from tests.support.http_servers import serve_app

pytestmark = pytest.mark.functional


ERRORS = [
    (NotFound("no course 7", "course-unknown"), 404, "not-found", "Course not found"),
    (NotFound("no build 7"), 404, "not-found", "Nothing is at this address."),
    (Refused("secret words"), 409, "refused", "This can't be done now."),
    (
        Refused("500 of them", "course-too-many-favourites", limit=500),
        409,
        "refused",
        "My courses can hold up to 500 courses",
    ),
    (DatasetError("bad words"), 422, "wrong-value", "Some values"),
    (MerlinError("the password is x"), 503, "unavailable", "Merlin can't answer"),
    (ConfigError("no database"), 503, "unavailable", "Merlin can't answer"),
]


@pytest.fixture(scope="module")
def failing():
    """Yield the address of an API with a route for each of the errors."""
    app = FastAPI()
    app.state.services = ApiServices(config=make_config(), db=None, store=Store())
    add_problems(app)

    @app.get("/{number}")
    async def trial(number: int):
        raise ERRORS[number][0]

    with serve_app(app) as address:
        yield address


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_known_error_has_its_own_status_and_text(failing, number):
    error, status, code, detail = ERRORS[number]
    with socket_call(failing, f"/{number}") as (head, body):
        assert f" {status} " in head.splitlines()[0]
        assert f'"type":"urn:merlin:problem:{code}"' in body
        assert f'"detail":"{detail}' in body
        assert str(error) not in body


class socket_call:  # noqa: N801 - reads as a function
    """One call as raw bytes, for headers that no client library sends."""

    def __init__(self, address, path, *lines):
        self._port = int(address.rpartition(":")[2])
        header_lines = ["Accept-Language: en", "Connection: close", *lines]
        self._request = (
            f"GET {path} HTTP/1.1\r\n" + "\r\n".join(header_lines) + "\r\n\r\n"
        )

    def __enter__(self):
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.sendall(self._request.encode("latin-1"))
            response = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        return response.partition("\r\n\r\n")[::2]

    def __exit__(self, *_):
        pass


@pytest.mark.parametrize("host", ["[", "a b", "[::1", "x" * 500, "мир"])
@pytest.mark.parametrize(
    "path", ["/api/nothing", "//[", "/api/courses/%ff%00", "/%E2%80%AE"]
)
def test_invalid_host_header_does_not_cause_a_server_error(still_site, host, path):
    line = f"Host: {host}".encode().decode("latin-1")
    with socket_call(still_site.address, path, line) as (head, _):
        assert head.split()[1] in ("404", "422"), head


@pytest.mark.parametrize(
    "path", ["/api/courses/", "/api/courses/1/materials/", "/api/v1/courses/"]
)
def test_response_never_redirects_to_the_host_header(still_site, path):
    with socket_call(still_site.address, path, "Host: elsewhere.example") as (
        head,
        body,
    ):
        assert head.split()[1] == "404"
        assert "elsewhere" not in head + body


@pytest.mark.parametrize("path", ["/chat/completions", "/models"])
def test_path_of_the_protocol_without_its_version_says_which_base_is_right(
    still_site, path
):
    answer = still_site.client.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:merlin:problem:wrong-base-url"


def make_error(kind, *loc, **context):
    return {
        "type": kind,
        "loc": loc,
        "msg": "Its own words",
        "input": "secret",
        "ctx": context,
    }


@pytest.mark.parametrize(
    ("error_", "part", "pointer", "detail"),
    [
        (
            make_error("missing", "body", "a", 0, "b"),
            "body",
            "/a/0/b",
            "Its own words.",
        ),
        (
            make_error("extra_forbidden", "body", "a/b~c"),
            "body",
            "/a~1b~0c",
            "Its own words.",
        ),
        (make_error("json_invalid", "body", 17), "body", "", "Its own words."),
        (
            make_error("missing", "body", "\ud800" * 300),
            "body",
            "/" + "?" * 100,
            "Its own words.",
        ),
        (make_error("value_error"), "body", "", "Its own words."),
        (make_error("repeated", "query", "x"), "query", "/x", "A value is repeated."),
        (
            make_error("string_pattern_mismatch", "body", "x", pattern="^https://"),
            "body",
            "/x",
            "Give a link https://",
        ),
    ],
)
def test_validation_error_points_to_the_value_without_repeating_it(
    error_, part, pointer, detail
):
    (document,) = validation_errors([error_], "en")
    assert (document["place"], document["pointer"]) == (part, pointer)
    assert document["detail"].startswith(detail)
    assert "secret" not in str(document)


def test_number_of_validation_errors_is_limited():
    assert (
        len(validation_errors([make_error("missing", "body", "x")] * 500, "ru")) == 20
    )


@pytest.mark.parametrize("cursor", ["a", "-1", "1e3", "9" * 17, "%00"])
def test_cursor_that_is_no_number_is_refused_where_a_number_is_needed(cursor):
    page = Pagination(None, None, cursor=cursor)
    with pytest.raises(Problem):
        page.after(0)
    assert page.after("") == cursor
