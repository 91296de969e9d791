"""Bot and API as separate processes: a browser is signed in by a confirmation in the bot."""

import httpx
import pytest

from merlin.sandbox.demo.place import Ports
from merlin.sandbox.telegram.world import ANNA
from tests.e2e.signed_in_browser import open_browser, sign_in
from tests.support.forked_processes import run_processes
from tests.support.pipeline_lab import Lab
from tests.support.waiting import longest

pytestmark = pytest.mark.integration


@pytest.fixture
def address(tmp_path, telegram, monkeypatch):
    """Run the bot and the API over one database; yield the API's address."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", telegram.token)
    port = Ports.free().api
    page = telegram.page_url.rstrip("/")
    lab = Lab(
        tmp_path,
        "",
        providers=[],
        api={"listen": f"127.0.0.1:{port}"},
        telegram={"base_url": page, "link_url": page},
    )
    with run_processes(lab.path, "bot", "api"):
        yield f"http://127.0.0.1:{port}"


def test_browser_is_signed_in_by_confirmation_in_the_bot(address, telegram, tmp_path):
    with open_browser(address, tmp_path) as browser:
        url = sign_in(telegram, browser)
        assert url.startswith(telegram.page_url)
        assert httpx.get(url, timeout=longest()).status_code == 200
        account = browser.get("/api/user").json()
        assert (account["id"], account["has_telegram"]) == (ANNA.person_id, True)
