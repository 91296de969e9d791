"""`merlin demo --check` as a user runs it: the last line of its output is the result."""

import json
import os
import re
import subprocess
import sys

import pytest

from merlin.account.users import Users
from merlin.config.reading import load
from merlin.core.permissions import Role
from merlin.sandbox.telegram.world import BORIS
from merlin.wiring.context import open_reading_context
from tests.support.waiting import longest, wait_until

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
pytestmark = pytest.mark.integration


LOCALE = ("MERLIN_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")


def run_merlin(*arguments, lang=None):
    """Run a command; with `lang` the locale is only LANG."""
    env = dict(os.environ)
    if lang is not None:
        env = {name: value for name, value in env.items() if name not in LOCALE} | {
            "LANG": lang
        }
    command = [sys.executable, "-m", "merlin", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=env)


def test_demo_in_english_trains_and_answers_in_english(tmp_path):
    folder = tmp_path / "demo"
    process = run_merlin("demo", "--check", "--state", str(folder), lang="en_GB.UTF-8")
    assert process.returncode == 0, process.stdout + process.stderr
    assert "The first model is on its way" in process.stdout
    assert not CYRILLIC.findall(process.stdout)
    document = json.loads(process.stdout.splitlines()[-1])
    assert set(document) == {"ok", "first", "second", "jobs", "builds"}
    assert document["ok"] is True
    assert document["first"]["model"] != document["second"]["model"]
    assert document["first"]["answer"].startswith("Recursion is when")
    assert (document["jobs"], document["builds"]) == (2, 2)

    config = ["--config", str(folder / "config.yaml")]
    status = json.loads(run_merlin("status", "--json", *config).stdout)
    assert list(status["datasets"]) == ["algorithms"]
    serving = status["datasets"]["algorithms"]["serving"]
    assert (serving["build"], serving["model"]) == (
        "algorithms-2",
        document["second"]["model"],
    )
    assert set(status) >= {"datasets", "queues", "providers"}
    # All four processes have sent heartbeats.
    assert set(status["processes"]) == {"daemon", "bot", "api", "engine"}
    log = json.loads(run_merlin("log", "algorithms", "--json", *config).stdout)
    assert [verdict["verdict"] for verdict in log] == ["serving", "serving"]

    # Boris is a teacher of each course, known by his name from the start.
    with open_reading_context(load(folder / "config.yaml")) as ctx:
        boris = ctx.roles.authority(BORIS.person_id)
        assert Users(ctx.db).get(BORIS.person_id).shown_name == "Boris"
    assert (boris.role, boris.scopes) == (Role.TEACHER, {"algorithms"})

    secrets = [path.read_text() for path in (folder / "credentials").iterdir()]
    logs = (folder / "logs.jsonl").read_text(encoding="utf-8")
    assert not [secret for secret in secrets if len(secret) > 10 and secret in logs]
    assert '"level": "error"' not in logs


def test_check_that_is_ended_says_only_that(tmp_path):
    folder = tmp_path / "demo"
    command = (
        sys.executable,
        "-m",
        "merlin",
        "demo",
        "--check",
        "--state",
        str(folder),
    )
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: (folder / "state/merlin.db").exists() and log_of(folder))
        process.terminate()
        printed, errors = process.communicate(timeout=longest())
    assert (process.returncode, errors) == (130, ""), printed


def log_of(folder):
    """Return what the children have written; the first of them is started by the supervisor."""
    logs = folder / "logs.jsonl"
    return logs.exists() and logs.read_text("utf-8")


def test_demo_reports_a_child_that_cannot_start(tmp_path):
    folder = tmp_path / "demo"
    (folder / "credentials").mkdir(parents=True)
    # The engine, which starts first: the other processes end before they work.
    (folder / "credentials" / "MERLIN_ENGINE_KEY").touch()
    (folder / "state").mkdir()
    for name in ("demo.lock", "state/merlin.db"):  # as an earlier demo leaves them
        (folder / name).touch()
    process = run_merlin("demo", "--check", "--state", str(folder), lang="en")
    assert process.returncode == 1
    assert json.loads(process.stdout.splitlines()[-1])["ok"] is False
    assert "MERLIN_ENGINE_KEY" in process.stdout
    assert "Demo continues in" in process.stdout
