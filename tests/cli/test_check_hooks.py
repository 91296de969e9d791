"""The check in pre-commit, GitHub Actions and GitLab CI: their metadata, and a real run.

Sources: pre-commit's documentation, "Creating new hooks"; GitHub's, "Metadata syntax for GitHub
Actions"; GitLab's, "CI/CD YAML syntax reference".
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from merlin.cli import main
from tests.support.dataset_tree import example_yaml, make_good_files
from tests.support.markdown_pages import ROOT

pytestmark = pytest.mark.functional

HOOKS = {
    each["id"]: each
    for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
}
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
BAD = example_yaml(answer='""')


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository in the current folder; `merlin` is on the PATH."""
    programs = tmp_path / "merlin" / "bin"
    programs.mkdir(parents=True)
    (programs / "merlin").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m merlin "$@"\n'
    )
    (programs / "merlin").chmod(0o755)
    folder = tmp_path / "repository"
    for path, text in make_good_files(60).items():
        write(folder / "datasets" / "first" / path, text)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    monkeypatch.setenv("MERLIN_LANGUAGE", "en")
    monkeypatch.chdir(folder)
    subprocess.run("git init -q && git add .", shell=True, check=True)  # noqa: S602
    return folder


def write(place, text):
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, "utf-8")
    return place


def entry(hook):
    """Run a hook as pre-commit does with pass_filenames: false."""
    return subprocess.run(shlex.split(HOOKS[hook]["entry"]), capture_output=True)


@pytest.mark.parametrize(
    ("path", "is_meant"),
    [
        ("datasets/first/dataset.yaml", True),
        ("datasets/first/course.yaml", True),
        ("datasets/first/examples/a/b c.yml", True),
        ("datasets/first/materials/lecture.md", True),
        ("README.md", False),
        ("datasets/first/draft.docx", False),
        ("schemas/dataset.schema.json", False),
    ],
)
def test_hooks_run_for_the_files_of_datasets(path, is_meant):
    assert {bool(re.search(hook["files"], path)) for hook in HOOKS.values()} == {
        is_meant
    }


def test_check_hook_fails_on_an_error(repository):
    write(repository / "datasets/first/examples/bad.yaml", BAD)
    result = entry("merlin-check")
    assert result.returncode == 1
    assert b"datasets/first/examples/bad.yaml:3:5: error empty-content" in result.stdout


def test_action_has_the_keys_of_github():
    assert set(ACTION) == {"name", "description", "inputs", "runs"}
    assert all(
        set(each) == {"description", "default"} for each in ACTION["inputs"].values()
    )
    assert ACTION["runs"]["using"] == "composite"
    for step in ACTION["runs"]["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert "run" not in step or step["shell"] == "bash"
        assert "${{" not in step.get(
            "run", ""
        )  # an expression in a script would be executed
    named = re.findall(r"inputs\.(\w+)", (ROOT / "action.yml").read_text("utf-8"))
    assert set(named) == set(ACTION["inputs"])
    version = ACTION["runs"]["steps"][0]["with"]["python-version"]
    assert f'requires-python = ">={version}"' in (ROOT / "pyproject.toml").read_text(
        "utf-8"
    )


def test_action_annotates_the_lines_of_findings(repository):
    write(repository / "datasets/first/examples/bad.yaml", BAD)
    write(repository / "datasets/with blank/examples/bad.yaml", BAD)
    write(repository / "datasets/unasked/examples/bad.yaml", BAD)
    step = ACTION["runs"]["steps"][-1]
    inputs = {"paths": "datasets/first\ndatasets/with blank\n", "language": "ru"}
    told = {
        name: re.sub(
            r"\$\{\{ inputs\.(\w+) \}\}", lambda found: inputs[found[1]], value
        )
        for name, value in step["env"].items()
    }
    result = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
        env=os.environ | told,
        capture_output=True,
    )
    assert result.returncode == 1
    shown = result.stdout.decode()
    assert (
        "::error file=datasets/first/examples/bad.yaml,line=3,col=5,title=empty-content"
        in shown
    )
    assert "::error file=datasets/with blank/dataset.yaml,line=1" in shown
    assert "unasked" not in shown
    assert "Пустая реплика" in shown


def snippet(language, expected):
    """Return the only YAML block of the datasets page that contains a text."""
    page = (ROOT / "docs" / language / "dataset.md").read_text("utf-8")
    (block,) = [
        match
        for match in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        if expected in match
    ]
    return yaml.safe_load(block)


def test_gitlab_job_of_the_docs_finds_an_error(repository):
    (job,) = snippet("en", "before_script").values()
    assert [*snippet("ru", "before_script").values()] == [job]
    assert set(job) == {"image", "variables", "before_script", "script", "artifacts"}
    script = "\n".join(job["script"])
    assert (
        subprocess.run(["bash", "-e", "-c", script], capture_output=True).returncode
        == 0
    )
    write(repository / "datasets/first/examples/bad.yaml", BAD)
    result = subprocess.run(["bash", "-e", "-c", script], capture_output=True)
    assert (result.returncode, b"error empty-content" in result.stdout) == (1, True)
    (report,) = job["artifacts"]["paths"]
    assert json.loads(Path(report).read_text("utf-8"))["examples"] == 60


@pytest.mark.parametrize("language", ["en", "ru"])
def test_docs_name_existing_hooks_and_inputs(language):
    document, _ = snippet(language, "rev:")["repos"]
    assert {hook["id"] for hook in document["hooks"]} == set(HOOKS)
    (job,) = snippet(language, "runs-on")["jobs"].values()
    assert set(job["steps"][-1]["with"]) == set(ACTION["inputs"])


def test_hook_of_a_new_repository_lets_its_first_examples_be_committed(
    repository, monkeypatch
):
    fresh = repository.parent / "fresh"
    assert main(["init", str(fresh)]) == 0
    monkeypatch.chdir(fresh)
    write(
        fresh / ".git/hooks/pre-commit",
        f"#!/bin/sh\n{HOOKS['merlin-check']['entry']}\n",
    ).chmod(0o755)
    commit = "git add . && git -c user.name=V -c user.email=v@example.org commit --amend -m 'Begin'"
    result = subprocess.run(commit, shell=True, capture_output=True)  # noqa: S602
    assert result.returncode == 0, result.stdout + result.stderr
    assert b"note few-examples" in result.stdout + result.stderr


def test_new_repository_has_the_same_hook_and_valid_schema_links(tmp_path):
    folder = tmp_path / "fresh"
    assert main(["init", str(folder)]) == 0
    (document,) = yaml.safe_load(
        (folder / ".pre-commit-config.yaml").read_text("utf-8")
    )["repos"]
    (hook,) = document["hooks"]
    wanted = HOOKS["merlin-check"]
    assert {
        key: hook[key] for key in ("id", "name", "entry", "files", "pass_filenames")
    } == {
        key: wanted[key] for key in ("id", "name", "entry", "files", "pass_filenames")
    }
    for place in ("dataset.yaml", "examples/about.yaml"):
        file = folder / "datasets" / "first" / place
        first = file.read_text("utf-8").splitlines()[0]
        schema = file.parent / first.removeprefix("# yaml-language-server: $schema=")
        printed = json.loads(schema.resolve().read_text("utf-8"))
        assert printed["title"] == ("Example" if "examples" in place else "Dataset")
