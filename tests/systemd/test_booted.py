"""Merlin under a booted systemd: installed, working, killed, hung, rebooted."""

import gzip
import json
import re
import tarfile
from pathlib import Path

import pytest

from merlin import __version__
from merlin.sandbox.telegram.world import ANNA
from tests.support.full_config import CREDENTIALS, TOKEN, full_config
from tests.systemd.installed import PROCESSES, TELEGRAM_URL

pytestmark = pytest.mark.integration
# What the package's own files decide, and the same again for another process.
WEEKLY = pytest.mark.weekly("systemd")

HANDBOOK = Path(__file__).parents[2] / "docs/en/operate.md"
INSTALL_PAGE = HANDBOOK.with_name("install.md")
# The machine has no sudo.
SUDO = """sudo() {
  case $1 in
    --user=*) runuser -u "${1#*=}" -- env HOME=/var/lib/merlin "${@:2}" ;;
    *) "$@" ;;
  esac
}"""
QUESTION = "Какие черты лица отвечают за глубину фиксации?"


def test_command_of_the_services_user_works_before_their_first_start(machine):
    assert machine.first_command.returncode == 0, machine.first_command.stderr


def test_target_starts_every_process(machine):
    states = {
        process: machine.box.prop(f"merlin-{process}", "SubState")
        for process in PROCESSES
    }
    assert states == dict.fromkeys(PROCESSES, "running")
    assert machine.call("http://127.0.0.1:8701/readyz")["ready"]
    assert all(machine.is_serving(process) for process in PROCESSES)


def test_steps_of_the_installation_page_lead_to_a_healthy_doctor(machine):
    page = INSTALL_PAGE.read_text("utf-8").partition("## As systemd services")[2]
    commands = re.findall(
        r"^\$ (.*)$", page.partition("### By a Debian package")[0], re.MULTILINE
    )
    assert commands[0] == "sudo make install"
    machine.say("/start")
    machine.wait(machine.answers, "the bot has answered")
    script = "\n".join(commands[1:]).replace(" ID ", f" {ANNA.person_id} ")
    assert "users role" in script
    typed = f"set -euo pipefail\nprintf %s '{TOKEN}' | {script}"
    lines = machine.box.run("bash", "-c", typed).stdout
    assert "✔" in lines
    assert "✘" not in lines
    assert machine.box.prop("merlin-backup.timer", "ActiveState") == "active"


def test_commit_is_trained_and_answered_inside_the_sandboxes(machine):
    def get_serving():
        document = json.loads(machine.merlin("status", "--json").stdout or "{}")
        return document.get("datasets", {}).get("neurotypology", {}).get("serving")

    machine.wait(get_serving, "a model of the commit serves", 120)
    machine.say(QUESTION)
    machine.wait(lambda: "Форма лба" in machine.answers(), "the bot has answered")


def test_nightly_backup_runs_inside_its_sandbox_and_can_be_read(machine):
    machine.box.systemctl("start", "merlin-backup")
    archives = machine.box.path("/var/lib/merlin/backups").iterdir()
    archive = max(archives, key=lambda path: path.stat().st_mtime)
    with tarfile.open(archive) as archive_file:
        names = set(archive_file.getnames())
    assert {"merlin.db", "engine/engine.db", "manifest.json"} <= names
    assert any(name.startswith("engine/models/") for name in names)


def test_backup_is_tried_on_a_copy_as_the_handbook_says(machine):
    section = (
        HANDBOOK.read_text("utf-8")
        .partition("### Try it on a copy")[2]
        .partition("\n## ")[0]
    )
    commands = re.findall(r"^\$ (.*)$", section, re.MULTILINE)
    assert any(" restore " in command for command in commands)
    tables = machine.box.run(
        "bash", "-euo", "pipefail", "-c", "\n".join([SUDO, *commands])
    ).stdout
    assert "neurotypology-1" in tables
    assert not machine.box.path("/var/lib/merlin/copy").exists()


