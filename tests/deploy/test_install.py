"""What `systemd/install.sh` leaves is what `merlin doctor` and docs/*/install.md expect."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from merlin.cli import main

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[2]
INSTALLER = (ROOT / "systemd/install.sh").read_text("utf-8")


def test_new_installation_has_the_repository_that_its_configuration_names(
    tmp_path, capsys
):
    function = re.search(
        r"^repository\(\) \{$.*?^\}$", INSTALLER, re.MULTILINE | re.DOTALL
    )
    (tmp_path / "state").mkdir()
    places = f"source={ROOT} state={tmp_path}/state copy={tmp_path}"
    for _ in range(2):  # an upgrade leaves it as it is
        subprocess.run(
            ["sh", "-euc", f"{function[0]}\n{places}\nrepository"], check=True
        )
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
