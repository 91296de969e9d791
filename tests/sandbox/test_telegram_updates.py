"""Updates: long polling, offsets, conflicts, webhooks, callback and pre-checkout queries."""

import pytest

from tests.sandbox.telegram_client import fetch, run_as_process
from tests.support.http_servers import run_receiver
from tests.support.stand_ins import TelegramStandIn

pytestmark = pytest.mark.functional


@pytest.fixture
def receiver():
    with run_receiver() as receiver:
        yield receiver


def test_webhook_gets_every_update_in_order_with_the_secret(telegram, call, receiver):
    telegram.say("anna", "раньше")
    call(lambda bot: bot.set_webhook(receiver.url, secret_token="s-1"))
    telegram.say("anna", "потом")
    telegram.wait_for(lambda: len(receiver.deliveries) == 2 and not telegram.pending())
    secret = "x-telegram-bot-api-secret-token"
    deliveries = [
        (delivery.headers[secret], delivery.json["message"]["text"])
        for delivery in receiver.deliveries
    ]
    assert deliveries == [("s-1", "раньше"), ("s-1", "потом")]


def test_updates_and_chats_survive_sigkill(tmp_path):
    with run_as_process(TelegramStandIn, tmp_path) as (_process, address):
        status, document = fetch(
            f"{address}/control/send", {"person": "anna", "text": "раз"}
        )
    assert status == 200
    with TelegramStandIn(tmp_path) as after:
        assert [update["update_id"] for update in after.pending()] == [
            document["update_id"]
        ]
        assert [entry.text for entry in after.log("anna")] == ["раз"]
