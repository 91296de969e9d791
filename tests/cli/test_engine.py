"""`merlin engine`: its own process, and the download of base models."""

import pytest
import yaml

from merlin.cli import main
from tests.engine.base_library import write_base

pytestmark = pytest.mark.functional


@pytest.fixture
def base(tmp_path):
    """The files of a base in a folder, without any library."""
    return write_base(tmp_path / "bases" / "small")


@pytest.fixture
def merlin(base, tmp_path, capsys):
    """Return a function that runs `merlin engine`: (exit code, stdout, stderr)."""
    models = {
        "small": {"path": "bases/small"},
        "far": {"hub": "anna/far"},
    }
    path = tmp_path / "config.yaml"
    settings = {"state_dir": "state", "engine": {"models": models}}
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    def run(*arguments):
        code = main(["engine", *arguments, "--config", str(path)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_pull_names_the_folder_and_that_it_already_existed(merlin, base):
    code, _, err = merlin("pull", "small")
    assert (code, f"was already here: {base}" in err) == (0, True)


def test_unknown_base_is_refused_with_the_existing_ones(merlin):
    code, _, err = merlin("pull", "large")
    assert (code, "small, far" in err) == (1, True)


def test_engine_command_alone_starts_the_server_and_needs_its_key(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MERLIN_ENGINE_KEY", raising=False)
    path = tmp_path / "config.yaml"
    path.write_text("state_dir: s", encoding="utf-8")
    assert main(["engine", "--config", str(path)]) == 2
    assert "MERLIN_ENGINE_KEY" in capsys.readouterr().err
