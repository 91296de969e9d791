"""The wheel, built and installed as users get it."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from email.parser import Parser

import pytest
import yaml
from packaging.requirements import Requirement

from merlin.core.server import free_ports
from tests.support.machine import ROOT, require_whole_machine
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

ADDRESS = "https://git.example/merlin"
# Of these Merlin uses names that no documentation promises (requirements.in).
INNER = {
    "uvicorn",
    "peewee",
    "typer",
    "fastapi",
    "fluent.runtime",
    "python-docx",
    "trl",
    "peft",
}


def run_command(*command, **options):
    process = subprocess.run(command, capture_output=True, text=True, **options)
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the wheel, its constraints, and the package installed from it."""
    require_whole_machine(None)
    folder = tmp_path_factory.mktemp("built")
    environment = {**os.environ, "PROJECT_URL": ADDRESS, "PYTHON": sys.executable}
    run_command(ROOT / "deploy/release/build.sh", "wheel", str(folder), env=environment)
    (wheel,) = folder.glob("*.whl")
    run_command(
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-compile",
        "--target",
        str(folder / "installed"),
        str(wheel),
    )
    return folder


@pytest.fixture(scope="module")
def metadata(built):
    (path,) = built.glob("installed/*.dist-info/METADATA")
    return Parser().parsestr(path.read_text("utf-8"))


def test_wheel_has_urls_manual_and_samples(built, metadata):
    assert f"Source, {ADDRESS}" in metadata.get_all("Project-URL")
    assert (
        f"]({ADDRESS}/raw/v{metadata['Version']}/docs/pictures/"
        in metadata.get_payload()
    )
    assert "](docs/" not in metadata.get_payload()
    for name in (
        "man/man1/merlin.1",
        "man/man1/merlin-check.1",
        "zsh/site-functions/_merlin",
    ):
        assert (built / "installed/share" / name).exists()
    sample = built / "installed/merlin/samples-en/algorithms"
    environment = {
        **os.environ,
        "PYTHONPATH": str(built / "installed"),
        "MERLIN_LANGUAGE": "en",
    }
    assert "errors: 0" in run_command(
        sys.executable, "-m", "merlin", "check", str(sample), cwd=built, env=environment
    )


def test_every_requirement_is_bounded_and_the_constraints_are_within(built, metadata):
    """An inner name may go with the next minor version: a wheel of today works with none later."""
    (path,) = built.glob("*-constraints.txt")
    pinned = {}
    for line in path.read_text("utf-8").splitlines():
        name, version = re.match(r"(\S+)==([^+\s]+)", line).groups()
        pinned.setdefault(name.replace("-", "."), []).append(version)
    required = [Requirement(line) for line in metadata.get_all("Requires-Dist")]
    for each in required:
        signs = {one.operator for one in each.specifier}
        assert signs in ({"=="}, {">=", "<"}) or (
            signs == {">="} and each.name not in INNER
        ), each
        versions = pinned[re.sub("[-_]", ".", each.name)]
        assert all(version in each.specifier for version in versions), each
    tight = {each.name for each in required if each.name in INNER}
    assert tight == INNER


def test_repository_of_init_becomes_a_live_model(built, tmp_path):
    """The walk of the tutorial's first page, with the installed package and an empty folder."""
    merlin = (sys.executable, "-m", "merlin")
    environment = {
        **os.environ,
        "PYTHONPATH": str(built / "installed"),
        "MERLIN_LANGUAGE": "en",
    }
    run_command(*merlin, "init", "lesson", cwd=tmp_path, env=environment)
    place = {"cwd": tmp_path / "lesson", "env": environment}
    assert "errors: 0" in run_command(*merlin, "check", **place)
    assert run_command("git", "status", "--porcelain", **place) == ""
    config = tmp_path / "lesson/config.yaml"
    (port,) = free_ports(1)  # the usual one may be in use on this machine
    text = config.read_text("utf-8").replace("8702", str(port))
    # Trained without waiting a minute for more commits.
    own = {"engine": {"listen": f"127.0.0.1:{port}"}, "daemon": {"quiet_s": 0}}
    changed = yaml.safe_load(text) | own
    config.write_text(yaml.safe_dump(changed), "utf-8")

    def is_live():
        # Until the daemon has read the repository it says so, and fails.
        status = subprocess.run(
            [*merlin, "status"], capture_output=True, text=True, **place
        )
        return re.search("first-1 .*done", status.stdout)

    with ExitStack() as processes:
        for name in ("engine", "daemon"):
            process = processes.enter_context(
                subprocess.Popen([*merlin, name], stderr=subprocess.DEVNULL, **place)
            )
            processes.callback(process.terminate)
        wait_until(is_live)
        assert "Merlin trains a model" in run_command(
            *merlin, "ask", "What are these files all for?", **place
        )
