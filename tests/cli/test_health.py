"""`merlin health`: probes ask the file by which a process shows that it lives."""

import os
import subprocess
import sys
import time

import pytest

from merlin.cli import main
from merlin.core.probe import LifeSigns, run
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("state_dir: state\n", "utf-8")
    return path


@pytest.fixture
def probe(config, capsys):
    """Return a function that runs `merlin health`: exit code and message."""

    def run(*arguments):
        code = main(["health", *arguments, "--config", str(config)])
        return code, capsys.readouterr().err

    return run


def test_probe_tells_a_living_process_from_a_silent_and_an_ended_one(config, probe):
    code, message = probe("daemon")
    assert (code, message.startswith("daemon: unhealthy: not running")) == (1, True)
    signs = LifeSigns()
    with signs.shown(config.parent / "state", "daemon"):
        signs.show_alive()
        wait_until(lambda: probe("daemon") == (0, "daemon: healthy\n"))
        then = time.time() - 40
        os.utime(config.parent / "state/run/daemon.alive", (then, then))
        assert "no heartbeat for 40 s" in probe("daemon")[1]
    assert "not running" in probe("daemon")[1]


PROBE = """
import sys
from merlin.__main__ import main
try:
    main()
except SystemExit as end:
    heavy = {"typer", "pydantic", "peewee", "fluent", "merlin.cli", "merlin.config"}
    print(end.code, *heavy & {*sys.modules})
"""


def test_probe_loads_neither_the_command_line_nor_the_database(config):
    run = config.parent / "state" / "run"
    run.mkdir(parents=True)
    (run / "bot.alive").touch()
    command = [sys.executable, "-c", PROBE, "health", "bot", "--config", str(config)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.stdout.split() == ["0"], process.stdout + process.stderr


def test_wrong_usage_is_explained_by_the_command_line(config, probe):
    assert probe("nobody")[0] == 2
    config.write_text("state_dir: [\n", "utf-8")
    assert probe("daemon")[0] == 2


def test_configuration_of_the_environment_is_asked_without_the_command_line(
    config, capsys, monkeypatch
):
    monkeypatch.setenv("MERLIN_CONFIG", str(config))
    monkeypatch.setenv("MERLIN_LANGUAGE", "en")
    assert run(["daemon"]) == 1
    assert "daemon: unhealthy: not running" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "content"),
    [
        (["daemon", "--json"], "state_dir: state"),
        (["nobody"], "state_dir: state"),
        (["daemon"], "state_dir: [\n"),
        (["daemon"], "language: en"),
        (["daemon"], "state_dir: 5"),
        (["daemon"], "only words"),
    ],
)
def test_what_the_probe_cannot_read_is_left_to_the_command_line(
    config, monkeypatch, arguments, content
):
    monkeypatch.setenv("MERLIN_CONFIG", str(config))
    monkeypatch.setenv("MERLIN_LANGUAGE", "en")
    config.write_text(content, "utf-8")
    assert run(arguments) is None
