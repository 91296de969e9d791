"""The commands of the operators' handbook, run as printed on a state folder.

Merlin is real. sudo, systemctl and docker are small programs that run what the real ones would: a
unit's own command, a service's own entrypoint. The places of an installation are in tmp_path.
"""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.waiting import longest

pytestmark = pytest.mark.functional

ROOT = Path(__file__).parents[2]
MERLIN = Path(sys.executable).with_name("merlin")
PLACES = (
    "/etc/merlin",
    "/var/lib/merlin",
    "/opt/merlin",
    "/mnt/elsewhere",
    "/run/merlin-cred",
)
MADE = ("var/lib/merlin", "mnt", "run")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
ARCHIVE = re.compile(r"merlin-[…\d]\S*\.tar\.gz|\bARCHIVE\b")
# Programs in place of those that a test may not run.
PROGRAMS = {
    "sudo": """
        #!/bin/sh
        while :; do case $1 in -u) shift 2;; --user=*) shift;; *) break;; esac; done
        exec "$@"
        """,
    "chown": "#!/bin/sh\n",
    "rclone": "#!/bin/sh\ncat >$HOME/received\n",
    "systemctl": """
        #!/bin/sh
        for unit; do
          case $unit in -*|enable|start|stop|restart) continue;; esac
          case $unit in *.*) ;; *) unit=$unit.service;; esac
          ls "$UNITS"/$unit >/dev/null || { echo "no unit $unit" >&2; exit 5; }
        done
        [ "$*" != "start merlin-backup" ] || eval "$(sed -n 's/^ExecStart=//p' "$UNITS/$unit")"
        """,
    "docker": f"""
        #!{sys.executable}
        import os, sys, yaml
        words = sys.argv[1:]
        assert words[:2] == ["compose", "-f"], words
        services = yaml.safe_load(open(words[2]))["services"]
        verb, *rest = [each for each in words[3:] if each not in ("-d", "-T", "--rm", "--build")]
        if verb in ("run", "exec"):
            service, *command = rest
            entry = services[service].get("entrypoint", ["merlin"]) if verb == "run" else []
            if entry[0:1] == ["sh"]:
                assert (command or services[service]["command"])[0] in ("pg_dump", "pg_restore")
            else:
                command = [*entry, *(command or services[service]["command"])]
                os.execvp(command[0], command)
        else:
            assert verb in ("up", "stop") and set(rest) <= set(services), words
        """,
}


class Machine:
    """A folder with the places of an installation."""

    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        for place in (
            "bin",
            "opt/merlin/bin",
            "etc/merlin/credentials",
            "var/lib/merlin",
            "mnt",
            "run",
        ):
            (folder / place).mkdir(parents=True)
        for name, program in PROGRAMS.items():
            (self.bin / name).write_text(textwrap.dedent(program).lstrip(), "utf-8")
            (self.bin / name).chmod(0o755)
        (folder / "opt/merlin/bin/merlin").symlink_to(MERLIN)
        shutil.copytree(ROOT / "deploy", folder / "deploy")
        shutil.copytree(ROOT / "systemd", folder / "systemd")
        (backup,) = folder.glob("systemd/merlin-backup.service")
        backup.write_text(self.move(backup.read_text("utf-8")), "utf-8")
        # What makes the command one of the path.
        installer = (ROOT / "systemd/install.sh").read_text("utf-8")
        if 'ln -sfn "$home/bin/merlin" "$command"' in installer:
            (self.bin / "merlin").symlink_to(MERLIN)
        config = (ROOT / "config.yaml").read_text("utf-8")
        state = re.sub(
            "(?m)^state_dir: .*", f"state_dir: {folder}/var/lib/merlin", config
        )
        (folder / "etc/merlin/config.yaml").write_text(state, "utf-8")
        (folder / "etc/merlin/credentials/MERLIN_ENGINE_KEY").write_text(
            "of-this-test", "utf-8"
        )

    def move(self, text):
        return re.sub("|".join(PLACES), lambda found: f"{self.folder}{found[0]}", text)

    def run(self, script):
        """Run lines in a shell as an operator types them, a secret being typed into the first."""
        text = ARCHIVE.sub("kept.tar.gz", self.move(script))
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env={
                "PATH": f"{self.bin}:/usr/bin:/bin",
                "HOME": str(self.folder),
                "UNITS": str(self.folder / "systemd"),
                "MERLIN_LANGUAGE": "en",
            },
            input="login:s3cret",
            capture_output=True,
            text=True,
            check=False,
            timeout=longest(),
        )

    def empty_state(self):
        """Leave only the key of people's texts, which an operator puts in place."""
        for path in (self.folder / "var/lib/merlin").iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "text.key":
                path.unlink()


def read_blocks(language, name="operate"):
    """Return the lines of each console block, as one script, without comments."""
    page = (ROOT / f"docs/{language}/{name}.md").read_text("utf-8")
    page = re.sub(r"(?m) +# .*$", "", page)
    return [re.sub(r"(?m)^\$ ", "", block) for block in BLOCK.findall(page)]


@pytest.mark.parametrize("name", ["operate", "install"])
def test_handbook_has_the_same_commands_in_both_languages(name):
    assert read_blocks("en", name) == read_blocks("ru", name) != []


def test_commands_of_the_handbook_work_one_after_the_other(tmp_path):
    machine = Machine(tmp_path)
    assert (
        machine.run("merlin upgrade --config /etc/merlin/config.yaml").returncode == 0
    )
    for script in read_blocks("en"):
        if ARCHIVE.search(script):
            machine.run("merlin backup - --config /etc/merlin/config.yaml >kept.tar.gz")
        if re.search(r"merlin restore (merlin-\d|ARCHIVE)", script):
            machine.empty_state()
        ended = machine.run(script)
        assert ended.returncode == 0, (script, ended.stdout, ended.stderr)
    assert (tmp_path / "received").read_bytes()[:2] == b"\x1f\x8b"
    assert (
        tmp_path / "etc/merlin/credentials/TELEGRAM_BOT_TOKEN"
    ).read_text() == "login:s3cret"
    assert list((tmp_path / "mnt/elsewhere").glob("*.tar.gz"))
