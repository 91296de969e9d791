"""The control API and the chat page over HTTP: actions, events, headers, refused requests."""

import http.client
import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from merlin.core.errors import MerlinError
from merlin.sandbox.demo.story import empty_progress
from tests.sandbox.telegram_client import send_control
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


@contextmanager
def open_path(
    standin, path, method="GET", **headers
) -> Iterator[http.client.HTTPResponse]:
    host = urllib.parse.urlsplit(standin.page_url).netloc
    connection = http.client.HTTPConnection(host, timeout=longest())
    try:
        connection.request(method, path, headers=headers)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def read_page(standin, path="/", method="GET", **headers):
    with open_path(standin, path, method, **headers) as response:
        return response.status, response.headers, response.read().decode()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"person": "igor", "text": "a"}, 404),
        ({"person": "anna", "text": "  "}, 400),
        ({"person": "anna", "press": "нет такой"}, 404),
    ],
)
def test_invalid_request_is_refused(telegram, fields, status):
    status_code, document = send_control(telegram, **fields)
    assert status_code == status
    assert document["error"]
    assert telegram.pending() == []


def test_state_of_the_world_is_served_as_json(telegram):
    status, headers, body = read_page(telegram, "/control/log?chat=anna")
    assert (status, json.loads(body)) == (200, {"messages": []})
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_page_of_another_site_acts_for_nobody(telegram):
    headers = {"Origin": "https://evil.example"}
    status, _, body = read_page(telegram, "/control/send", "POST", **headers)
    assert (status, "error" in json.loads(body)) == (403, True)
    assert telegram.pending() == []


def test_way_of_a_commit_is_served_once_and_its_failure_is_shown():
    languages = []

    def read_pipeline(language):
        languages.append(language)
        if len(languages) > 3:
            raise MerlinError("the database is gone")
        return {
            **empty_progress("neuro"),
            "commit": "4f2a91c0",
            "subject": "",
            "state": None,
        }

    with TelegramStandIn(read_pipeline=read_pipeline) as standin:
        status, _, page = read_page(standin, "/control/pipeline")
        assert (status, "4f2a91c0" in page) == (200, True)
        seen = re.search(r"seen=(\w+)", page)[1]
        assert read_page(standin, f"/control/pipeline?seen={seen}")[0] == 204
        assert (
            read_page(standin, "/control/pipeline", Cookie="merlin_language=en")[0]
            == 200
        )
        assert languages == ["ru", "ru", "en"]
        assert "не отвечает" in read_page(standin, "/control/pipeline")[2]
