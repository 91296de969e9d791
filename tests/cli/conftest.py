"""Labs for the commands: what every test begins with is made once a module, and copied."""

from __future__ import annotations

import json
import shutil

import pytest

from merlin.cli import main
from merlin.sandbox.provider.app import ProviderStandIn
from tests.support.pipeline_lab import Lab


@pytest.fixture(scope="module")
def provider():
    with ProviderStandIn(key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def made(provider, tmp_path_factory):
    """Return what makes a lab the first time and copies it: (prepare, folder) to a lab."""
    folders = {}

    def make(prepare, folder):
        if prepare not in folders:
            first = Lab(tmp_path_factory.mktemp("lab"), provider.base_url)
            prepare(first)
            folders[prepare] = first.folder
        shutil.copytree(folders[prepare], folder, dirs_exist_ok=True)
        return Lab(folder, provider.base_url)

    return make


@pytest.fixture
def committed_lab(made, tmp_path):
    """Return a lab whose repository holds one dataset, which takes pushes."""
    return made(_commit, tmp_path)


@pytest.fixture
def serving(made, tmp_path):
    """Return a lab whose first build serves."""
    return made(_serve, tmp_path)


def _commit(lab):
    lab.repository.dataset()
    lab.repository.commit("First words")
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")


def _serve(lab):
    _commit(lab)
    lab.until_serving("trial-1")


@pytest.fixture
def run(lab, capsys):
    """Return what runs a command on the lab: (exit code, what it wrote)."""

    def call(*words):
        capsys.readouterr()
        code = main([*words, "--config", str(lab.path)])
        return code, capsys.readouterr()

    return call


@pytest.fixture
def run_json(run):
    """Return what runs a command that must succeed, and reads its JSON."""

    def call(*words):
        code, captured = run(*words, "--json")
        assert code == 0, captured.err
        return json.loads(captured.out)

    return call