def test_sequences_that_stop_merlin_run_as_printed(machine):
    """A stub of systemctl waited where the real one does not."""
    blocks = re.findall(
        r"^```console\n(.*?)^```",
        HANDBOOK.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    stopping = [each for each in blocks if "systemctl stop" in each]
    assert any("key rotate" in each for each in stopping)
    for block in stopping:
        commands = re.sub(r"^\$ ", "", block, flags=re.MULTILINE)
        machine.box.run("bash", "-euo", "pipefail", "-c", f"{SUDO}\n{commands}")
        machine.wait_until_all_serve()


def test_every_process_notifies_its_watchdog(machine):
    def get_feed_time(process):
        return int(machine.box.prop(f"merlin-{process}", "WatchdogTimestampMonotonic"))

    before = {process: get_feed_time(process) for process in PROCESSES}
    for process, at in before.items():
        machine.wait(
            lambda name=process, old_time=at: get_feed_time(name) > old_time,
            f"{process} tells that it lives",
        )


# The units say the same of each process: one stands for the others.
@pytest.mark.parametrize(
    "process",
    [
        "engine",
        *(
            pytest.param(process, marks=WEEKLY)
            for process in PROCESSES
            if process != "engine"
        ),
    ],
)
def test_killed_process_serves_again(machine, process):
    machine.kill(process)
    machine.wait(lambda: machine.is_serving(process), f"{process} serves")


def test_hung_process_is_killed_and_restarted(machine):
    old_pid = machine.get_main_pid("api")
    machine.box.systemctl("kill", "--signal=STOP", "--kill-who=main", "merlin-api")
    # A look at /proc takes no time from other tests.
    folder = machine.box.path(f"/proc/{old_pid}")
    machine.wait(lambda: not folder.exists(), "the hung api is killed")
    machine.wait(lambda: machine.is_ready_again("api", old_pid), "the api is ready")
    assert "Watchdog timeout" in machine.box.journal("merlin-api")


def test_missing_credential_is_named_once_and_alerted(machine):
    machine.set_credential("TELEGRAM_BOT_TOKEN", "")
    machine.box.run("systemctl", "restart", "merlin-bot", is_checked=False)
    machine.wait(
        lambda: machine.box.prop("merlin-bot", "ActiveState") == "failed",
        "the bot has given up",
    )
    assert machine.box.prop("merlin-bot", "NRestarts") == "0"
    assert "TELEGRAM_BOT_TOKEN" in machine.box.journal("merlin-bot")
    alert = "merlin-alert@merlin-bot.service"
    machine.wait(
        lambda: "has failed" in machine.box.journal(alert), "the alert is told"
    )
    machine.set_credential("TELEGRAM_BOT_TOKEN", TOKEN)


def test_journal_contains_no_secret(machine):
    output = machine.box.run("journalctl", "--no-pager", "-o", "cat").stdout
    assert "merlin" in output
    assert TOKEN not in output
    key = machine.box.path("/etc/merlin/credentials/MERLIN_ENGINE_KEY").read_text(
        "ascii"
    )
    assert key not in output


@WEEKLY
def test_upgrade_keeps_the_configuration_and_restarts_the_only_service_that_runs(
    machine,
):
    before = machine.box.path("/etc/merlin/config.yaml").read_text("utf-8")
    machine.box.systemctl("stop", "merlin.target")
    machine.box.systemctl("start", "merlin-engine")
    old_pid = machine.get_main_pid("engine")
    machine.install_package()
    assert machine.box.path("/etc/merlin/config.yaml").read_text("utf-8") == before
    assert machine.is_ready_again("engine", old_pid)
    assert machine.box.prop("merlin-bot", "MainPID") == "0"


def test_after_a_reboot_everything_runs_and_the_model_still_answers(machine):
    machine.reboot()
    machine.wait_until_all_serve()
    assert machine.box.prop("merlin.target", "ActiveState") == "active"
    count = machine.answers().count("Форма лба")
    machine.say("Какие черты лица отвечают за глубину фиксации? Ещё раз")
    machine.wait(
        lambda: machine.answers().count("Форма лба") > count, "the bot has answered"
    )


def test_every_unit_serves_with_everything_enabled(machine):
    machine.configure(
        full_config("/var/lib/merlin", "/srv/datasets", telegram=TELEGRAM_URL)
    )
    for name, value in CREDENTIALS.items():
        machine.set_credential(name, value)
    machine.box.systemctl("restart", "merlin.target")
    machine.wait_until_all_serve()
    restarts = {
        name: machine.box.prop(f"merlin-{name}", "NRestarts") for name in PROCESSES
    }
    assert restarts == dict.fromkeys(PROCESSES, "0")
    output = machine.box.run("journalctl", "--no-pager", "-o", "cat").stdout
    assert not [
        name
        for name, value in CREDENTIALS.items()
        if value in output and len(value) > 9
    ]


def test_package_installs_the_command_its_manual_and_its_completion(machine):
    assert machine.box.run("merlin", "--version").stdout == f"{__version__}\n"
    path = machine.box.path("/usr/share/man/man1/merlin-models.1.gz")
    assert "merlin models rollback" in gzip.decompress(path.read_bytes()).decode()
    completion = machine.box.path("/usr/share/bash-completion/completions/merlin")
    assert "complete -o default -F" in completion.read_text("utf-8")


@WEEKLY
def test_removed_package_leaves_configuration_and_state(machine):
    drop_in = machine.box.path(
        "/etc/systemd/system/merlin-engine.service.d/override.conf"
    )
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nMemoryMax=9G\n", "ascii")
    machine.remove_package()
    assert drop_in.exists()
    unit_files = machine.box.run(
        "systemctl", "list-unit-files", "merlin*", is_checked=False
    ).stdout
    assert "0 unit files listed" in unit_files
    assert not machine.box.path("/opt/merlin").exists()
    assert machine.box.path("/etc/merlin/config.yaml").exists()
    assert machine.box.path("/var/lib/merlin/merlin.db").exists()
