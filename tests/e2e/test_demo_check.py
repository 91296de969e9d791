"""`merlin demo --check` as its user runs it: the last line of its output is the proof."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration


def merlin(*words):
    return subprocess.run([sys.executable, "-m", "merlin", *words], capture_output=True, text=True)


def test_the_demo_checks_itself_and_its_folder_can_be_read_afterwards(tmp_path):
    place = tmp_path / "demo"
    done = merlin("demo", "--check", "--state", str(place))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ok"] is True
    assert told["first"]["model"] != told["second"]["model"]
    assert told["first"]["answer"].startswith("Черты лица")
    assert (told["jobs"], told["builds"]) == (4, 4)

    config = ["--config", str(place / "config.yaml")]
    status = json.loads(merlin("status", "--json", *config).stdout)
    serving = status["datasets"]["neurotypology"]["serving"]
    assert (serving["build"], serving["model"]) == ("neurotypology-2", told["second"]["model"])
    assert set(status) >= {"datasets", "queues", "providers"}
    log = json.loads(merlin("log", "neurotypology", "--json", *config).stdout)
    assert [verdict["verdict"] for verdict in log] == ["serving", "serving"]

    secrets = [path.read_text() for path in (place / "credentials").iterdir()]
    logs = (place / "logs.jsonl").read_text(encoding="utf-8")
    assert not [secret for secret in secrets if len(secret) > 10 and secret in logs]
    assert '"level": "error"' not in logs


def test_a_demo_whose_child_cannot_start_says_so_at_once(tmp_path):
    place = tmp_path / "demo"
    (place / "credentials").mkdir(parents=True)
    (place / "credentials" / "TELEGRAM_BOT_TOKEN").write_text("no token at all")
    (place / "demo.lock").touch()  # an earlier demo's folder
    done = merlin("demo", "--check", "--state", str(place))
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False
    assert "TELEGRAM_BOT_TOKEN" in done.stdout
