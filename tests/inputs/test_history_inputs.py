"""A repository with a history that is read for the first time."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.pipeline_lab import run_command

pytestmark = pytest.mark.functional
SCRIPT = Path(__file__).parent / "files/first-read-authors.sh"


def test_each_example_of_an_existing_repository_has_its_own_author(tmp_path):
    """Not all of them that of the newest commit, as when only this one is looked at."""
    # The names of the tests' git would replace those of the script.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_AUTHOR")}
    subprocess.run(["bash", SCRIPT], cwd=tmp_path, env=env, check=True, capture_output=True)
    config = ["--config", str(tmp_path / "c.yaml")]
    code, _, error = run_command("build", "first", *config)
    assert code == 0, error
    code, out, error = run_command("show", "first-1", *config, "--json")
    assert code == 0, error
    authors = {each["id"]: each["author"] for each in json.loads(out)["examples"]}
    assert authors.pop("b") == "Boris"
    assert (len(authors), {*authors.values()}) == (16, {"Anna"})
