"""Malformed requests are refused with a problem document, and change nothing.

Never a 5xx, and no internal details in the response. Invalid values: `test_contract.py`.
"""

import gzip
import json
import re
import socket
from http.client import HTTPResponse
from itertools import chain

import httpx
import pytest
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from merlin.core.permissions import Role
from tests.api.running_api import VERA, run_api
from tests.api.staff_api import run_full_api
from tests.api.test_role_matrix import TOLD, read_tables
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.functional

WITH_BODY = [
    name for name, (_, _, operation) in TOLD.items() if "requestBody" in operation
]
JSON = {"Content-Type": "application/json"}
DEEP = 10_000
# Kind of body -> its content.
UNDECODABLE = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "a number with 5000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "half a letter": rb'{"a": "\ud800"}',
    "not a number": b'{"a": NaN}',
}
WORDS_OF_OURS = ("Traceback", "sqlite", "peewee", "pydantic", 'File "', "/merlin/")


def sample_of(name):
    return TOLD[name][2]["requestBody"]["content"]["application/json"]["example"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_full_api(tmp_path_factory.mktemp("whole")) as site:
        yield site


@pytest.fixture(scope="module")
def admin(site):
    """A browser of an admin, who has every permission."""
    with httpx.Client(
        base_url=site.address, headers=site.sign_in_headers(VERA), timeout=longest()
    ) as client:
        yield client


@pytest.fixture(scope="module")
def key(site):
    """The headers of a program with the key of an admin."""
    return site.key_headers(VERA)


@pytest.fixture(scope="module")
def before(site, admin, key):
    """Every table, which no test of this file changes."""
    return read_tables(site)


def send(site, admin, name, content, **headers):
    path, verb, _ = TOLD[name]
    address = path.format(**site.path_values)
    return admin.request(verb, address, content=content, headers={**JSON, **headers})


def check_refusal(answer, expected):
    assert answer.status_code in expected, (answer.request.url.path, answer.text[:500])
    body = answer.json()
    assert (
        ("error" in body)
        if answer.request.url.path.startswith("/v1/")
        else body["request_id"]
    )
    assert not [word for word in WORDS_OF_OURS if word in answer.text]


@pytest.mark.parametrize("name", WITH_BODY)
def test_bodies_that_cannot_be_decoded_are_refused_and_change_nothing(
    site, admin, name, before
):
    for kind, content in UNDECODABLE.items():
        try:
            check_refusal(send(site, admin, name, content), {400, 422})
        except AssertionError as error:
            error.add_note(f"{name}: {kind}")
            raise
    check_refusal(
        send(site, admin, name, b'"' + b"x" * (9 * 1024 * 1024) + b'"'), {413}
    )
    assert read_tables(site) == before


def test_compressed_bodies_and_other_content_types_are_refused_with_415(
    site, admin, before
):
    for name in WITH_BODY:
        content = json.dumps(sample_of(name)).encode()
        compressed = gzip.compress(content)
        check_refusal(
            send(site, admin, name, compressed, **{"Content-Encoding": "gzip"}), {415}
        )
        if TOLD[name][0].startswith("/v1"):
            continue
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "text/xml",
            "@",
        ):
            check_refusal(
                send(site, admin, name, content, **{"Content-Type": kind}), {415}
            )
    assert read_tables(site) == before


def test_body_that_breaks_off_is_refused(site, key):
    host, port = site.address.removeprefix("http://").split(":")
    lines = ["POST /v1/chat/completions HTTP/1.1", "Host: x", "Content-Length: 99"]
    lines += [f"{name}: {value}" for name, value in key.items()]
    with capture_logs() as logs:
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall("\r\n".join([*lines, "", '{"mod']).encode())
        wait_until(lambda: any("status" in line for line in logs))
    assert [line["status"] for line in logs if "status" in line] == [400]


@pytest.mark.parametrize(
    "header",
    [
        b"X-Request-Id: ok\r\n folded",
        b"X-Request-Id: a\x00b",
        b"X-Request-Id: \xff\xff\xff\xff\xff\xff\xff\xff",
        b"X-Request-Id: <script>alert(1)</script>",
        b"Accept-Language: \xd0\xb9;q=\xff, *;q=1e999",
        b"Authorization: Bearer \xff\xff",
        b"Authorization: Bearer mrl_" + b"x" * 5000,
        b"Cookie: merlin=\xff; merlin=\x01",
        b"Origin: http://[::1",
        b"Host: \xff.example",
        b"If-Match: \xff",
        b"If-None-Match: " + b'"x",' * 1000,
        b"Content-Type: application/json; charset=utf-99",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: " + b"0" * 5000 + b"2",
        b"Transfer-Encoding: chunked, chunked",
        b"Evil: a\r\nX-Injected: 1",
    ],
)
def test_malformed_headers_are_refused_and_not_echoed(site, header, before):
    head = header + (b"" if header.startswith(b"Host") else b"\r\nHost: x")
    host, port = site.address.removeprefix("http://").split(":")
    call = b"POST /api/user/courses HTTP/1.1\r\n" + head + b"\r\nConnection: close\r\n"
    call += (
        b""
        if header.startswith((b"Content-L", b"Transfer"))
        else b"Content-Length: 2\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=longest()) as connection:
        connection.sendall(call + b"\r\n{}")
        answer = HTTPResponse(connection)
        answer.begin()
        content = answer.read()
        answer.close()
    assert 400 <= answer.status < 500
    assert answer.headers["x-injected"] is None
    assert "<script" not in str(answer.headers)
    assert not [word for word in WORDS_OF_OURS if word.encode() in content]
    assert read_tables(site) == before


def list_query_names(dependant):
    """Return the parameters of the query that a function and its dependencies take."""
    names = [
        *(each.alias for each in dependant.query_params),
        *(
            field
            for each in dependant.query_params
            for field in getattr(each.field_info.annotation, "model_fields", {})
        ),
    ]
    return [*names, *chain(*map(list_query_names, dependant.dependencies))]


# PostgreSQL stores no NUL.
@pytest.mark.parametrize("sent", ["%00", "a%00b", "%ED%A0%BD"])
def test_no_query_of_any_address_is_an_error_on_postgresql(tmp_path, postgresql, sent):
    with run_api(tmp_path, postgresql.reset()) as site:
        site.add_user(VERA, Role.ADMIN)
        asked = [
            f"{route.path}?{name}={sent}"
            for route in site.app.routes
            if isinstance(route, APIRoute) and "GET" in route.methods
            for name in list_query_names(route.dependant)
        ]
        named = [each.replace("{dataset}", "algorithms") for each in asked]
        filled = [re.sub(r"\{\w+\}", "1", each) for each in named]
        assert any("author=" in each for each in filled)
        with site.browser_client(VERA) as browser:
            failed = [each for each in filled if browser.get(each).status_code >= 500]
    assert failed == []
