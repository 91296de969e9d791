"""Merlin as an operator installs it, under a booted systemd: units, credentials, repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.full_config import CREDENTIALS, PROCESSES, TOKEN
from tests.support.machine import ROOT, mount_in_memory
from tests.systemd.booted_machine import SystemdBox, find_obstacle as find_boot_obstacle
from tests.systemd.pages import read_blocks

PYTHON = "/opt/merlin/bin/python"
# Run by root after an installation without pip's compiling, which takes as long as its unpacking:
# the processes import a quarter of the modules, and may not write what they compile.
COMPILE_USED = "import merlin.cli" + "".join(
    f", merlin.wiring.{process}" for process in PROCESSES
)
# Where the operator types, and another version of the sources.
FOLDER = "/srv/operator"
CHECKOUT = "/srv/checkout"
# The machine has no sudo.
SUDO = """sudo() {
  case $1 in
    -u) runuser -u "$2" -- env HOME=/var/lib/merlin "${@:3}" ;;
    --user=*) runuser -u "${1#*=}" -- env HOME=/var/lib/merlin "${@:2}" ;;
    *) "$@" ;;
  esac
}"""
ARCHIVE = re.compile(r"merlin-[…\d]\S*\.tar\.gz|\bARCHIVE\b")
TELEGRAM_URL = "http://127.0.0.1:8081"
CALL = """
import sys
from urllib.request import Request, urlopen
body = sys.argv[2].encode() or None
request = Request(sys.argv[1], body, {"Content-Type": "application/json"})
print(urlopen(request).read().decode())
"""
CONFIG = """
state_dir: /var/lib/merlin
language: en
repository: {url: /srv/datasets, interval_s: 1}
providers:
- {name: engine, base_url: "http://127.0.0.1:8702/v1", settle_s: 0}
models:
  recall: {price: {currency: USD, input: 0, output: 0, training: 0}}
