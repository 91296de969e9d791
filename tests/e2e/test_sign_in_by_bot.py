"""Bot and api as processes of their own: somebody signs a browser in by a yes in the bot."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from forked import start
from waiting import wait_until
from world import Lab

from merlin.chat.setting import BOT_NAME
from merlin.core.errors import MerlinError
from merlin.sandbox.demo.place import Ports
from merlin.sandbox.telegram import TelegramStandIn
from merlin.sandbox.telegram.people import ANNA
from merlin.store.database import open_database
from merlin.store.settings import SettingRows

pytestmark = pytest.mark.integration


@pytest.fixture
def telegram():
    with TelegramStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def address(tmp_path, telegram, monkeypatch):
    """Run the bot and the api over one database; give the api's address."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", telegram.token)
    port, page = Ports.free().api, telegram.page_url.rstrip("/")
    lab = Lab(
        tmp_path,
        "",
        providers=[],
        api={"listen": f"127.0.0.1:{port}"},
        telegram={"base_url": page, "link_url": page},
    )
    processes = [
        start(name, lab.path, lab.folder / f"{name}.log", **os.environ) for name in ("bot", "api")
    ]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


def is_up(folder, browser):
    """Return whether the api answers and the bot has left word of its name."""
    try:
        browser.get("/healthz")
        with open_database(f"sqlite://{folder}/state/merlin.db", read_only=True) as database:
            return SettingRows(database).get(BOT_NAME) != ""
    except (httpx.TransportError, MerlinError):
        return False


def test_a_browser_is_signed_in_by_a_yes_in_the_bot(address, telegram, tmp_path):
    with httpx.Client(base_url=address, headers={"Origin": address}) as browser:
        wait_until(lambda: is_up(tmp_path, browser), 60)
        told = browser.post("/api/auth/start").json()
        assert told["url"].startswith(telegram.page_url)
        assert httpx.get(told["url"]).status_code == 200
        (payload,) = parse_qs(urlsplit(told["url"]).query)["start"]
        telegram.start_bot("anna", payload)
        telegram.wait_for(lambda: telegram.answers("anna"), 30)
        assert f"Число на странице: {told['number']}" in telegram.answers("anna")[-1].text
        telegram.press("anna", "Это я, войти")
        wait_until(lambda: browser.get("/api/auth/wait").json()["state"] == "confirmed", 30)
        assert browser.post("/api/auth/wait").json()["signed_in"]["user"]["id"] == ANNA.person_id
        assert browser.get("/api/user").json()["has_telegram"]
