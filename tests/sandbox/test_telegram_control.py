"""The control API and the chat page over HTTP: actions, events, headers, refused requests."""

import http.client
import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from merlin.core.errors import MerlinError
from merlin.sandbox.telegram.arguments import Upload
from tests.sandbox.telegram_client import fetch, send_control
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

WEB = Path(__file__).parents[2] / "merlin" / "web"
TEMPLATE = WEB / "sandbox" / "templates" / "chat.html"
PAGE_FILES = sorted([*(WEB / "sandbox" / "static" / "chat").rglob("*.js"), TEMPLATE])


@contextmanager
def open_path(standin, path, **headers) -> Iterator[http.client.HTTPResponse]:
    host = urllib.parse.urlsplit(standin.page_url).netloc
    connection = http.client.HTTPConnection(host, timeout=longest())
    try:
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def read_page(standin, path="/", **headers):
    with open_path(standin, path, **headers) as response:
        return response.status, response.headers, response.read().decode()


def test_people_write_press_and_edit_over_http(telegram, call):
    status, document = send_control(telegram, person="anna", text="привет")
    assert status == 200
    assert document["update_id"] == telegram.pending()[0]["update_id"]
    message_id = telegram.log("anna")[0].message_id
    assert send_control(telegram, person="anna", text="пока", message_id=message_id)[0] == 200
    assert send_control(telegram, person="anna", voice=True)[0] == 200
    kinds = [next(iter(set(update) - {"update_id"})) for update in telegram.pending()]
    assert kinds == ["message", "edited_message", "message"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"person": "igor", "text": "a"}, 404),
        ({"person": "anna", "text": "  "}, 400),
        ({"person": "anna", "text": "я" * 4097}, 400),
        ({"person": "anna", "press": "нет такой"}, 404),
        ({"person": "anna", "text": "a", "message_id": 99}, 404),
    ],
)
def test_invalid_request_is_refused(telegram, fields, status):
    status_code, document = send_control(telegram, **fields)
    assert status_code == status
    assert document["error"]
    assert telegram.pending() == []


def test_request_from_another_site_is_refused(telegram):
    url = f"{telegram.page_url}control/send"
    body = {"person": "anna", "text": "a"}
    assert fetch(url, body, {"Origin": "https://example.com"})[0] == 403
    assert fetch(url, body, {"Origin": telegram.page_url.rstrip("/")})[0] == 200


def test_log_shows_messages_and_their_versions(telegram, call):
    async def act(bot):
        sent = await bot.send_message(1001, "…")
        await bot.edit_message_text("ответ", 1001, sent.message_id)

    call(act)
    status, document = fetch(f"{telegram.page_url}control/log?chat=anna")
    assert status == 200
    assert [version["text"] for version in document["messages"][0]["versions"]] == ["…", "ответ"]
    assert fetch(f"{telegram.page_url}control/log?chat=igor")[0] == 404


def test_every_change_is_streamed_at_once(telegram, call):
    with open_path(telegram, "/control/events") as stream:
        assert stream.readline() == b"retry: 500\n"
        telegram.say("anna", "привет")
        lines = [stream.readline().decode() for _ in range(3)]
    assert lines[1] == "event: message\n"
    assert json.loads(lines[2].removeprefix("data: "))["message"]["text"] == "привет"


def test_every_response_has_a_strict_security_policy(telegram):
    for path in ("/", "/static/merlin.css", "/control/log?chat=anna", "/nothing"):
        _status, headers, _body = read_page(telegram, path)
        assert headers["Content-Security-Policy"].startswith("default-src 'self'; base-uri 'none'")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", PAGE_FILES, ids=lambda path: path.name)
def test_page_has_no_inline_code_and_writes_no_markup(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not re.search(r"\sstyle=|\son[a-z]+=|<script>|<style|https?://(?!www\.w3\.org)", text)


def test_page_is_in_the_chosen_language_and_remembers_it(telegram):
    assert '<html lang="ru">' in read_page(telegram)[2]
    _status, headers, body = read_page(telegram, "/?lang=en")
    assert "Anna, student" in body
    assert headers["Set-Cookie"].startswith("merlin_language=en;")
    assert '<html lang="en"' in read_page(telegram, Cookie="merlin_language=en")[2]


def test_theme_comes_only_from_its_cookie(telegram):
    assert "data-theme=" not in read_page(telegram)[2]
    assert 'data-theme="dark"' in read_page(telegram, Cookie="merlin_theme=dark")[2]
    assert "data-theme=" not in read_page(telegram, Cookie='merlin_theme="><script>')[2]


def test_texts_are_served_as_json_in_both_languages(telegram):
    russian = fetch(f"{telegram.page_url}texts/ru.json")[1]
    english = fetch(f"{telegram.page_url}texts/en.json")[1]
    assert (russian["send"], english["send"]) == ("Отправить", "Send")
    requested = {
        key
        for path in PAGE_FILES
        for key in re.findall(r"""\b(?:t|say)\(["']([a-z-]+)["']\)""", path.read_text("utf-8"))
    }
    assert len(requested) > 30
    assert requested <= set(russian) & set(english)


def test_uploaded_html_or_svg_is_served_only_as_a_download(telegram):
    for name, mime in (("a.html", "text/html"), ("a.svg", "image/svg+xml")):
        telegram.send_file("anna", Upload(name, mime, b"<script>alert(1)</script>"))
        file_id = telegram.log("anna")[-1].message["document"]["file_id"]
        _status, headers, _body = read_page(telegram, f"/control/files/{file_id}")
        assert headers["Content-Type"] == "application/octet-stream"
        assert headers["Content-Disposition"] == "attachment"
    assert read_page(telegram, "/control/files/none")[0] == 404


def test_page_without_a_pipeline_says_so(telegram):
    assert "Конвейер не подключён" in read_page(telegram)[2]
    assert read_page(telegram, "/control/pipeline")[0] == 404


def test_pipeline_is_served_and_its_failure_returns_503():
    languages = []

    def read_pipeline(language):
        languages.append(language)
        if len(languages) > 2:
            raise MerlinError("the database is gone")
        return {"commit": "4f2a91c0", "steps": []}

    with TelegramStandIn(read_pipeline=read_pipeline) as standin:
        url = f"{standin.page_url}control/pipeline"
        assert fetch(url) == (200, {"commit": "4f2a91c0", "steps": []})
        assert read_page(standin, "/control/pipeline", Cookie="merlin_language=en")[0] == 200
        assert languages == ["ru", "en"]
        assert fetch(url)[0] == 503
