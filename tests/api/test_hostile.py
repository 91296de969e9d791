"""Invalid input to every writing operation is refused with a problem document.

Never a 5xx, no internal details in the response, and nothing changes in the database.
"""

import gzip
import json
import socket
from http.client import HTTPResponse
from itertools import product

import httpx
import pytest

from docs.build.openapi import described
from tests.api.running_api import VERA
from tests.api.staff_api import run_full_api
from tests.api.test_role_matrix import read_tables
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

OPERATIONS = {
    operation["operationId"]: (path, verb, operation)
    for path, verbs in described()["paths"].items()
    for verb, operation in verbs.items()
}
WITH_BODY = [
    name
    for name, (path, _, operation) in OPERATIONS.items()
    if "requestBody" in operation and not path.startswith("/hooks/")
]
# The names of OpenAI's protocol may have slashes.
WITH_PATH = [
    name
    for name, (path, _, _) in OPERATIONS.items()
    if "{" in path and not path.startswith(("/hooks/", "/v1/"))
]
JSON = {"Content-Type": "application/json"}
DEEP = 10_000


def sample_of(name):
    return OPERATIONS[name][2]["requestBody"]["content"]["application/json"]["example"]


def replace_texts(name, value):
    """Return the sample as JSON, with each text replaced by the raw JSON of `value`."""

    def put(node):
        if isinstance(node, dict):
            return {key: put(child) for key, child in node.items()}
        if isinstance(node, list):
            return [put(child) for child in node]
        return "@@" if isinstance(node, str) else node

    return json.dumps(put(sample_of(name))).replace('"@@"', value).encode()


def has_texts(name):
    return replace_texts(name, "1") != replace_texts(name, "2")


def replace_by_number(name, value):
    """Return the sample with every value replaced by a number."""
    return json.dumps(dict.fromkeys(sample_of(name), value)).encode()


def double_first_key(name):
    """Return the sample with its first key twice, the second time with an invalid value."""
    text = json.dumps(sample_of(name))
    key = next(iter(sample_of(name)))
    return f'{text[:-1]}, "{key}": [[]]}}'.encode()


# Kind of body -> statuses allowed for an admin.
SENT = {
    "nothing": (lambda _: b"", {422, 400}),
    "no JSON": (lambda _: b"{", {422, 400}),
    "no UTF-8": (lambda _: b'{"a": "\xff\xfe"}', {422, 400}),
    "a list": (lambda _: b"[]", {422, 400}),
    "a text": (lambda _: b'"x"', {422, 400}),
    "a number": (lambda _: b"1e400", {422, 400}),
    "not a number": (lambda _: b'{"a": NaN}', {422, 400}),
    "something else": (lambda _: b'{"surprise": 1}', {422, 400}),
    "deep lists": (lambda _: b"[" * DEEP + b"]" * DEEP, {422, 400}),
    "deep objects": (lambda _: b'{"a":' * DEEP + b"1" + b"}" * DEEP, {422, 400}),
    "a huge number": (lambda name: replace_by_number(name, 10**400), {422, 400}),
    "a number with 5000 digits": (lambda _: b'{"a": ' + b"9" * 5000 + b"}", {422, 400}),
    "a key twice": (double_first_key, {422, 400}),
    "half a letter": (lambda name: replace_texts(name, r'"\ud800"'), {422, 400, 409, 401, 404}),
    "a NUL": (lambda name: replace_texts(name, r'"a\u0000b"'), {422, 400, 409, 401, 404}),
    "a megabyte": (lambda name: replace_texts(name, f'"{"ы" * 500_000}"'), {422, 400, 413, 401}),
    "too much": (lambda _: b'"' + b"x" * (9 * 1024 * 1024) + b'"', {413}),
}
# A body may be optional, or all of its fields.
OF_TEXTS = {"half a letter", "a NUL", "a megabyte"}
OPTIONAL = {("roll_back", "nothing"), ("edit_course", "something else")}
WORDS_OF_OURS = ("Traceback", "sqlite", "peewee", "pydantic", 'File "', "/merlin/")


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
def before(site, admin):
    """Every table, which no test of this file changes."""
    return read_tables(site)


def send(site, admin, name, content, **headers):
    path, verb, _ = OPERATIONS[name]
    address = path.format(**site.path_values)
    return admin.request(verb, address, content=content, headers={**JSON, **headers})


def check_refusal(answer, expected):
    assert answer.status_code in expected, (answer.request.url.path, answer.text[:500])
    body = answer.json()
    assert ("error" in body) if answer.request.url.path.startswith("/v1/") else body["request_id"]
    assert not [word for word in WORDS_OF_OURS if word in answer.text]


@pytest.mark.parametrize("name", WITH_BODY)
def test_invalid_bodies_are_refused_and_change_nothing(site, admin, name, before):
    for kind, (make_body, expected) in SENT.items():
        if (name, kind) in OPTIONAL or (kind in OF_TEXTS and not has_texts(name)):
            continue
        try:
            check_refusal(send(site, admin, name, make_body(name)), expected)
        except AssertionError as error:
            error.add_note(f"{name}: {kind}")
            raise
    assert read_tables(site) == before


def test_compressed_bodies_and_other_content_types_are_refused_with_415(site, admin, before):
    for name in WITH_BODY:
        content = json.dumps(sample_of(name)).encode()
        compressed = gzip.compress(content)
        check_refusal(send(site, admin, name, compressed, **{"Content-Encoding": "gzip"}), {415})
        if OPERATIONS[name][0].startswith("/v1"):
            continue
        for kind in ("text/plain", "application/x-www-form-urlencoded", "text/xml", "@"):
            check_refusal(send(site, admin, name, content, **{"Content-Type": kind}), {415})
    assert read_tables(site) == before


@pytest.mark.parametrize("kind", ["no JSON", "no UTF-8", "deep lists", "a number with 5000 digits"])
def test_body_that_cannot_be_decoded_has_its_error_listed(site, admin, kind):
    make_body, _ = SENT[kind]
    (fault,) = send(site, admin, "add_favourite", make_body("add_favourite")).json()["errors"]
    assert (fault["place"], fault["pointer"]) == ("body", "")
    assert "JSON" in fault["detail"]


WILD = ["0", "-1", "9" * 40, "1e9", "%00", "%ff", "a%0Ab", "..%2f..%2fetc", "%F0%9F%98%80", "'--"]
WILD += ["%ED%A0%80", "%D9%A1"]  # a half of a character, an Arabic digit


def test_invalid_path_parameters_are_refused(site, admin, before):
    for path, verb, operation in map(OPERATIONS.get, WITH_PATH):
        parts = [
            parameter["name"]
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "path"
        ]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for part, wild in product(parts, WILD):
            address = path.format(**{**site.path_values, part: wild})
            answer = admin.request(verb, address, json=body.get("example"))
            check_refusal(answer, {404, 405, 422})
    assert read_tables(site) == before


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
    call += b"" if header.startswith((b"Content-L", b"Transfer")) else b"Content-Length: 2\r\n"
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
