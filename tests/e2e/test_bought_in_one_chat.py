"""A purchase from one chat: a limit, the plans, the checkout, the payment page, the answer."""

import re
from html import unescape

import httpx
import pytest

from merlin.core.server import free_ports
from merlin.sandbox.speech_samples import SAMPLE_MIME, sample_voice
from merlin.sandbox.telegram.arguments import Upload
from tests.e2e.signed_in_browser import open_browser, sign_in
from tests.support.forked_processes import run_processes
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn, YooKassaStandIn
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
ASSISTANT = "stand-in/stand-in-chat"
LISTENER = "stand-in/stand-in-transcribe"


@pytest.fixture
def yookassa():
    with YooKassaStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def address(tmp_path, telegram, yookassa, monkeypatch):
    """Run the bot and the API over one database; yield the API's address."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", telegram.token)
    monkeypatch.setenv("YOOKASSA_SHOP_ID", yookassa.shop_id)
    monkeypatch.setenv("YOOKASSA_SECRET_KEY", yookassa.key)
    (port,), page = free_ports(1), telegram.page_url.rstrip("/")
    public_url = f"http://127.0.0.1:{port}"
    shop = {"base_url": yookassa.base_url, "test": True, "bot_button": True, "receipt": {}}
    yookassa.notify_to(f"{public_url}/hooks/payment")
    with ProviderStandIn() as provider:
        lab = Lab(
            tmp_path,
            provider.base_url,
            api={"listen": f"127.0.0.1:{port}", "public_url": public_url},
            telegram={"base_url": page, "link_url": page},
            chat={"assistant": ASSISTANT, "transcription": LISTENER},
            plans=PLANS,
            payments={"yookassa": shop},
        )
        with run_processes(lab.path, "bot", "api"):
            yield public_url


def wait_for_answer(telegram, part):
    """Return the bot's newest message once it contains this text."""
    telegram.wait_for(
        lambda: any(part in answer.text for answer in telegram.answers("anna")[-1:]), 30
    )
    return telegram.answers("anna")[-1]


def find_button(message, part):
    """Return the button whose label contains this text."""
    keys = [key for row in message.keys for key in row]
    return next(key for key in keys if part in key["text"])


def send_voice(telegram):
    telegram.send_file("anna", Upload("v.oga", SAMPLE_MIME, sample_voice()), kind="voice")


def find_on_page(pattern, page):
    return unescape(re.search(pattern, page.text)[1])


def test_purchase_leads_from_a_limit_to_the_paid_answer(address, telegram, yookassa, tmp_path):
    with open_browser(address, tmp_path) as browser:
        sign_in(telegram, browser)
        # The free plan has no voice messages; a button leads to the plans.
        send_voice(telegram)
        wait_for_answer(telegram, "олосов")
        telegram.press("anna", "plan")
        plans = wait_for_answer(telegram, "Бесплатный")
        telegram.press("anna", find_button(plans, "Плюс")["callback_data"])
        checkout = find_button(wait_for_answer(telegram, "200 ⭐"), "₽")["url"]
        assert checkout == f"{address}/checkout/plus"

        # The checkout creates the order, the payment page pays it, the order page shows it.
        page = browser.get(checkout)
        assert "299" in page.text
        form = {
            "price": find_on_page(r'name="price" value="([^"]*)"', page),
            "contact": "a@example.com",
        }
        page = browser.post(checkout, data=form, follow_redirects=True)
        pay_url = find_on_page(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
        assert pay_url.startswith(yookassa.base_url.removesuffix("/v3"))
        order_url = httpx.post(pay_url, data={"outcome": "paid"}, timeout=longest()).headers[
            "location"
        ]
        assert "прошла. " in browser.get(order_url).text
        (payment,) = yookassa.payments()
        assert (payment["status"], payment["amount"]["value"]) == ("succeeded", "299.00")

        # The chat gets a notice, and the same voice message is answered.
        wait_for_answer(telegram, "299")
        send_voice(telegram)
        wait_for_answer(telegram, "🎙")
