"""`merlin verify`: builds match their commits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from merlin.db.processes import Heartbeats
from merlin.wiring.context import open_read_only
from tests.support.forked_processes import run_processes
from tests.support.pipeline_lab import KEY, Lab
from tests.support.waiting import DEADLINE_S, longest, wait_until

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
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SRC), KEY: "stand-in", **environment},
        cwd=path.parent,
        capture_output=True,
        timeout=longest(DEADLINE_S),
        check=False,
    )


def is_leading(lab):
    with open_read_only(lab.config) as database:
        return any(beat.process == "daemon" for beat in Heartbeats(database).list_all())


def read_files(lab):
    """Return content and modification time of every file of builds and mirror."""
    state = lab.config.state_dir
    places = (*state.glob("builds/**/*"), *state.glob("mirror.git/**/*"))
    files = [path for path in places if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def test_build_equals_its_commit_and_verify_writes_nothing(lab, folder, run, run_json):
    before = read_files(lab)
    code, captured = run("verify", "trial-1")
    assert (code, "trial-1 is the same" in captured.out) == (0, True), captured
    proof = run_json("verify", json.loads((folder / "manifest.json").read_bytes())["digest"][:8])
    assert (proof["build"], proof["state"], proof["files"]) == ("trial-1", "same", [])
    assert proof["made"] == proof["digest"]
    assert run_json("show", proof["digest"][:4])["build"] == "trial-1"
    assert run("show", proof["digest"][:3])[0] == 1
    assert read_files(lab) == before


def test_tokens_of_a_build_are_those_of_all_its_examples(folder, run, run_json):
    """So are those on the pages, which read the same `BuildView.tokens`."""
    build = run_json("show", "trial-1")
    assert build["tokens"] == sum(example["tokens"] for example in build["examples"])
    assert build["tokens"] == build["train_tokens"] + build["test_tokens"] > build["train_tokens"]
    assert str(build["tokens"]) in run("builds")[1].out.split()


def test_same_content_gives_the_same_bytes_elsewhere(lab, folder, provider, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("a folder elsewhere") / "deeper"
    other = Lab(elsewhere, provider.base_url)
    shutil.rmtree(other.repository.folder)
    lab.repository.git("clone", "-q", str(lab.repository.folder), str(other.repository.folder))
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


@pytest.mark.parametrize("language", ["ru", "en"])
def test_different_byte_is_reported_with_its_file(folder, run, monkeypatch, language):
    monkeypatch.setenv("MERLIN_LANGUAGE", language)
    content = (folder / "train.jsonl").read_bytes()
    (folder / "train.jsonl").write_bytes(content.replace("ответ".encode(), "отвел".encode(), 1))
    (folder / "test.jsonl").unlink()
    code, captured = run("verify", "trial-1")
    assert (code, captured.err) == (1, "")
    words = {"ru": "train.jsonl: файла нет, или байты другие"}
    assert words.get(language, "train.jsonl is missing or has other bytes") in captured.out
    assert "test.jsonl" in captured.out
    proof = json.loads(run("verify", "trial-1", "--json")[1].out)
    assert (proof["state"], proof["files"]) == ("different", ["train.jsonl", "test.jsonl"])


def test_folder_of_another_build_is_detected(lab, folder, run_json, run):
    """A folder of another build in its place proves itself, and is still found."""
    lab.repository.example("trial", 40)
    lab.repository.commit()
    assert run_json("build", "trial")["build"] == "trial-2"
    (second,) = (path for path in folder.parent.iterdir() if path != folder)
    shutil.rmtree(folder)
    shutil.copytree(second, folder)
    proof = json.loads(run("verify", "trial-1", "--json")[1].out)
    assert (proof["state"], proof["made"] == proof["digest"]) == ("different", True)


def test_missing_folder_is_named(folder, run):
    shutil.rmtree(folder)
    code, captured = run("verify", "trial-1")
    assert (code, "is missing" in captured.out, folder.exists()) == (0, True, False)


def test_different_limits_give_another_build_and_are_reported(lab, folder, run):
    document = yaml.safe_load(lab.path.read_text("utf-8"))
    models = {"stand-in-base": {"training_example": 60}}
    lab.repository.example("trial", 41, answer="слово " * 100)
    lab.repository.commit()
    assert run("build", "trial")[0] == 0
    lab.path.write_text(yaml.safe_dump({**document, "models": models}), "utf-8")
    code, captured = run("verify", "trial-2")
    assert (code, "now gives other files" in captured.out) == (1, True), captured
    assert run("verify", "trial-1")[0] == 0


def test_later_recipe_does_not_make_a_build_differ(lab, folder, run_json):
    """The second commit leads to the same files with another manifest."""
    recipe = {"provider": "stand-in", "base_model": "stand-in-base", "suffix": "other"}
    lab.repository.dataset(recipe={**recipe, "hyperparameters": {"n_epochs": 2}})
    second = lab.repository.commit()
    assert run_json("build", "trial")["build"] == "trial-1"
    proof = run_json("verify", "trial-1")
    assert (proof["state"], proof["commit"] == second) == ("same", False)


def test_commit_missing_in_the_mirror_is_reported(lab, run):
    shutil.rmtree(lab.config.state_dir / "mirror.git")
    code, captured = run("verify", "trial-1")
    assert (code, "Fetch it: merlin build trial" in captured.err) == (1, True), captured
    assert run("build", "trial")[0] == 0
    assert run("verify", "trial-1")[0] == 0


def test_build_is_verified_beside_a_daemon(lab, folder, run_json):
    with run_processes(lab.path, "daemon") as (process,):
        wait_until(lambda: is_leading(lab))
        assert run_json("verify", "trial-1")["state"] == "same"
        assert process.is_alive()


@pytest.mark.parametrize("command_name", ["verify", "show"])
def test_unknown_build_is_reported(run, command_name):
    code, captured = run(command_name, "trial-77")
    assert (code, "trial-77" in captured.err) == (1, True)
