"""What `systemd/install.sh` leaves is what `merlin doctor` and docs/*/install.md expect."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from merlin.cli import main
from tests.support.ending import wait_for_end
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[2]
INSTALLER = (ROOT / "systemd/install.sh").read_text("utf-8")
FUNCTIONS = re.findall(
    r"^\w+\(\) \{[^\n]*\}$|^\w+\(\) \{\n.*?^\}$",
    INSTALLER,
    re.MULTILINE | re.DOTALL,
)


def run_function(name, path="/usr/bin", **places):
    """Run a function of the installer with these places; return its end."""
    variables = [f"{key}={value}" for key, value in places.items()]
    return subprocess.run(
        ["sh", "-euc", "\n".join([*FUNCTIONS, *variables, name])],
        env={"PATH": f"{path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=longest(),
    )


def test_new_installation_has_the_repository_that_its_configuration_names(
    tmp_path, capsys
):
    (tmp_path / "state").mkdir()
    for _ in range(2):  # an upgrade leaves it as it is
        done = run_function(
            "repository", source=ROOT, state=f"{tmp_path}/state", copy=tmp_path
        )
        assert done.returncode == 0, done.stderr
    assert "url: $state/datasets.git" in INSTALLER
    config = (ROOT / "config.yaml").read_text("utf-8")
    config = config.replace("state_dir: .merlin", f"state_dir: {tmp_path}/state")
    path = tmp_path / "config.yaml"
    path.write_text(
        config.replace("url: .  ", f"url: {tmp_path}/state/datasets.git  "), "utf-8"
    )
    main(["doctor", "--json", "--config", str(path)])
    rows = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["repository"]["good"], rows


@pytest.mark.parametrize("language", ["en", "ru"])
def test_steps_of_the_page_end_with_a_healthy_doctor(language):
    """The checks that fail on a machine where only Merlin was started have a step before it."""
    page = (ROOT / f"docs/{language}/install.md").read_text("utf-8")
    steps = page.partition("$ sudo make install\n")[2].partition("merlin-alert@")[0]
    for step in (
        "merlin-backup.timer",
        "start merlin-backup",
        "/start",
        "users role ID admin",
    ):
        assert step in steps, step
        assert step in INSTALLER, step


class Programs:
    """Installed programs in a folder of the test."""

    def __init__(self, folder):
        self.home = folder / "merlin"
        self.versions = folder / "merlin-versions"
        self.command = folder / "command"
        self.versions.mkdir()

    def install(self, name):
        """Switch to a new program."""
        new = self.versions / name
        (new / "bin").mkdir(parents=True)
        places = {"home": self.home, "versions": self.versions, "command": self.command}
        done = run_function("switch", new=new, **places)
        assert done.returncode == 0, done.stderr
        assert self.home.resolve() == new
        assert self.command.readlink() == self.home / "bin/merlin"

    def list_all(self):
        return sorted(path.name for path in self.versions.iterdir())


@pytest.fixture
def programs(tmp_path):
    return Programs(tmp_path)


def test_upgrade_keeps_the_program_before_it_alone(programs):
    programs.install("one")
    assert programs.list_all() == ["one"]
    programs.install("two")
    assert programs.list_all() == ["before", "one", "two"]
    programs.install("three")
    assert programs.list_all() == ["before", "three", "two"]
    assert (programs.versions / "before").resolve().name == "two"
    # As the page goes back; what an interrupted installation left goes too.
    programs.home.unlink()
    programs.home.symlink_to(programs.versions / "two")
    (programs.versions / "cut-off").mkdir()
    programs.home.with_name("merlin.new").symlink_to("nowhere")
    programs.install("four")
    assert programs.list_all() == ["before", "four", "two"]
    assert (programs.versions / "before").resolve().name == "two"


def test_program_that_still_runs_after_two_upgrades_keeps_its_files(programs):
    programs.install("one")
    running = programs.versions / "one/bin/python"
    running.symlink_to(sys.executable)
    process = subprocess.Popen([running, "-c", "input()"], stdin=subprocess.PIPE)
    programs.install("two")
    programs.install("three")
    assert programs.list_all() == ["before", "one", "three", "two"]
    wait_for_end(process)
    programs.install("four")
    assert programs.list_all() == ["before", "four", "three"]


def test_folder_of_the_first_release_is_replaced_by_the_link(programs):
    (programs.home / "bin").mkdir(parents=True)
    programs.install("one")
    assert programs.list_all() == ["one"]


@pytest.mark.parametrize(
    ("before", "is_active", "is_refused"),
    [
        ("folder", True, True),
        ("folder", False, False),
        ("link", True, False),
        ("nothing", True, False),
    ],
)
def test_upgrade_of_the_first_release_needs_merlin_stopped(
    programs, tmp_path, before, is_active, is_refused
):
    if before == "folder":
        programs.home.mkdir()
    if before == "link":
        programs.install("one")
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\nexit {0 if is_active else 3}\n")
    systemctl.chmod(0o755)
    done = run_function("require_stopped", tmp_path, home=programs.home)
    assert done.returncode == is_refused
    assert ("systemctl stop 'merlin-*.service'" in done.stderr) == is_refused
