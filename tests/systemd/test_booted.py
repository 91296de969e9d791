"""Merlin under a booted systemd: installed, working, killed, hung, rebooted."""

import base64
import gzip
import json
import re
import tarfile
from itertools import groupby

import pytest

from merlin import __version__
from merlin.sandbox.telegram.world import ANNA
from tests.support.full_config import CREDENTIALS, TOKEN, full_config
from tests.support.machine import ROOT
from tests.support.postgresql import BIN
from tests.systemd.installed import CHECKOUT, CONFIG, PROCESSES, TELEGRAM_URL
from tests.systemd.pages import ELSEWHERE, find_block, list_others, read_blocks

pytestmark = pytest.mark.integration
# What the package's own files decide, and the same again for another process.
WEEKLY = pytest.mark.weekly("systemd")

# Words of the pages' blocks that have a test of their own here; the others are run one by one.
OWN = (
    *("sudo make install", "enable --now merlin.target", "users role ID admin"),
    *("copy.yaml", "openssl rand", "migrate-db", "merlin-versions/before"),
    *("systemd/uninstall.sh", "userdel merlin", "apt install ./dist"),
)
DATABASE = "postgresql://merlin@127.0.0.1/merlin"
POSTGRESQL = f"""
install -d -o postgres /srv/postgresql
cd /srv/postgresql
as_owner() {{ runuser -u postgres -- "$@"; }}
as_owner {BIN}/initdb -D data -A trust -N --locale=C.UTF-8 -E UTF8
as_owner {BIN}/pg_ctl -D data -o "-k /srv/postgresql -c fsync=off" -l log -w start
as_owner {BIN}/createuser -h 127.0.0.1 merlin
as_owner {BIN}/createdb -h 127.0.0.1 -O merlin merlin
"""
# What a browser gets meanwhile, a line each: the version that answered, or that none did.
VISITOR = """
import time
from urllib.request import urlopen
while True:
    for path in ("/", "/sign-in", "/plans"):
        try:
            page = urlopen("http://127.0.0.1:8701" + path, timeout=60).read()
            print("newer" if b"<!-- newer -->" in page else "older")
        except OSError as error:
            reason = getattr(error, "reason", error)
            print("away" if isinstance(reason, ConnectionError) else error)
        time.sleep(0.2)  # people may open 600 pages a minute
"""
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
    machine.say("/start")
    machine.wait(machine.answers, "the bot has answered")
    machine.type(find_block("enable --now merlin.target"))
    steps = find_block("users role ID admin")
    lines = machine.type(steps.replace(" ID ", f" {ANNA.person_id} "))
    assert "✔" in lines
    assert "✘" not in lines
    assert machine.box.prop("merlin-backup.timer", "ActiveState") == "active"


def test_commit_is_trained_and_answered_inside_the_sandboxes(machine):
    def get_serving():
        document = json.loads(machine.merlin("status", "--json").stdout or "{}")
        return document.get("datasets", {}).get("neurotypology", {}).get("serving")

    machine.wait(get_serving, "a model of the commit serves", 120)
    check_answer(machine)


def check_answer(machine):
    """Wait until every process serves, and the model answers once more."""
    machine.wait_until_all_serve()
    count = machine.answers().count("Форма лба")
    machine.say(QUESTION)
    machine.wait(
        lambda: machine.answers().count("Форма лба") > count, "the bot has answered"
    )


def test_nightly_backup_runs_inside_its_sandbox_and_can_be_read(machine):
    machine.box.systemctl("start", "merlin-backup")
    archives = machine.box.path("/var/lib/merlin/backups").iterdir()
    archive = max(archives, key=lambda path: path.stat().st_mtime)
    with tarfile.open(archive) as archive_file:
        names = set(archive_file.getnames())
    assert {"merlin.db", "engine/engine.db", "manifest.json"} <= names
    assert any(name.startswith("engine/models/") for name in names)


def test_backup_is_tried_on_a_copy_as_the_handbook_says(machine):
    tables = machine.type(find_block("copy.yaml"))
    assert "neurotypology-1" in tables
    assert not machine.box.path("/var/lib/merlin/copy").exists()


def test_every_block_of_the_pages_is_run():
    for words in (*OWN, *ELSEWHERE):
        assert any(words in block for block in read_blocks()), words
    assert all((ROOT / path).exists() for path in ELSEWHERE.values())


@pytest.mark.parametrize("block", list_others(OWN))
def test_sequence_of_a_page_runs_as_printed(machine, block):
    """A stub of systemctl waited where the real one does not."""
    machine.keep_archive()
    if re.search(r"merlin restore (merlin-\d|ARCHIVE)", block):
        machine.lose_state()
    machine.type(block)
    machine.box.systemctl("start", "merlin.target")
    check_answer(machine)


def test_database_moves_to_postgresql_as_printed(machine):
    machine.box.run("bash", "-euo", "pipefail", "-c", POSTGRESQL)
    machine.type(find_block("openssl rand"))
    credential = machine.box.path("/etc/merlin/credentials/MERLIN_TEXT_KEY")
    assert len(base64.urlsafe_b64decode(credential.read_text("ascii"))) == 32
    assert credential.stat().st_mode & 0o777 == 0o600
    key = machine.box.path("/var/lib/merlin/text.key").read_text("ascii")
    machine.set_credential("MERLIN_TEXT_KEY", key)
    block = find_block("migrate-db")
    machine.type(re.sub(r"'postgresql://\S+'", DATABASE, block))
    machine.configure(f"{CONFIG}database: {DATABASE}\n")
    machine.box.systemctl("start", "merlin.target")
    check_answer(machine)
    machine.box.systemctl("stop", "merlin-*.service")
    machine.configure(CONFIG)
    credential.unlink()
    machine.box.systemctl("start", "merlin.target")
    check_answer(machine)


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


