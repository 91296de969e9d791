"""What sign-in tests share: data as Telegram signs it, a person with a password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from merlin.account.accounts import Accounts, hash_password
from merlin.app.texts import BOT_ID, BOT_NAME, Settings
from tests.support.waiting import longest

OF_TELEGRAM = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
PUBLIC = OF_TELEGRAM.public_key().public_bytes_raw().hex()
BOT = 8700000001
TOKEN = f"{BOT}:AA-a-token-that-only-these-tests-know-x"
PASSWORD = "семь зелёных слонов"
_HASHED = []


def signed(user_id=1001, *, at=None, bot_id=BOT, key=OF_TELEGRAM, token="", **more):
    """Return initData as Telegram writes it; with a token also its HMAC."""
    user = {"id": user_id, "first_name": "Анна", "last_name": "А.", "language_code": "ru"}
    fields = {
        "user": json.dumps(user | more.pop("user", {}), ensure_ascii=False),
        "chat_instance": "-1",
        "auth_date": str(int(time.time() if at is None else at)),
        **more,
    }
    said = f"{bot_id}:WebAppData\n{joined(fields)}".encode()
    if key is not None:
        signature = base64.urlsafe_b64encode(key.sign(said)).decode().rstrip("=")
        fields["signature"] = signature
    secret = hmac.digest(b"WebAppData", (token or "no").encode(), hashlib.sha256)
    fields["hash"] = hmac.digest(secret, joined(fields).encode(), hashlib.sha256).hex()
    return urlencode(fields)


def joined(fields):
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields))


def with_bot(site, name="merlin_test_bot"):
    """Let the bot have left word of who it is."""
    Settings(site.db).put(BOT_ID, str(BOT), "bot")
    Settings(site.db).put(BOT_NAME, name, "bot")


def with_password(site, user_id, name):
    """Give somebody a user name and PASSWORD."""
    _HASHED[:] = _HASHED or [hash_password(PASSWORD)]
    Accounts(site.db).set_name(user_id, name, "cli:vera")
    Accounts(site.db).set_password(user_id, _HASHED[0], "cli:vera")


def page(site, **more):
    """Return a browser that nobody is signed in with, on a page of ours."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    headers = {"Origin": site.address, "User-Agent": agent, **more}
    return httpx.Client(base_url=site.address, headers=headers, timeout=longest())


def code_of(answer):
    """Return the code of a problem."""
    return answer.json()["type"].rsplit(":", 1)[1]


def me(browser, **more):
    """Return what the api says of who asks."""
    return browser.get("/api/user", **more)


def stand_still(site):
    """Let no time pass for those who guess: on a slow machine their waits would be over."""
    site.app.state.login_throttle.clock = lambda: 0.0


def guess(browser, name, words="не тот пароль"):
    """Sign in by user name and password; these words are wrong unless told otherwise."""
    return browser.post("/api/auth/password", json={"name": name, "password": words})