telegram: {base_url: "http://127.0.0.1:8081"}
datasets: {default: neurotypology}
daemon: {quiet_s: 0}
"""
TELEGRAM = f"""[Unit]
Before=merlin-bot.service
[Service]
ExecStart={PYTHON} -c "import pathlib, signal; \
from merlin.sandbox.telegram.server import TelegramStandIn; \
TelegramStandIn(pathlib.Path('/srv/telegram'), token='{TOKEN}', port=8081).start(); \
signal.pause()"
[Install]
WantedBy=multi-user.target
"""


def find_obstacle() -> str | None:
    """Return what this machine lacks for an installation, None when it lacks nothing."""
    if (reason := find_boot_obstacle()) is not None:
        return reason
    program = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    process = subprocess.run(
        ["/usr/bin/python3", "-c", program], capture_output=True, check=False
    )
    is_there = process.returncode == 0 and shutil.which("git", path="/usr/bin")
    return (
        None
        if is_there
        else "the installation needs git, and /usr/bin/python3 of 3.11 with venv"
    )


@contextmanager
def run_machine(folder: Path, packages: Path) -> Iterator[Installed]:
    """Yield a machine where `make install` was run and every process serves.

    `packages` are the wheels of its requirements.
    """
    package_folder = folder / "built"
    upper = folder / "upper"
    for each in (package_folder, upper):
        each.mkdir()
    with mount_in_memory(upper):
        machine = Installed(upper, packages, package_folder)
        try:
            machine.install()
            machine.prepare()
            machine.first_command = machine.merlin("upgrade")
            machine.box.systemctl("enable", "--now", "telegram", "merlin.target")
            machine.wait_until_all_serve()
            yield machine
        finally:
            machine.shut_down()


class Installed:
    """One machine with Merlin; it can be rebooted.

    `first_command` is `merlin upgrade`, run by the user of the services before their first start.
    """

    first_command: subprocess.CompletedProcess[str]

    def __init__(self, upper: Path, packages: Path, package_folder: Path) -> None:
        self._upper = upper
        self._packages = packages
        self._package_folder = package_folder
        self.box = self._boot()

    def _boot(self) -> SystemdBox:
        units = {"telegram.service": TELEGRAM}
        visible = [ROOT, self._packages, self._package_folder]
        return SystemdBox(units, upper=self._upper, visible=visible).__enter__()

    def reboot(self) -> None:
        """Shut down in order, then boot again with the same files."""
        self.shut_down()
        self.box = self._boot()

    def shut_down(self) -> None:
        """Stop everything."""
        self.box.__exit__(None, None, None)

    def install(self) -> str:
        """Install as the page says; return the output."""
        self.box.path(FOLDER).mkdir(parents=True)
        [block] = [block for block in read_blocks() if block == "sudo make install\n"]
        output = self.type(block, str(ROOT))
        self.box.run(PYTHON, "-c", COMPILE_USED)
        return output

    def type(self, lines: str, folder: str = FOLDER) -> str:
        """Run lines of a page as an operator types them, root; return the output.

        A credential that they read is typed. An archive that they name is that of `keep_archive`.
        """
        read = re.findall(r"/dev/stdin /etc/merlin/credentials/(\w+)", lines)
        typed = "".join(CREDENTIALS[name] for name in read)
        script = "\n".join([SUDO, f"cd {folder}", ARCHIVE.sub("kept.tar.gz", lines)])
        return self._run_offline("bash", "-euo", "pipefail", "-c", script, typed=typed)

    def keep_archive(self) -> None:
        """Make a backup that pages call by the name of an archive."""
        self.type("merlin backup - --config /etc/merlin/config.yaml >kept.tar.gz")

    def lose_state(self) -> None:
        """Stop all, and leave of the state only the key of people's texts."""
        self.box.systemctl("stop", "merlin-*.service")
        for path in self.box.path("/var/lib/merlin").iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "text.key":
                path.unlink()

    def copy_checkout(self) -> None:
        """Put a copy of the sources into CHECKOUT, with a mark in each page: a newer version."""
        folder = self.box.path(CHECKOUT)
        others = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "bench")
        shutil.copytree(ROOT, folder, ignore=others)
        layout = folder / "merlin/web/course/templates/layout.html"
        page = layout.read_text("utf-8")
        layout.write_text(page.replace("</body>", "<!-- newer --></body>"), "utf-8")

    def install_package(self) -> str:
        """Install the Debian package, built when it is first needed; return the output."""
        if not list(self._package_folder.glob("*.deb")):
            build = (ROOT / "deploy/release/build.sh", "deb", self._package_folder)
            # The usual level of compression takes 5 s.
            options = {"PYTHON": sys.executable, "DPKG_DEB_COMPRESSOR_LEVEL": "0"}
            subprocess.run(build, env={**os.environ, **options}, check=True)
        (package,) = self._package_folder.glob("*.deb")
        # The trigger of man-db would index the pages of the whole machine.
        output = self._run_offline("dpkg", "--no-triggers", "--install", str(package))
        self.box.run(PYTHON, "-c", COMPILE_USED)
        return output

    def remove_package(self) -> None:
        """Remove the Debian package."""
        self.box.run("dpkg", "--no-triggers", "--remove", "merlin-gitops")

    def _run_offline(self, *command: str, typed: str = "") -> str:
        offline = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self._packages),
            "PIP_COMPILE": "no",
        }
        return self.box.run(*command, environment=offline, typed=typed).stdout

    def prepare(self) -> None:
        """Do the remaining steps of the installation, and create a repository of datasets."""
        self.configure(CONFIG)
        self.set_credential("TELEGRAM_BOT_TOKEN", TOKEN)
        # Every commit is trained: as few examples as a training needs.
        source, folder = (
            f"{place}/datasets/neurotypology" for place in (ROOT, "/srv/datasets")
        )
        commands = f"""
            mkdir -p /srv/telegram {folder}/examples
            cp -r {source}/*.yaml {source}/materials {folder}
            cp -r {source}/examples/face {source}/examples/forehead {folder}/examples
            cd /srv/datasets
            git init -q -b main
            git add .
            git -c user.name=boris -c user.email=boris@example.com commit -q -m "Begin"
        """
        self.box.run("sh", "-euc", commands)
        # In place of the program that the page takes to another place.
        rclone = self.box.path("/usr/local/bin/rclone")
        rclone.write_text("#!/bin/sh\ncat >/dev/null\n", "ascii")
        rclone.chmod(0o755)
        # Until the reboot the api is killed sooner when it hangs.
        drop_in = self.box.path(
            "/run/systemd/system/merlin-api.service.d/impatient.conf"
        )
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text("[Service]\nWatchdogSec=8\n", "ascii")
        self.box.systemctl("daemon-reload")

    def configure(self, text: str) -> None:
        """Write the configuration."""
        self.box.path("/etc/merlin/config.yaml").write_text(text, "utf-8")

    def set_credential(self, name: str, value: str) -> None:
        """Write a credential as an operator does."""
        path = self.box.path(f"/etc/merlin/credentials/{name}")
        path.write_text(value, "utf-8")
        path.chmod(0o600)

    def merlin(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Merlin as the user of the services."""
        return self.box.run(
            "runuser",
            "-u",
            "merlin",
            "--",
            "/opt/merlin/bin/merlin",
            *arguments,
            "--config",
            "/etc/merlin/config.yaml",
            is_checked=False,
        )

    def is_serving(self, process: str) -> bool:
        """Return whether systemd reports the process as active, and it is healthy."""
        is_active = self.box.prop(f"merlin-{process}", "ActiveState") == "active"
        return is_active and self.merlin("health", process).returncode == 0

    def wait(
        self, condition: Callable[[], bool], what: str, timeout_s: float = 60.0
    ) -> None:
        """Wait for a condition. Raises AssertionError with the end of the journal."""
        try:
            self.box.wait(condition, what, timeout_s)
        except AssertionError as error:
            units = [
                word for process in PROCESSES for word in ("-u", f"merlin-{process}")
            ]
            journal = self.box.run(
                "journalctl", "--no-pager", "-o", "cat", "-n", "30", *units
            )
            raise AssertionError(f"{error}\n{journal.stdout}") from None

    def get_main_pid(self, process: str) -> str:
        """Return the main process's id, "0" while there is none."""
        return self.box.prop(f"merlin-{process}", "MainPID")

    def is_ready_again(self, process: str, old_pid: str) -> bool:
        """Return whether a new main process has sent READY=1 to systemd."""
        state = self.box.prop(f"merlin-{process}", "ActiveState")
        return state == "active" and self.get_main_pid(process) not in (old_pid, "0")

    def kill(self, process: str) -> None:
        """Kill a process by SIGKILL and wait until its successor is ready."""
        old_pid = self.get_main_pid(process)
        self.box.systemctl(
            "kill", "--signal=KILL", "--kill-who=main", f"merlin-{process}"
        )
        self.wait(lambda: self.is_ready_again(process, old_pid), f"{process} is ready")

    def wait_until_all_serve(self) -> None:
        """Wait for every process. Raises AssertionError naming the first that does not serve."""
        for process in PROCESSES:
            self.wait(lambda name=process: self.is_serving(name), f"{process} serves")

    def call(
        self, url: str, body: Mapping[str, object] | None = None
    ) -> Mapping[str, Any]:
        """Return the JSON response of a loopback URL inside; with a body send a POST."""
        content = "" if body is None else json.dumps(body)
        response: Mapping[str, Any] = json.loads(
            self.box.run(PYTHON, "-c", CALL, url, content).stdout
        )
        return response

    def say(self, text: str) -> None:
        """Send a message from anna to the bot."""
        self.call(f"{TELEGRAM_URL}/control/send", {"person": "anna", "text": text})

    def answers(self) -> str:
        """Return all messages of the bot to anna in their present form."""
        messages = self.call(f"{TELEGRAM_URL}/control/log?chat=anna")["messages"]
        return json.dumps(
            [message for message in messages if message["by_bot"]], ensure_ascii=False
        )
