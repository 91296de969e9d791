"""`merlin demo --check` as its user runs it: the last line of its output is the proof."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from merlin.config import load
from merlin.core.permissions import Role
from merlin.sandbox.telegram.world import BORIS
from merlin.wiring.context import reading_context

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
pytestmark = pytest.mark.integration


LOCALE = ("MERLIN_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def merlin(*words, lang=None):
    """Run a command; with `lang` as on a machine whose LANG is that."""
    env = dict(os.environ)
    if lang is not None:
        env = {name: value for name, value in env.items() if name not in LOCALE} | {"LANG": lang}
    command = [sys.executable, "-m", "merlin", *words]
    return subprocess.run(command, capture_output=True, text=True, env=env)


def test_on_an_english_machine_the_demo_teaches_and_asks_in_english(tmp_path):
    place = tmp_path / "demo"
    done = merlin("demo", "--check", "--state", str(place), lang="en_GB.UTF-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The first model is on its way" in done.stdout
    assert not CYRILLIC.findall(done.stdout)
    document = json.loads(done.stdout.splitlines()[-1])
    assert set(document) == {"ok", "first", "second", "jobs", "builds"}
    assert document["first"]["answer"].startswith("Binary search keeps")
    status = json.loads(merlin("status", "--json", "--config", f"{place}/config.yaml").stdout)
    assert list(status["datasets"]) == ["algorithms"]


def test_the_demo_checks_itself_and_its_folder_can_be_read_afterwards(tmp_path):
    place = tmp_path / "demo"
    done = merlin("demo", "--check", "--state", str(place), lang="C.UTF-8")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout.splitlines()[-1])
    assert document["ok"] is True
    assert document["first"]["model"] != document["second"]["model"]
    assert document["first"]["answer"].startswith("Черты лица")
    assert (document["jobs"], document["builds"]) == (4, 4)

    config = ["--config", str(place / "config.yaml")]
    status = json.loads(merlin("status", "--json", *config).stdout)
    serving = status["datasets"]["neurotypology"]["serving"]
    assert (serving["build"], serving["model"]) == ("neurotypology-2", document["second"]["model"])
    assert set(status) >= {"datasets", "queues", "providers"}
    # Health in the bot and on the page tells of each: all four have said that they live.
    assert set(status["processes"]) == {"daemon", "bot", "api", "engine"}
    log = json.loads(merlin("log", "neurotypology", "--json", *config).stdout)
    assert [verdict["verdict"] for verdict in log] == ["serving", "serving"]

    # Whom the pages call a teacher is one, and leads every course.
    with reading_context(load(place / "config.yaml")) as ctx:
        boris = ctx.roles.authority(BORIS.person_id)
    assert (boris.role, boris.scopes) == (Role.TEACHER, {"algorithms", "neurotypology", "python"})

    secrets = [path.read_text() for path in (place / "credentials").iterdir()]
    logs = (place / "logs.jsonl").read_text(encoding="utf-8")
    assert not [secret for secret in secrets if len(secret) > 10 and secret in logs]
    assert '"level": "error"' not in logs


def test_a_demo_whose_child_cannot_start_says_so_at_once(tmp_path):
    place = tmp_path / "demo"
    (place / "credentials").mkdir(parents=True)
    (place / "credentials" / "TELEGRAM_BOT_TOKEN").write_text("no token at all")
    (place / "state").mkdir()
    for name in ("demo.lock", "state/merlin.db"):  # an earlier demo's folder
        (place / name).touch()
    done = merlin("demo", "--check", "--state", str(place), lang="en")
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False
    assert "TELEGRAM_BOT_TOKEN" in done.stdout
    assert "Demo continues in" in done.stdout
