"""No password, key, token or code can be read in the database, in a copy of it, or in the log."""

from __future__ import annotations

import logging
import shutil
import sqlite3

import pytest

from merlin.account.sign_ins import Logins
from merlin.core.log import set_up_logging
from tests.api.running_api import ANNA, running
from tests.api.sign_in_data import PUBLIC, TOKEN, page, signed, with_bot
from tests.support.migrated_databases import only_sqlite

pytestmark = pytest.mark.integration

PASSWORD = "canary-of-a-password-5f2c"
SECOND = "канарейка второго пароля"


@pytest.fixture
def log(capsys):
    """Return a function for what the process wrote to standard error, set up as the api is."""
    before = logging.getLogger().handlers[:]
    set_up_logging("api", logging.DEBUG)
    yield lambda: capsys.readouterr().err
    logging.getLogger().handlers[:] = before


def cookies(client):
    return {cookie.value for cookie in client.cookies.jar if len(cookie.value) > 8}


def confirmed(site, browser):
    """Sign anna in by the bot; return the link's key and the browser's secrets."""
    key = browser.post("/api/auth/start").json()["key"]
    waiting = cookies(browser)
    login = Logins(site.db).show(key, ANNA)
    Logins(site.db).settle(login.login_id, ANNA, is_own=True)
    assert browser.post("/api/auth/wait").json()["signed_in"]
    return {key} | waiting | cookies(browser)


def by_password(browser):
    """Take a name and passwords, be wrong once, sign in; return every secret that was met."""
    assert browser.put("/api/user/name", json={"name": "petrova"}).status_code == 200
    for password in (SECOND, PASSWORD):
        assert browser.put("/api/user/password", json={"password": password}).status_code == 200
    for password, status in ((SECOND, 401), (PASSWORD, 200)):
        said = {"name": "petrova", "password": password}
        assert browser.post("/api/auth/password", json=said).status_code == status
    return {PASSWORD, SECOND} | cookies(browser)


def every_secret(site):
    """Go every way in, the wrong ways too; return all that was secret."""
    site.person(ANNA)
    data = signed(ANNA, token=TOKEN)
    with page(site) as browser, page(site) as framed:
        found = confirmed(site, browser) | by_password(browser)
        found |= {browser.post("/api/auth/start").json()["key"]} | cookies(browser)
        body = framed.post("/api/auth/telegram", json={"init_data": data}).json()
        found |= {body["token"], data[-64:]}
    key = site.key(ANNA)["Authorization"].split()[1]
    for bearer in (key, f"{key}x", body["token"]):
        site.client.get("/api/user", headers={"Authorization": f"Bearer {bearer}"})
    return found | {key, TOKEN}


def scanned(secrets, content):
    return [secret for secret in secrets if secret.encode() in content]


@only_sqlite
def test_no_secret_is_readable_in_database_backup_or_log(tmp_path, log):
    folder, backup = tmp_path / "state", tmp_path / "backup"
    folder.mkdir()
    with running(folder, telegram_keys=(PUBLIC,), token=TOKEN) as site:
        with_bot(site)
        secrets = every_secret(site)
        # While it runs: what the write-ahead log holds lies there too.
        shutil.copytree(folder, backup)
        with (
            sqlite3.connect(folder / "merlin.db") as source,
            sqlite3.connect(backup / "copy.db") as target,
        ):
            source.backup(target)
        source.close()
        target.close()
    assert len(secrets) > 10
    files = [path for path in (*folder.rglob("*"), *backup.rglob("*")) if path.is_file()]
    assert any(b"argon2id" in path.read_bytes() for path in files)
    assert {path.name: scanned(secrets, path.read_bytes()) for path in files} == {
        path.name: [] for path in files
    }
    written = log()
    assert "request answered" in written
    assert scanned(secrets, written.encode()) == []
