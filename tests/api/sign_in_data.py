"""Helpers of sign-in tests: data signed as Telegram does, a user with a password."""

import base64
import hashlib
import hmac
import json
import re
import time
from html import unescape
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from merlin.account.accounts import Accounts, hash_new_password
from merlin.account.sign_ins import LoginState
from merlin.app.bot_settings import BOT_ID, BOT_NAME, Settings
from merlin.core.i18n import text
from tests.support.waiting import longest

TELEGRAM_KEY = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
TELEGRAM_PUBLIC_KEY = TELEGRAM_KEY.public_key().public_bytes_raw().hex()
BOT = 8700000001
TOKEN = f"{BOT}:AA-a-token-that-only-these-tests-know-x"
PASSWORD = "семь зелёных слонов"
_HASHES = []


def signed_init_data(
    user_id=1001, *, at=None, bot_id=BOT, key=TELEGRAM_KEY, token="", **changes
):
    """Return initData as Telegram writes it; with a token also with a valid HMAC."""
    user = {
        "id": user_id,
        "first_name": "Анна",
        "last_name": "А.",
        "language_code": "ru",
    }
    fields = {
        "user": json.dumps(user | changes.pop("user", {}), ensure_ascii=False),
        "chat_instance": "-1",
        "auth_date": str(int(time.time() if at is None else at)),
        **changes,
    }
    data = f"{bot_id}:WebAppData\n{join_fields(fields)}".encode()
    if key is not None:
        signature = base64.urlsafe_b64encode(key.sign(data)).decode().rstrip("=")
        fields["signature"] = signature
    secret = hmac.digest(b"WebAppData", (token or "no").encode(), hashlib.sha256)
    fields["hash"] = hmac.digest(
        secret, join_fields(fields).encode(), hashlib.sha256
    ).hex()
    return urlencode(fields)


def join_fields(fields):
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields))


def set_bot_name(site, name="merlin_test_bot"):
    """Store the bot's id and name, as the bot does at its start."""
    Settings(site.db).put(BOT_ID, str(BOT))
    Settings(site.db).put(BOT_NAME, name)


def set_password(site, user_id, name):
    """Give a user a user name and PASSWORD."""
    _HASHES[:] = _HASHES or [hash_new_password(PASSWORD, name)]
    Accounts(site.db).set_name(user_id, name, "cli:vera")
    Accounts(site.db).set_password(user_id, _HASHES[0], "cli:vera")


def signed_out_browser(site, **more_headers):
    """Return a browser on a page of the site, not signed in."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    headers = {"Origin": site.address, "User-Agent": agent, **more_headers}
    return httpx.Client(base_url=site.address, headers=headers, timeout=longest())


def start_login(browser):
    """Begin to sign in by the bot; return the key of its link, the link, and the page's number."""
    answer = browser.post("/sign-in/code")
    assert answer.status_code == 200, answer.text
    url = unescape(
        re.search(r'href="(https?://[^"]+start=login_[^"]+)"', answer.text)[1]
    )
    number = int(re.search(r'class="number">.*?(\d+)</p>', answer.text)[1])
    return {"url": url, "key": url.partition("login_")[2], "number": number}


def finish_login(browser):
    """Try to go on; return "signed in", or the state that the page tells, in Russian."""
    answer = browser.post("/sign-in/code/finish", headers={"Accept-Language": "ru"})
    if answer.status_code == 303:
        return "signed in"
    assert answer.status_code == 200, answer.text
    states = [
        state
        for state in LoginState
        if text("ru", f"page-code-{state.value}") in answer.text
    ]
    return states[0].value


def get_user(browser, **more):
    """Return the response of /api/user."""
    return browser.get("/api/user", **more)


def freeze_login_throttle(site):
    """Stop the throttle's clock: on a slow machine its delays would end during a test."""
    site.app.state.login_throttle.clock = lambda: 0.0


def sign_in_by_password(browser, name, password="не тот пароль"):  # noqa: S107 - of no account
    """Sign in on the page: 303 if it succeeds; the default password is wrong."""
    return browser.post("/sign-in/password", data={"name": name, "password": password})
