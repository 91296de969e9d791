"""`merlin engine keys`: a key is shown once, works at once in a running engine, and is revoked."""

import json
import os
import subprocess
import sys

import pytest

from merlin.cli import main
from merlin.config import load
from merlin.engine.clients import TokenReservation
from merlin.openai_protocol.errors import ApiError
from merlin.wiring.engine import open_engine_clients
from tests.support.small_disk import fill_disk, small_disk

pytestmark = pytest.mark.functional


@pytest.fixture
def keys(tmp_path, capsys, monkeypatch):
    """Return a function that runs a command of the group: (exit code, stdout, stderr)."""
    monkeypatch.setenv("MERLIN_LANGUAGE", "en")
    path = tmp_path / "config.yaml"
    path.write_text("state_dir: state\n", encoding="utf-8")

    def run(*arguments):
        code = main(["engine", "keys", *arguments, "--config", str(path)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    run.path, run.config = path, load(path)
    return run


def test_key_is_shown_once_and_accepted_by_the_engine(keys):
    code, key, output = keys("add", "course")
    assert (code, key.strip()[:4]) == (0, "mre_")
    assert "once" in output
    with open_engine_clients(keys.config) as clients:
        assert clients.admit(key.strip())[0].name == "course"
    code, listed, _ = keys("list")
    assert key.strip() not in listed
    assert key[:8] in listed


def test_full_disk_is_reported_and_no_bug(keys):
    with small_disk(keys.config.state_dir):
        fill_disk(keys.config.state_dir)
        code, key, output = keys("add", "course")
    assert (code, key) == (1, "")
    assert "engine.db: the disk is full" in output


def test_folder_without_write_access_is_reported_and_no_bug(keys):
    keys("add", "course")
    folder = keys.config.state_dir / "engine"
    lacking = "-dac_override,-dac_read_search"
    as_others = ["setpriv", "--inh-caps", lacking, "--bounding-set", lacking]
    words = ["-m", "merlin", "engine", "keys", "list", "--config", str(keys.path)]
    folder.chmod(0o500)
    command = [*(as_others if os.geteuid() == 0 else []), sys.executable, *words]
    completed = subprocess.run(command, capture_output=True, text=True)
    folder.chmod(0o700)
    assert completed.returncode == 2, completed.stderr
    assert "engine.db: no permission" in completed.stderr


@pytest.mark.parametrize("limit", ["--per-minute", "--tokens", "--jobs", "--megabytes"])
def test_limit_that_no_column_takes_is_refused(keys, limit):
    code, _, output = keys("add", "course", limit, str(2**63))
    assert (code, "should be less than or equal to" in output) == (2, True), output


def test_list_shows_limits_and_use(keys):
    arguments = ("--per-minute", "5", "--tokens", "1000", "--jobs", "2", "--megabytes", "3")
    document = json.loads(keys("add", "course", *arguments, "--json")[1])
    with open_engine_clients(keys.config) as clients:
        reservation = TokenReservation(clients, clients.admit(document["key"])[0], 0)
        reservation.take()
        reservation.settle(70)
    (body,) = json.loads(keys("list", "--json")[1])["keys"]
    limits = {"requests_per_minute": 5, "tokens_per_day": 1000, "jobs": 2, "bytes": 3_000_000}
    assert body["limits"] == document["limits"] == limits
    assert body["use"] == {"answers": 1, "tokens": 70, "jobs": 0, "bytes": 0}
    assert (body["state"], body["hint"]) == ("good", document["key"][:8])
    assert "70/1000" in keys("list")[1]


def test_revoked_key_is_refused_and_its_name_can_get_another(keys):
    _, first, _ = keys("add", "course")
    assert keys("revoke", "course")[0] == 0
    with open_engine_clients(keys.config) as clients, pytest.raises(ApiError, match="revoked"):
        clients.admit(first.strip())
    assert json.loads(keys("list", "--json")[1])["keys"][0]["state"] == "revoked"
    assert keys("add", "course")[0] == 0


def test_invalid_key_command_is_refused_with_advice(keys):
    keys("add", "course")
    code, _, output = keys("add", "course")
    assert (code, "Revoke it first" in output) == (1, True)
    code, _, output = keys("revoke", "nobody")
    assert (code, "merlin engine keys list" in output) == (1, True)
    assert keys("add", " ")[0] == 1
