"""Calls of the Bot API as plain HTTP: what is refused, and with which words."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from merlin.sandbox.telegram import server
from tests.sandbox.telegram_client import fetch

pytestmark = pytest.mark.functional

INVOICE = {
    "chat_id": 1001,
    "title": "a",
    "description": "b",
    "payload": "c",
    "currency": "XTR",
    "prices": [{"label": "a", "amount": 1}],
}
OTHER_TOKEN = f"1:{'a' * 35}"


def call_api(telegram, method, **arguments):
    """Call a method; return (status, result or error text)."""
    url = f"{telegram.base_url}{telegram.token}/{method}"
    status, document = fetch(url, arguments)
    return status, document["result"] if document["ok"] else document["description"]


@pytest.mark.parametrize(
    ("method", "arguments", "description"),
    [
        ("sendMessage", {"chat_id": 5, "text": "a"}, "chat not found"),
        ("sendMessage", {"chat_id": "@anna", "text": "a"}, "chat not found"),
        (
            "sendMessage",
            {"chat_id": 1001, "text": "a", "reply_parameters": {"message_id": 9}},
            "message to be replied not found",
        ),
        (
            "editMessageText",
            {"chat_id": 1001, "message_id": 9, "text": "a"},
            "message to edit not found",
        ),
        (
            "answerCallbackQuery",
            {"callback_query_id": "9"},
            "query is too old and response timeout expired or query ID is invalid",
        ),
        ("getFile", {"file_id": "9"}, "invalid file_id"),
    ],
)
def test_call_about_what_is_not_there_is_refused(
    telegram, method, arguments, description
):
    refused = call_api(telegram, method, **arguments)
    assert refused == (400, f"Bad Request: {description}")
    assert telegram.log("anna") == []


def test_reply_to_nothing_may_be_sent_without_it(telegram):
    parameters = {"message_id": 9, "allow_sending_without_reply": True}
    status, message = call_api(
        telegram, "sendMessage", chat_id=1001, text="a", reply_parameters=parameters
    )
    assert (status, "reply_to_message" in message) == (200, False)


def test_only_texts_of_the_bot_can_be_edited(telegram):
    telegram.say("anna", "моё")
    call_api(telegram, "sendInvoice", **INVOICE)
    refusals = [
        call_api(
            telegram,
            "editMessageText",
            chat_id=1001,
            message_id=each.message_id,
            text="a",
        )[1]
        for each in telegram.log("anna")
    ]
    assert refusals == [
        "Bad Request: message can't be edited",
        "Bad Request: there is no text in the message to edit",
    ]


def test_payment_is_declined_with_a_reason_only(telegram):
    call_api(telegram, "sendInvoice", **INVOICE)
    telegram.pay("anna")
    (update,) = telegram.pending()
    answer = {
        "pre_checkout_query_id": update["pre_checkout_query"]["id"],
        "ok": False,
    }
    refused = call_api(telegram, "answerPreCheckoutQuery", **answer)
    assert refused == (400, "Bad Request: error_message is empty")
    answer["error_message"] = "Распродано"
    assert call_api(telegram, "answerPreCheckoutQuery", **answer) == (200, True)
    assert telegram.stars("anna") == 5000


def test_stars_go_back_to_their_payer_only(telegram):
    call_api(telegram, "sendInvoice", **INVOICE)
    telegram.pay("anna")
    asked = telegram.pending()[-1]["pre_checkout_query"]["id"]
    allowed = {"pre_checkout_query_id": asked, "ok": True}
    call_api(telegram, "answerPreCheckoutQuery", **allowed)
    paid = telegram.pending()[-1]["message"]["successful_payment"]
    payment = {"telegram_payment_charge_id": paid["telegram_payment_charge_id"]}
    refused = call_api(telegram, "refundStarPayment", user_id=1002, **payment)
    assert refused == (400, "Bad Request: CHARGE_NOT_FOUND")
    assert telegram.stars("anna") == 4999


def test_pressed_key_is_answered_once(telegram):
    keys = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    call_api(telegram, "sendMessage", chat_id=1001, text="?", reply_markup=keys)
    telegram.press("anna", "Да")
    (update,) = telegram.pending()
    answer = {"callback_query_id": update["callback_query"]["id"], "text": "Хорошо"}
    assert call_api(telegram, "answerCallbackQuery", **answer) == (200, True)
    assert call_api(telegram, "answerCallbackQuery", **answer)[0] == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("bot{token}/fly", 404),
        ("bot{token}", 404),
        (f"bot{OTHER_TOKEN}/getMe", 401),
        ("botnone/getMe", 404),
        ("file/bot{token}/documents/file_9.txt", 404),
        (f"file/bot{OTHER_TOKEN}/documents/file_9.txt", 401),
        ("file/bot", 404),
    ],
)
def test_address_without_a_method_a_file_or_the_token_is_refused(
    telegram, path, status
):
    url = telegram.page_url + path.format(token=telegram.token)
    code, document = fetch(url)
    assert (code, document["error_code"]) == (status, status)


def test_second_poller_ends_the_first_with_a_conflict(telegram):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call_api, telegram, "getUpdates", timeout=50)
        telegram.wait_for(telegram.is_polled)
        assert call_api(telegram, "getUpdates") == (200, [])
        status, description = first.result()
    assert (status, description.split(":")[0]) == (409, "Conflict")


def test_waiting_poll_ends_with_the_next_update_of_a_wanted_kind(telegram):
    with ThreadPoolExecutor(1) as pool:
        wanted = {"allowed_updates": ["message"], "timeout": 50}
        first = pool.submit(call_api, telegram, "getUpdates", **wanted)
        telegram.wait_for(telegram.is_polled)
        telegram.set_bot("boris@study", "administrator")  # of another kind
        update_id = telegram.say("anna", "Где?")
        _, updates = first.result()
    assert [update["update_id"] for update in updates] == [update_id]


def test_bot_reads_its_settings(telegram):
    about = call_api(telegram, "getMe")[1]
    assert (about["is_bot"], about["can_read_all_group_messages"]) == (True, False)
    telegram.turn_privacy_off()
    assert call_api(telegram, "getMe")[1]["can_read_all_group_messages"] is True
    assert call_api(telegram, "setChatMenuButton") == (200, True)


def test_stand_in_of_the_demo_has_no_webhook():
    with server.TelegramStandIn() as standin:
        address = f"http://127.0.0.1:{standin.port}/bot{standin.token}"
        _, document = fetch(f"{address}/getWebhookInfo")
    assert document["result"] == {
        "url": "",
        "has_custom_certificate": False,
        "pending_update_count": 0,
    }


def test_address_hides_a_name_within_it(telegram):
    text = "Смотри https://example.com/?by=@anna_b и /help."
    telegram.say("anna", text)
    (logged,) = telegram.log("anna")
    kinds = [entity["type"] for entity in logged.entities]
    assert kinds == ["url", "bot_command"]
