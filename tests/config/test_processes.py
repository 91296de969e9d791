"""Which processes a configuration requires, which credentials they need; what a token tells."""

import os
import re
import subprocess
import sys

import pytest

from merlin.config import process_names, schema
from merlin.config.credentials import (
    bot_id,
    credential,
    credentials_of,
    need_credentials,
    webhook_secret,
)
from merlin.config.reading import load
from merlin.core.errors import ConfigError
from tests.support.full_config import CREDENTIALS, PROCESSES, full_config
from tests.support.machine import require_root
from tests.support.refusals import catch

pytestmark = pytest.mark.unit


def list_processes(tmp_path, *lines):
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(["state_dir: state", *lines]), encoding="utf-8")
    return process_names(load(path))


@pytest.mark.parametrize(
    ("listen", "url", "is_expected"),
    [
        ("127.0.0.1:8702", "http://127.0.0.1:8702/v1", True),
        ("0.0.0.0:8702", "http://localhost:8702/v1", True),
        ("'[::1]:8702'", "http://[::1]:8702/v1", True),
        ("127.0.0.1:8702", "http://127.0.0.1:9000/v1", False),
        ("127.0.0.1:8702", "https://api.example.com/v1", False),
    ],
)
def test_engine_runs_where_a_provider_points_to_it(tmp_path, listen, url, is_expected):
    providers = f"providers: [{{name: x, base_url: '{url}'}}]"
    processes = list_processes(tmp_path, providers, f"engine: {{listen: {listen}}}")
    assert ("engine" in processes) is is_expected


@pytest.fixture
def complete_config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        full_config("state", "repository", telegram="http://127.0.0.1:9"), "utf-8"
    )
    return load(path)


def list_credentials(sections):
    """Yield the defaults and examples of the keys of a schema that name a secret."""
    for section in sections:
        for document in section.get("properties", {}).values():
            if "Name of the environment variable" in document.get("description", ""):
                yield from {document.get("default"), *document["examples"]} - {None}


def test_complete_configuration_requires_every_credential_of_the_schema(
    complete_config,
):
    in_schema = set(list_credentials(schema()["$defs"].values()))
    requested = {
        name
        for process in PROCESSES
        for name in credentials_of(complete_config, process)
    }
    assert in_schema
    assert in_schema <= requested == CREDENTIALS.keys()


def test_run_names_every_missing_credential_at_once(complete_config, monkeypatch):
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    caught = catch(ConfigError, need_credentials, complete_config)
    optional = {
        *("MERLIN_TEXT_KEY", "PGPASSWORD", "MERLIN_PING_URL"),
        *("MERLIN_GIT_HOOK_SECRET", "TELEGRAM_PROXY_LOGIN", "MERLIN_GIT_LOGIN"),
    }
    assert {name for name in CREDENTIALS if name in str(caught)} == (
        CREDENTIALS.keys() - optional
    )


def test_several_machines_on_postgresql_need_one_text_key(complete_config, monkeypatch):
    monkeypatch.delenv("MERLIN_TEXT_KEY", raising=False)
    shared = complete_config.model_copy(update={"database": "postgresql:///merlin"})
    with pytest.raises(ConfigError, match="MERLIN_TEXT_KEY"):
        need_credentials(shared)


def test_credential_in_an_unreadable_folder_counts_as_missing(tmp_path, monkeypatch):
    require_root("become another user")
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "MERLIN_TEXT_KEY").write_text("a")
    folder.chmod(0o700)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    monkeypatch.delenv("MERLIN_TEXT_KEY", raising=False)
    assert credential("MERLIN_TEXT_KEY") == "a"
    if (child := os.fork()) == 0:
        os.setuid(65534)
        try:
            os._exit(bool(credential("MERLIN_TEXT_KEY", is_needed=False)))
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_credential_file_that_is_no_text_is_named_without_its_content(
    tmp_path, monkeypatch
):
    path = tmp_path / "OPENAI_API_KEY"
    path.write_bytes(b"secret\xff")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    caught = catch(ConfigError, credential, "OPENAI_API_KEY")
    assert (caught.key, caught.arguments["path"]) == (
        "credential-not-text",
        str(path),
    )
    assert "secret" not in str(caught)


@pytest.mark.parametrize("value", ["first\nsecond", "ключ", "a\tb"])
def test_credential_that_fits_no_header_is_named_without_its_value(value, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    caught = catch(ConfigError, credential, "OPENAI_API_KEY", is_needed=False)
    assert (caught.key, caught.arguments["name"]) == (
        "credential-no-header",
        "OPENAI_API_KEY",
    )
    assert value not in str(caught)
    assert credential("OPENAI_API_KEY", is_header=False) == value


def test_blanks_line_ends_and_a_byte_order_mark_around_a_credential_do_not_count(
    tmp_path, monkeypatch
):
    path = tmp_path / "OPENAI_API_KEY"
    path.write_bytes(b"\xef\xbb\xbffrom the file\r\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "from the environment\n")
    assert credential("OPENAI_API_KEY") == "from the environment"
    monkeypatch.setenv("OPENAI_API_KEY", " \n")
    assert credential("OPENAI_API_KEY") == "from the file"


# What a module does not load, and neither do those before it, which the processes share.
SHARED = [
    ("merlin.dataset.check", {"pydantic", "structlog", "peewee"}),
    ("merlin.config", {"peewee", "yookassa", "requests", "cryptography"}),
    ("merlin.cli.processes", {"peewee", "cryptography"}),
    ("merlin.wiring.context", {"openai", "yookassa", "requests", "git"}),
]


# What a process does not load.
PROCESS_MODULES = [
    (
        "merlin.wiring.bot",
        {
            *("openai", "docx", "pypdf", "uvicorn", "rapidfuzz", "jsonschema"),
            *("prometheus_client", "pylatexenc"),
        },
    ),
    ("merlin.wiring.daemon", {"openai", "aiohttp", "prometheus_client"}),
    ("merlin.wiring.api", set()),
]
IMPORT = """
import os, sys
from importlib import import_module

sys.modules["psycopg"] = None  # importing it fails: on SQLite nothing needs it

def load(module, foreign):
    import_module(module)
    print(*(f"{module}:{name}" for name in foreign & sys.modules.keys()), flush=True)

for part in shared:
    load(*part)
for part in processes:
    if not os.fork():
        load(*part)
        os._exit(0)
    assert os.wait()[1] == 0
"""


def test_process_loads_no_library_of_another_and_no_driver_of_postgresql():
    script = f"shared, processes = {SHARED}, {PROCESS_MODULES}\n{IMPORT}"
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True
    )
    assert process.stdout.split() == []


TOKEN = "4242:a-token-for-tests"


def test_bot_id_is_the_first_part_of_the_token():
    assert bot_id(TOKEN) == 4242


@pytest.mark.parametrize(
    "token",
    ["", "geheim", "4242", "4242:", ":geheim", "bot4242:geheim", "4242:geheim 1"],
)
def test_invalid_token_is_refused_without_being_shown(token):
    assert "geheim" not in str(catch(ConfigError, bot_id, token))


def test_webhook_secret_is_accepted_by_telegram_and_hides_the_token():
    secret = webhook_secret(TOKEN)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret)
    assert TOKEN not in secret
    assert secret == webhook_secret(TOKEN) != webhook_secret(TOKEN + "x")
