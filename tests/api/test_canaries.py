"""No password, key, token or code is readable in the database, in a backup, or in the log."""

import logging
import shutil
import sqlite3

import pytest

from merlin.account.sign_ins import Logins
from merlin.core.log import set_up_logging
from tests.api.running_api import ANNA, run_api
from tests.api.sign_in_data import (
    TELEGRAM_PUBLIC_KEY,
    TOKEN,
    finish_login,
    set_bot_name,
    signed_init_data,
    signed_out_browser,
    start_login,
)
from tests.support.migrated_databases import only_sqlite

pytestmark = pytest.mark.integration

PASSWORD = "canary-of-a-password-5f2c"
SECOND = "канарейка второго пароля"


@pytest.fixture
def log(capsys):
    """Return a function that reads standard error, with logging set up as in the API."""
    before = logging.getLogger().handlers[:]
    set_up_logging("api", logging.DEBUG)
    yield lambda: capsys.readouterr().err
    logging.getLogger().handlers[:] = before


def cookie_values(client):
    return {cookie.value for cookie in client.cookies.jar if len(cookie.value) > 8}


def sign_in_by_bot(site, browser):
    """Sign anna in by the bot; return the key of the link and the browser's secrets."""
    key = start_login(browser)["key"]
    waiting = cookie_values(browser)
    login = Logins(site.db).show(key, ANNA)
    Logins(site.db).settle(login.login_id, ANNA, is_own=True)
    assert finish_login(browser) == "signed in"
    return {key} | waiting | cookie_values(browser)


def sign_in_by_password_too(browser):
    """Set a name and passwords, fail once, sign in; return every secret that was used."""
    for password in (SECOND, PASSWORD):
        form = {"name": "petrova", "password": password}
        assert browser.post("/me/password", data=form).status_code == 303
    for password, status in ((SECOND, 401), (PASSWORD, 303)):
        fields = {"name": "petrova", "password": password}
        assert browser.post("/sign-in/password", data=fields).status_code == status
    return {PASSWORD, SECOND} | cookie_values(browser)


def collect_secrets(site):
    """Use every way to sign in, wrong ones too; return all secrets."""
    site.add_user(ANNA)
    data = signed_init_data(ANNA, token=TOKEN)
    with signed_out_browser(site) as browser, signed_out_browser(site) as framed:
        secrets_found = sign_in_by_bot(site, browser) | sign_in_by_password_too(browser)
        secrets_found |= {start_login(browser)["key"]} | cookie_values(browser)
        body = framed.post("/api/auth/telegram", json={"init_data": data}).json()
        secrets_found |= {body["token"], data[-64:]}
    key = site.key_headers(ANNA)["Authorization"].split()[1]
    for bearer in (key, f"{key}x", body["token"]):
        site.client.get("/api/user", headers={"Authorization": f"Bearer {bearer}"})
    return secrets_found | {key, TOKEN}


def find_leaks(secrets, content):
    return [secret for secret in secrets if secret.encode() in content]


@only_sqlite
def test_no_secret_is_readable_in_database_backup_or_log(tmp_path, log):
    folder = tmp_path / "state"
    backup = tmp_path / "backup"
    folder.mkdir()
    with run_api(folder, telegram_keys=(TELEGRAM_PUBLIC_KEY,), token=TOKEN) as site:
        set_bot_name(site)
        secrets = collect_secrets(site)
        # While it runs, so that the write-ahead log is included.
        shutil.copytree(folder, backup)
        with (
            sqlite3.connect(folder / "merlin.db") as source,
            sqlite3.connect(backup / "copy.db") as target,
        ):
            source.backup(target)
        source.close()
        target.close()
    assert len(secrets) > 10
    files = [
        path for path in (*folder.rglob("*"), *backup.rglob("*")) if path.is_file()
    ]
    assert any(b"argon2id" in path.read_bytes() for path in files)
    assert {path.name: find_leaks(secrets, path.read_bytes()) for path in files} == {
        path.name: [] for path in files
    }
    written = log()
    assert "request answered" in written
    assert find_leaks(secrets, written.encode()) == []
