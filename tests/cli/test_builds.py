"""Builds: the same bytes everywhere, shown by version or digest."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pipeline_lab import KEY, Lab
from tests.support.waiting import DEADLINE_S, longest

pytestmark = pytest.mark.functional

SRC = Path(__file__).parents[2]


@pytest.fixture
def folder(lab):
    """Return the folder of the serving build."""
    return next((lab.config.state_dir / "builds" / "trial").iterdir())


def read_folder(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def command(path, *arguments, **environment):
    """Run a command in its own process and environment."""
    return subprocess.run(
        [sys.executable, "-m", "merlin", *arguments, "--config", str(path)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SRC),
            KEY: "stand-in",
            **environment,
        },
        cwd=path.parent,
        capture_output=True,
        timeout=longest(DEADLINE_S),
        check=False,
    )


def test_same_content_gives_the_same_bytes_elsewhere(
    lab, folder, provider, tmp_path_factory
):
    elsewhere = tmp_path_factory.mktemp("a folder elsewhere") / "deeper"
    other = Lab(elsewhere, provider.base_url)
    shutil.rmtree(other.repository.folder)
    lab.repository.git(
        "clone", "-q", str(lab.repository.folder), str(other.repository.folder)
    )
    far = {
        "LC_ALL": "tr_TR.ISO-8859-9",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "PYTHONHASHSEED": "4242",
        "TZ": "Pacific/Kiritimati",
        "HOME": str(elsewhere),
        "TMPDIR": str(elsewhere),
    }
    built = command(other.path, "build", "trial", "--json", **far)
    assert built.returncode == 0, built.stderr
    theirs = other.config.state_dir / "builds" / "trial" / folder.name
    assert read_folder(theirs) == read_folder(folder)


def test_build_is_found_by_the_beginning_of_its_digest(folder, run, run_json):
    digest = json.loads((folder / "manifest.json").read_bytes())["digest"]
    assert run_json("show", digest[:4])["build"] == "trial-1"
    assert run("show", digest[:3])[0] == 1
