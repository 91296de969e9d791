"""`merlin health`: probes ask the files by which a process shows that it lives."""

import os
import subprocess
import sys
import time

import pytest

from merlin.cli import main
from merlin.core.probe import LifeSigns
from tests.support.small_disk import fill_disk, small_disk
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


def let_pass(config, file, seconds):
    then = time.time() - seconds
    os.utime(config.parent / "state" / "run" / file, (then, then))


def test_probe_says_what_is_known_of_a_process_and_no_more(config, probe):
    code, message = probe("daemon")
    assert (code, message.startswith("daemon: unhealthy: not running")) == (1, True)
    signs = LifeSigns()
    with signs.shown(config.parent / "state", "daemon"):
        signs.show_alive()
        wait_until(lambda: probe("daemon", "--alive")[0] == 0)
        assert "the database doesn't answer" in probe("daemon")[1]
        signs.show_stored({})
        wait_until(lambda: probe("daemon") == (0, "daemon: healthy\n"))
        signs.show_stored({"fetch": "ValueError: \x1b[2Jno\nnumber"})
        wait_until(lambda: "“fetch” keeps failing" in probe("daemon")[1])
        assert "\x1b" not in probe("daemon")[1]
        assert probe("daemon", "--alive")[0] == 0
        let_pass(config, "daemon.alive", 12)
        assert "no heartbeat for 12 s" in probe("daemon")[1]
        assert probe("daemon", "--alive")[0] == 0
        let_pass(config, "daemon.alive", 40)
        assert probe("daemon", "--alive")[0] == 1
    assert "not running" in probe("daemon", "--alive")[1]


def test_full_or_read_only_disk_is_named_and_restarts_nothing(config, probe):
    state = config.parent / "state"
    with small_disk(state, "32m"):
        filler = fill_disk(state)
        code, message = probe("daemon")
        assert (code, f"The disk of {state} is full" in message) == (1, True)
        assert probe("daemon", "--alive")[0] == 0
        filler.unlink()
        assert probe("daemon", "--alive")[0] == 1
        subprocess.run(["mount", "-o", "remount,ro", state], check=True)
        assert "read-only" in probe("daemon")[1]
        assert probe("daemon", "--alive")[0] == 0


PROBE = """
import sys
from merlin.__main__ import main
try:
    main()
except SystemExit as end:
    heavy = {"typer", "pydantic", "peewee", "fluent", "merlin.cli", "merlin.config"}
    print(end.code, *heavy & {*sys.modules})
"""


@pytest.mark.parametrize(("alive", "code"), [((), 1), (("--alive",), 0)])
def test_probe_loads_neither_the_command_line_nor_the_database(config, alive, code):
    run = config.parent / "state" / "run"
    run.mkdir(parents=True)
    (run / "bot.alive").touch()
    command = [sys.executable, "-c", PROBE, "health", "bot", *alive, "--config", str(config)]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.stdout.split() == [str(code)], process.stdout + process.stderr


def test_wrong_usage_is_explained_by_the_command_line(config, probe):
    assert probe("nobody")[0] == 2
    config.write_text("state_dir: [\n", "utf-8")
    assert probe("daemon")[0] == 2
