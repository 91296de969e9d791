"""A process starts only with the key that encrypted the texts of its database."""

import base64

import pytest

from merlin.account.users import User, Users
from merlin.core.errors import ConfigError
from merlin.core.i18n import text
from merlin.db.database import open_database
from merlin.db.encryption import key_path, load_or_make_key, new_key
from merlin.db.tables import PERSON
from merlin.wiring.context import make_cipher, open_migrated_database
from tests.support.forked_processes import start, wait_for_exit
from tests.support.migrated_databases import only_sqlite
from tests.support.opened_databases import open_with_key
from tests.support.pipeline_lab import Lab

pytestmark = pytest.mark.functional

ANNA = 1001
TOKEN = {"TELEGRAM_BOT_TOKEN": "4242:AAE-a-token-that-is-not-asked-for"}


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path, "http://127.0.0.1:9/v1")


def store_name(config):
    """Store a person's name, encrypted with the key of this configuration; return the key's id."""
    with open_with_key(config) as database:
        Users(database).record([User(ANNA)])
        Users(database).set_name(ANNA, "Анна")
        return database.cipher.newest


def read_name(config):
    with open_with_key(config) as database:
        return Users(database).get(ANNA).shown_name


@only_sqlite  # where the key is a file
@pytest.mark.parametrize("verb", ["daemon", "bot", "api"])
def test_process_without_the_key_of_the_texts_does_not_start_and_makes_no_other(
    lab, tmp_path, verb
):
    key = store_name(lab.config)
    path = key_path(lab.config.state_dir)
    log = tmp_path / "said"
    kept = path.read_bytes()
    path.unlink()
    process = start(verb, lab.path, log, **TOKEN)
    assert wait_for_exit(process) == 2, log.read_text()
    assert f"encrypted with the key {key}, which isn't here" in log.read_text()
    assert "text.key or MERLIN_TEXT_KEY" in log.read_text()
    assert not path.exists()
    path.write_bytes(kept)
    assert read_name(lab.config) == "Анна"


@only_sqlite
@pytest.mark.parametrize("place", ["file", "credential"])
def test_other_key_is_refused(lab, monkeypatch, place):
    store_name(lab.config)
    other = base64.urlsafe_b64encode(new_key()).decode()
    path = key_path(lab.config.state_dir)
    path.unlink()
    if place == "file":
        path.write_text(other)
    else:
        monkeypatch.setenv("MERLIN_TEXT_KEY", other)
    with (
        open_migrated_database(lab.config) as database,
        pytest.raises(ConfigError, match="texts of the key"),
    ):
        make_cipher(lab.config, database)


@only_sqlite
@pytest.mark.parametrize(
    "stored", ["Анна", "2.01234567.abcd", "1.01234567", "gAAAAABh.x"]
)
def test_stored_text_of_another_form_ends_a_start_with_its_place(lab, stored):
    store_name(lab.config)
    with open_migrated_database(lab.config) as database:
        database.change(PERSON.update({"shown_name": stored}))
        with pytest.raises(ConfigError) as caught:
            make_cipher(lab.config, database)
    assert (caught.value.key, caught.value.arguments["where"]) == (
        "store-other-form",
        "person.shown_name",
    )
    said = text("en", caught.value.key, **caught.value.arguments)
    assert "Restore your backup" in said
    assert stored not in said


@only_sqlite
def test_empty_key_file_is_refused(lab):
    path = key_path(lab.config.state_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with (
        open_database(lab.config.database) as database,
        pytest.raises(ConfigError) as caught,
    ):
        make_cipher(lab.config, database)
    assert caught.value.key == "store-bad-key"
    assert caught.value.arguments["where"] == str(path)


@pytest.mark.parametrize("given", ["nothing", "an empty file"])
def test_postgresql_needs_the_credential(lab, tmp_path, postgresql, monkeypatch, given):
    """Processes of one database on several machines would each make a key of their own."""
    config = lab.config.model_copy(update={"database": postgresql.reset()})
    monkeypatch.delenv("MERLIN_TEXT_KEY")
    if given == "an empty file":
        (tmp_path / "MERLIN_TEXT_KEY").touch()
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    load_or_make_key(config.state_dir, None)
    with (
        open_database(config.database) as database,
        pytest.raises(ConfigError) as caught,
    ):
        make_cipher(config, database)
    assert caught.value.key == "credential-missing"
    assert caught.value.arguments["name"] == "MERLIN_TEXT_KEY"
