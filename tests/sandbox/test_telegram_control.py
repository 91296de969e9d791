"""The control API and the chat page over HTTP: actions, events, headers, refused requests."""

import re

import httpx
import pytest
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, LabeledPrice
from telegram.error import BadRequest

from merlin.core.errors import MerlinError
from merlin.sandbox.demo.story import empty_progress
from tests.sandbox.telegram_client import send_control
from tests.support.stand_ins import TelegramStandIn
from tests.support.waiting import longest

pytestmark = pytest.mark.functional


def get_url(standin, path):
    return standin.page_url.rstrip("/") + path


def open_page(standin, path="/", method="GET", **headers):
    url = get_url(standin, path)
    return httpx.request(method, url, headers=headers, timeout=longest())


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
    page = open_page(telegram, "/control/log?chat=anna")
    assert (page.status_code, page.json()) == (200, {"messages": []})
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_page_names_the_people_and_gets_its_texts_in_a_language(telegram):
    page = open_page(telegram, "/?lang=en")
    assert "Anna, student" in page.text
    assert "merlin_language=en" in page.headers["Set-Cookie"]
    assert open_page(telegram, "/texts/en.json").json()["anna"] == "Anna, student"


def test_chats_of_each_person_are_listed_with_their_groups(telegram):
    chats = open_page(telegram, "/control/chats").json()["anna"]
    assert [(chat["person"], chat["title"]) for chat in chats] == [
        ("anna", "Merlin"),
        ("anna@study", "Учебная группа"),
    ]
    assert open_page(telegram, "/control/menu?person=anna").json() == []


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
    (entry,) = open_page(telegram, "/control/log?chat=study").json()["messages"]
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


SIZE = b"\0\0\0\x03\0\0\0\x02"
PICTURE = ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(8) + SIZE, "image/png")
NOTES = ("b.txt", "Заметки".encode(), "text/plain")


def send_files(standin, *files, **fields):
    """Send files by the form of the page; return the parsed response."""
    url = get_url(standin, "/control/send")
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
    assert (kept[0]["width"], kept[0]["height"]) == (3, 2)
    for file, (_, content, mime) in zip(kept, (PICTURE, NOTES), strict=True):
        page = open_page(telegram, f"/control/files/{file['file_id']}")
        assert page.content == content
        is_picture = mime.startswith("image/")
        expected = mime if is_picture else "application/octet-stream"
        assert page.headers["Content-Type"] == expected
        assert ("Content-Disposition" in page.headers) is not is_picture
    assert open_page(telegram, "/control/files/none").status_code == 404


def test_open_page_is_told_what_happens_until_the_stand_in_stops():
    with (
        TelegramStandIn() as standin,
        httpx.stream(
            "GET", get_url(standin, "/control/events"), timeout=longest()
        ) as stream,
    ):
        lines = stream.iter_lines()
        assert next(lines) == "retry: 500"
        standin.turn_privacy_off()
        standin.say("anna", "Где?")
        standin.stop()
        events = "\n".join(lines)
    assert 'event: setting\ndata: {"name": "reads_all"}' in events
    assert "event: message\n" in events
    assert "Где?" in events


def test_page_of_another_site_acts_for_nobody(telegram):
    origin = {"Origin": "https://evil.example"}
    refused = open_page(telegram, "/control/send", "POST", **origin)
    assert (refused.status_code, "error" in refused.json()) == (403, True)
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
        page = open_page(standin, "/control/pipeline")
        assert (page.status_code, "4f2a91c0" in page.text) == (200, True)
        seen = re.search(r"seen=(\w+)", page.text)[1]
        again = open_page(standin, f"/control/pipeline?seen={seen}")
        assert again.status_code == 204
        open_page(standin, "/control/pipeline", Cookie="merlin_language=en")
        assert languages == ["ru", "ru", "en"]
        assert "не отвечает" in open_page(standin, "/control/pipeline").text


RENEWS = {"subscription_period": 2_592_000}


@pytest.mark.parametrize(
    ("amount", "currency", "more", "error"),
    [
        (10_001, "XTR", RENEWS, "STARS_INVOICE_INVALID"),
        (25_001, "XTR", {}, "STARS_INVOICE_INVALID"),
        (0, "XTR", RENEWS, "STARS_INVOICE_INVALID"),
        (5, "XTR", {"subscription_period": 86_400}, "SUBSCRIPTION_PERIOD_INVALID"),
        (5, "RUB", RENEWS, "CURRENCY_INVALID"),
    ],
)
def test_link_that_telegram_would_refuse_is_refused(
    call, amount, currency, more, error
):
    prices = [LabeledPrice("a", amount)]
    with pytest.raises(BadRequest, match=f"(?i){error}"):
        call(
            lambda bot: bot.create_invoice_link(
                "a", "b", "pack", currency=currency, prices=prices, **more
            )
        )


def read_payment(update):
    return update["message"]["successful_payment"]


def test_link_is_paid_each_month_until_somebody_ends_it(telegram, call):
    telegram.act(
        lambda acting: acting.world.record(
            "setting",
            name="allowed_updates",
            value=["message", "pre_checkout_query", "subscription"],
        )
    )
    prices = [LabeledPrice("a", 10_000)]
    link = call(
        lambda bot: bot.create_invoice_link(
            "a", "b", "pack", currency="XTR", prices=prices, **RENEWS
        )
    )
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("Платить", url=link)]])
    call(lambda bot: bot.send_message(1001, "?", reply_markup=markup))
    assert send_control(telegram, person="anna", press="Платить")[0] == 200
    (asked,) = telegram.pending()
    query = asked["pre_checkout_query"]["id"]
    call(lambda bot: bot.answer_pre_checkout_query(query, ok=True))
    first = read_payment(telegram.pending()[-1])
    assert first["is_recurring"]
    assert first["is_first_recurring"]
    assert telegram.pass_month("boris") == []
    with_act = {"person": "anna", "act": "pass_month"}
    assert len(send_control(telegram, **with_act)[1]["update_ids"]) == 1
    second = read_payment(telegram.pending()[-1])
    assert "is_first_recurring" not in second
    month = (
        second["subscription_expiration_date"] - first["subscription_expiration_date"]
    )
    assert month == 2_592_000
    telegram.pass_month("anna", has_stars=False)
    assert telegram.pending()[-1]["subscription"]["state"] == "failed"
    charge = first["telegram_payment_charge_id"]
    for user_id, name in ((1001, second["telegram_payment_charge_id"]), (1002, charge)):
        with pytest.raises(BadRequest, match=r"(?i)charge_id_invalid"):
            call(
                lambda bot, who=user_id, what=name: bot.edit_user_star_subscription(
                    who, what, is_canceled=True
                )
            )
    call(lambda bot: bot.edit_user_star_subscription(1001, charge, is_canceled=True))
    assert telegram.pending()[-1]["subscription"]["state"] == "canceled"
    assert telegram.pass_month("anna") == []
    assert (
        send_control(
            telegram, person="anna", act="switch_renewal", **{"with": {"is_on": True}}
        )[0]
        == 400
    )
    call(lambda bot: bot.edit_user_star_subscription(1001, charge, is_canceled=False))
    assert telegram.pass_month("anna") == []
    telegram.switch_renewal("anna", is_on=True)
    told = telegram.pending()[-1]["subscription"]
    assert (told["state"], told["invoice_payload"]) == ("active", "pack")
    assert told["user"]["id"] == 1001