def test_after_a_reboot_everything_runs_and_the_model_still_answers(machine):
    machine.reboot()
    machine.wait_until_all_serve()
    assert machine.box.prop("merlin.target", "ActiveState") == "active"
    check_answer(machine)


def test_program_of_the_first_release_is_not_replaced_while_it_runs(machine):
    """It was a folder: what runs would find the new program's files in it."""
    machine.box.run("sh", "-euc", "mv /opt/merlin /opt/link; mkdir /opt/merlin")
    install = ("make", "-C", str(ROOT), "install")
    done = machine.box.run(*install, is_checked=False)
    machine.box.run("sh", "-euc", "rmdir /opt/merlin; mv /opt/link /opt/merlin")
    assert "stop Merlin for this upgrade" in done.stderr
    assert done.returncode != 0


def get_program(machine):
    return machine.box.run("readlink", "-f", "/opt/merlin").stdout.strip()


def read_visits(machine):
    """Return what the visitor got, each as often as it changed."""
    lines = machine.box.journal("visitor").splitlines()
    seen = [line for line in lines if "visitor" not in line]
    return [word for word, _ in groupby(seen)]


@WEEKLY
def test_upgrade_is_beside_what_runs_and_can_be_undone_as_printed(machine):
    old = get_program(machine)
    machine.copy_checkout()
    visit = ("systemd-run", "--unit=visitor", "/usr/bin/python3", "-uc", VISITOR)
    machine.box.run(*visit)
    copied, installed, *restart = find_block("sudo make install\nsudo").splitlines()
    machine.type(f"touch mark\n{copied}\n{installed}", CHECKOUT)
    new = get_program(machine)
    assert new != old
    changed = machine.box.run("find", old, "-newer", f"{CHECKOUT}/mark").stdout
    assert changed == ""
    for process in PROCESSES:
        pid = machine.get_main_pid(process)
        assert machine.box.path(f"/proc/{pid}/cmdline").read_text().startswith(old)
    assert read_visits(machine) == ["older"]
    machine.type("\n".join(restart))
    check_answer(machine)
    machine.wait(lambda: read_visits(machine)[-1] == "newer", "the new pages are shown")
    machine.type(find_block("merlin-versions/before"))
    assert get_program(machine) == old
    check_answer(machine)
    visits = ["older", "away", "newer", "away", "older"]
    machine.wait(lambda: read_visits(machine) == visits, "the old pages are shown")
    machine.box.systemctl("stop", "visitor")


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


@WEEKLY
def test_uninstalled_program_leaves_configuration_and_state(machine):
    machine.type(find_block("systemd/uninstall.sh"), str(ROOT))
    check_removed(machine)


def check_removed(machine):
    unit_files = machine.box.run(
        "systemctl", "list-unit-files", "merlin*", is_checked=False
    ).stdout
    assert "0 unit files listed" in unit_files
    for place in ("/opt/merlin", "/opt/merlin-versions", "/usr/local/bin/merlin"):
        assert machine.box.run("test", "-L", place, is_checked=False).returncode
        assert not machine.box.path(place).exists()
    assert machine.box.path("/etc/merlin/config.yaml").exists()
    assert machine.box.path("/var/lib/merlin/merlin.db").exists()


@WEEKLY
def test_package_installs_the_command_its_manual_and_its_completion(machine):
    machine.install_package()
    assert machine.box.run("merlin", "--version").stdout == f"{__version__}\n"
    path = machine.box.path("/usr/share/man/man1/merlin-models.1.gz")
    assert "merlin models rollback" in gzip.decompress(path.read_bytes()).decode()
    completion = machine.box.path("/usr/share/bash-completion/completions/merlin")
    assert "complete -o default -F" in completion.read_text("utf-8")


@WEEKLY
def test_upgrade_of_the_package_keeps_the_configuration_and_restarts_what_runs(machine):
    before = machine.box.path("/etc/merlin/config.yaml").read_text("utf-8")
    running = ("engine", "daemon")
    machine.box.systemctl("stop", "merlin-*.service")
    machine.box.systemctl("start", *(f"merlin-{each}" for each in running))
    old_pids = {each: machine.get_main_pid(each) for each in running}
    machine.install_package()
    assert machine.box.path("/etc/merlin/config.yaml").read_text("utf-8") == before
    for each, pid in old_pids.items():
        assert machine.is_ready_again(each, pid)

    def read_times(name):
        return [int(machine.box.prop(f"merlin-{each}", name)) for each in running]

    # All ended before one began.
    ended = read_times("InactiveEnterTimestampMonotonic")
    assert max(ended) < min(read_times("InactiveExitTimestampMonotonic"))
    assert machine.box.prop("merlin-bot", "MainPID") == "0"


@WEEKLY
def test_removed_package_leaves_configuration_state_and_drop_ins(machine):
    drop_in = machine.box.path(
        "/etc/systemd/system/merlin-engine.service.d/override.conf"
    )
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nMemoryMax=9G\n", "ascii")
    machine.remove_package()
    assert drop_in.exists()
    check_removed(machine)


@WEEKLY
def test_what_an_uninstallation_leaves_is_deleted_as_printed(machine):
    machine.type(find_block("userdel merlin"))
    for place in (
        "/etc/merlin",
        "/var/lib/merlin",
        "/etc/systemd/system/merlin-engine.service.d",
    ):
        assert not machine.box.path(place).exists()
    assert machine.box.run("id", "merlin", is_checked=False).returncode
