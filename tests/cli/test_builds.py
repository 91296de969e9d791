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
def lab(serving):
    return serving


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


def test_unknown_build_is_reported(run):
    code, captured = run("show", "trial-77")
    assert (code, "trial-77" in captured.err) == (1, True)


def test_build_is_shown_with_its_examples(run, run_json):
    build = run_json("show", "trial-1")
    assert len(build["examples"]) == build["train"] + build["test"] == 12
    code, captured = run("show", "trial-1")
    lines = captured.out.splitlines()
    assert code == 0
    assert "build: trial-1" in lines
    assert f"digest: {build['digest']}" in lines
    shown = [line.split() for line in lines[-12:]]
    assert [line[0] for line in shown] == [each["id"] for each in build["examples"]]
    assert {line[-1] for line in shown} == {"boris"}


def test_difference_of_builds_is_a_line_of_each_example(lab, run, run_json):
    examples = lab.repository.folder / "datasets/trial/examples"
    (examples / "q1.yaml").unlink()
    lab.repository.example("trial", 2, answer="Понятие 2 значит другое.")
    lab.repository.commit_example("trial", 42)
    lab.until_serving("trial-2")
    assert run_json("diff", "trial-1", "trial-2") == {
        "added": ["q42"],
        "removed": ["q1"],
        "changed": ["q2"],
        "moved": [],
    }
    shown = run("diff", "trial-1", "trial-2")[1].out
    assert shown.splitlines() == ["+ q42", "- q1", "~ q2"]
    code, captured = run("diff", "trial-2", "trial-2")
    assert (code, captured.out) == (0, "")
    assert "have the same examples" in captured.err


def test_log_says_why_a_commit_waits_and_what_came_after(lab, run):
    lab.repository.commit_example("trial", 42, subject="Another word [skip train]")
    lab.tick("fetch", "launch")
    skipped = run("log")[1].out.splitlines()
    assert skipped[1] == "    the commit says [skip train]"
    broken = lab.repository.folder / "datasets/trial/examples/q43.yaml"
    broken.write_text("messages: [", "utf-8")
    lab.repository.commit("A broken word")
    lab.tick("fetch")
    mending = lab.repository.commit_example("trial", 43)
    lab.tick("fetch")
    mended = next(line for line in run("log")[1].out.splitlines() if "broken" in line)
    assert f"  fixed in {mending[:10]}" in mended
