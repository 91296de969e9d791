"""The whole road in one chat: a limit, the plans, our checkout, the till, and the answer."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from merlin.core.server import free_ports
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.speech_samples import SAMPLE_MIME, sample_voice
from merlin.sandbox.telegram.arguments import Upload
from merlin.sandbox.telegram.server import TelegramStandIn
from merlin.sandbox.yookassa.server import YooKassaStandIn
from tests.e2e.signed_in_browser import browser_at, sign_in
from tests.support.forked_processes import run_processes
from tests.support.pipeline_lab import Lab
from tests.support.waiting import longest

pytestmark = pytest.mark.integration

PLANS = {
    "free": {"title": {"ru": "Бесплатный", "en": "Free"}, "text": 20, "voice": 0},
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "voice": 10,
        "price": {"rub": 299, "stars": 200},
        "days": 30,
    },
}
ASSISTANT = {"provider": "stand-in", "model": "stand-in-chat"}
LISTENER = {"provider": "stand-in", "model": "stand-in-transcribe"}


@pytest.fixture
def telegram():
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def till():
    with YooKassaStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def address(tmp_path, telegram, till, monkeypatch):
    """Run the bot and the api over one database; give the api's address."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", telegram.token)
    monkeypatch.setenv("YOOKASSA_SHOP_ID", till.shop_id)
    monkeypatch.setenv("YOOKASSA_SECRET_KEY", till.key)
    (port,), page = free_ports(1), telegram.page_url.rstrip("/")
    public = f"http://127.0.0.1:{port}"
    shop = {"base_url": till.base_url, "test": True, "bot_button": True, "receipt": {}}
    shop["networks"] = ["127.0.0.1/32"]
    till.notify_to(f"{public}/hooks/payment")
    with ProviderStandIn() as provider:
        lab = Lab(
            tmp_path,
            provider.base_url,
            api={"listen": f"127.0.0.1:{port}", "public_url": public},
            telegram={"base_url": page, "link_url": page},
            chat={"assistant": ASSISTANT, "transcription": LISTENER},
            plans=PLANS,
            payments={"yookassa": shop},
        )
        with run_processes(lab.path, "bot", "api"):
            yield public


def newest(telegram, part):
    """Return the bot's newest message, once it says this."""
    telegram.wait_for(
        lambda: any(part in answer.text for answer in telegram.answers("anna")[-1:]), 30
    )
    return telegram.answers("anna")[-1]


def key_of(message, part):
    """Return the button that says this."""
    keys = [key for row in message.keys for key in row]
    return next(key for key in keys if part in key["text"])


def speak(telegram):
    telegram.send_file("anna", Upload("v.oga", SAMPLE_MIME, sample_voice()), kind="voice")


def find_on_page(pattern, page):
    return unescape(re.search(pattern, page.text)[1])


def test_from_a_limit_to_the_answer_that_was_paid_for(address, telegram, till, tmp_path):
    with browser_at(address, tmp_path) as browser:
        sign_in(telegram, browser)
        # A voice is not part of the free plan; one tap leads to what there is.
        speak(telegram)
        newest(telegram, "олосов")
        telegram.press("anna", "plan")
        offered = newest(telegram, "Бесплатный")
        telegram.press("anna", key_of(offered, "Плюс")["callback_data"])
        checkout = key_of(newest(telegram, "200 ⭐"), "₽")["url"]
        assert checkout == f"{address}/checkout/plus"

        # Our own page takes the order, the till the money, and the order's page says so.
        page = browser.get(checkout)
        assert "299" in page.text
        form = {
            "price": find_on_page(r'name="price" value="([^"]*)"', page),
            "contact": "a@example.com",
        }
        page = browser.post(checkout, data=form, follow_redirects=True)
        pay_url = find_on_page(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
        assert pay_url.startswith(till.base_url.removesuffix("/v3"))
        back = httpx.post(pay_url, data={"outcome": "paid"}, timeout=longest()).headers["location"]
        assert "прошла, всё уже доступно" in browser.get(back).text
        (payment,) = till.payments()
        assert (payment["status"], payment["amount"]["value"]) == ("succeeded", "299.00")

        # The same chat hears of it, and the same voice is answered.
        newest(telegram, "299")
        speak(telegram)
        newest(telegram, "🎙")
