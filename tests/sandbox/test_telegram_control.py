"""The control API and the chat page over HTTP: actions, events, headers, refused requests."""

import http.client
import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LabeledPrice

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
        ({"person": "anna", "press": "a", "message_id": 9}, 404),
        ({"person": "anna", "text": "a", "reply_to": 9}, 404),
        ({"person": "777@study", "text": "a"}, 400),  # who never joined
        ({"person": "anna", "act": "pay"}, 404),
        ({"person": "anna", "act": "fly"}, 400),
        ({"person": "anna", "act": "start", "with": {"speed": 1}}, 400),
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


def test_page_names_the_people_and_gets_its_texts_in_a_language(telegram):
    _, headers, page = read_page(telegram, "/?lang=en")
    assert "Anna, student" in page
    assert "merlin_language=en" in headers["Set-Cookie"]
    _, _, texts = read_page(telegram, "/texts/en.json")
    assert json.loads(texts)["anna"] == "Anna, student"


def test_chats_of_each_person_are_listed_with_their_groups(telegram):
    chats = json.loads(read_page(telegram, "/control/chats")[2])
    assert [chat["person"] for chat in chats["anna"]] == ["anna", "anna@study"]
    assert [chat["title"] for chat in chats["anna"]] == ["Merlin", "Учебная группа"]
    menu = json.loads(read_page(telegram, "/control/menu?person=anna")[2])
    assert menu == []


def test_people_write_start_paste_and_speak(telegram):
    said = send_control(telegram, person="anna", text="Где?")[1]["update_id"]
    message_id = telegram.log("anna")[-1].message_id
    send_control(telegram, person="boris", act="start", **{"with": {"payload": "x"}})
    assert telegram.log("boris")[-1].text == "/start x"
    send_control(telegram, person="anna", text="Там?", reply_to=message_id)
    reply = telegram.log("anna")[-1].message["reply_to_message"]
    assert reply["message_id"] == message_id
    send_control(telegram, person="anna#12", voice="sample")
    assert telegram.log("anna#12")[-1].message["voice"]["duration"] > 0
    long = {"text": "слово " * 1000}
    parts = send_control(telegram, person="anna", act="paste", **{"with": long})[1]
    updates = [update["update_id"] for update in telegram.pending()]
    assert (updates[0], updates[-2:]) == (said, parts["update_ids"])
    unheard = send_control(telegram, person="anna@study", text="Не боту")[1]
    assert unheard == {"update_id": 0}
    (entry,) = json.loads(read_page(telegram, "/control/log?chat=study")[2])["messages"]
    assert (entry["message"]["chat"]["type"], entry["by_bot"]) == ("group", False)
    assert telegram.log(entry["message"]["chat"]["id"])[0].text == "Не боту"


def test_keys_of_messages_call_the_bot_or_begin_a_payment(telegram, call):
    keys = [
        [InlineKeyboardButton("Да", callback_data="yes")],
        [InlineKeyboardButton("Сайт", url="https://example.com")],
    ]
    markup = InlineKeyboardMarkup(keys)
    call(lambda bot: bot.send_message(1001, "?", reply_markup=markup))
    prices = [LabeledPrice("a", 100)]
    call(lambda bot: bot.send_invoice(1001, "a", "b", "pack", "XTR", prices))
    assert send_control(telegram, person="anna", press="Сайт")[0] == 400
    for label in ("Да", "⭐ 100"):
        assert send_control(telegram, person="anna", press=label)[0] == 200
    called, asked = telegram.pending()
    assert called["callback_query"]["data"] == "yes"
    assert asked["pre_checkout_query"]["invoice_payload"] == "pack"


PICTURE = ("a.png", b"\x89PNG\r\n\x1a\n", "image/png")
NOTES = ("b.txt", "Заметки".encode(), "text/plain")


def send_files(standin, *files, **fields):
    """Send files by the form of the page; return the parsed response."""
    url = f"{standin.page_url}control/send"
    parts = [("file", file) for file in files]
    return httpx.post(url, data=fields, files=parts, timeout=longest()).json()


def test_sent_files_are_shown_only_if_they_are_pictures(telegram):
    assert send_files(telegram, PICTURE, person="anna", caption="Моё")["update_id"]
    both = send_files(telegram, PICTURE, NOTES, person="anna")
    assert len(both["update_ids"]) == 2
    photo, *album = telegram.log("anna")
    assert photo.text == "Моё"
    assert len({each.message["media_group_id"] for each in album}) == 1
    kept = [photo.message["photo"][0], album[1].message["document"]]
    for file, (_, content, mime) in zip(kept, (PICTURE, NOTES), strict=True):
        with open_path(telegram, f"/control/files/{file['file_id']}") as response:
            headers = response.headers
            assert response.read() == content
        is_picture = mime.startswith("image/")
        expected = mime if is_picture else "application/octet-stream"
        assert headers["Content-Type"] == expected
        assert ("Content-Disposition" in headers) is not is_picture
    assert read_page(telegram, "/control/files/none")[0] == 404


def test_open_page_is_told_what_happens_until_the_stand_in_stops():
    with (
        TelegramStandIn() as standin,
        open_path(standin, "/control/events") as stream,
    ):
        assert stream.readline() == b"retry: 500\n"
        standin.turn_privacy_off()
        standin.say("anna", "Где?")
        standin.stop()
        events = stream.read().decode()
    assert 'event: setting\ndata: {"name": "reads_all"}' in events
    assert "event: message\n" in events
    assert "Где?" in events


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
