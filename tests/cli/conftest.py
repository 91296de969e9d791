"""Labs for the commands: the initial state is made once per module and copied for each test."""

import json
import os
import signal
import time
from types import SimpleNamespace

import pytest

from merlin.cli import account_import, daemon_requests, main
from merlin.db.processes import Lead
from merlin.wiring.context import open_migrated_database
from tests.support.forked_processes import run_command, start_function, wait_for_exit
from tests.support.pipeline_lab import lab_maker
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def provider():
    with ProviderStandIn(key="stand-in") as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def copy_lab(tmp_path_factory):
    """Return a function (prepare, folder, provider_url) -> lab: prepared once, then copied."""
    return lab_maker(tmp_path_factory.mktemp("labs"))


@pytest.fixture(scope="module")
def make_lab(provider, copy_lab):
    """Return a function (prepare, folder) -> lab of the module's provider."""
    return lambda prepare, folder: copy_lab(prepare, folder, provider.base_url)


@pytest.fixture
def committed_lab(make_lab, tmp_path):
    """Return a lab whose repository has one dataset."""
    return make_lab(_commit, tmp_path)


@pytest.fixture
def fetched_lab(make_lab, tmp_path):
    """Return a lab whose repository has one dataset, which is fetched."""
    return make_lab(_fetch, tmp_path)


@pytest.fixture
def serving(make_lab, tmp_path):
    """Return a lab whose first build serves."""
    return make_lab(_serve, tmp_path)


def _commit(lab):
    lab.repository.commit_dataset(subject="First words")


def _fetch(lab):
    _commit(lab)
    lab.tick("fetch")


def _serve(lab):
    _fetch(lab)
    lab.until_serving("trial-1")


@pytest.fixture
def lab(serving):
    """Return the lab on which a test runs commands, unless its file has another one."""
    return serving


@pytest.fixture
def count_questions(provider):
    """Return a function that counts the questions since this test began."""
    before = len(provider.calls("chat.create"))
    return lambda: len(provider.calls("chat.create")) - before


@pytest.fixture
def run(lab, capsys):
    """Return a function that runs a command on the lab: (exit code, output)."""

    def call(*arguments):
        capsys.readouterr()
        code = main([*arguments, "--config", str(lab.path)])
        return code, capsys.readouterr()

    return call


@pytest.fixture
def run_json(run):
    """Return a function that runs a command that must succeed, and returns its JSON."""

    def call(*arguments):
        code, captured = run(*arguments, "--json")
        assert code == 0, captured.err
        return json.loads(captured.out)

    return call


@pytest.fixture
def interrupt_edit(lab):
    """Return a function that interrupts a command once its edit waits: (exit code, output).

    The daemon beside it only fetches.
    """

    def call(*arguments, **environment):
        log = lab.folder / "interrupted.log"
        command = [*arguments, "--config", str(lab.path)]
        lab.tick("fetch")
        with Lead(lab.config.state_dir, lab.config.database) as lead:
            assert lead.take()
            editing = start_function(run_command, command, log, environment)
            wait_until(lambda: "waiting" in log.read_text("utf-8"))
            lab.tick("serve")
            with open_migrated_database(lab.config) as database:
                wait_until(lambda: lab.changes(database).list_pending("trial"))
            os.kill(editing.pid, signal.SIGINT)
            return wait_for_exit(editing), log.read_text("utf-8")

    return call


@pytest.fixture
def beside_daemon(lab, monkeypatch):
    """Let a daemon lead; return a function that sets what it does whenever a command waits.

    A number is the seconds that pass meanwhile.
    """
    now = time.monotonic()
    turns = []

    def wait(_seconds):
        nonlocal now
        turn = turns.pop(0)
        if callable(turn):
            turn()
        else:
            now += turn

    clock = SimpleNamespace(monotonic=lambda: now, sleep=wait)
    for module in (daemon_requests, account_import):
        monkeypatch.setattr(module, "time", clock)
    with Lead(lab.config.state_dir, lab.config.database) as lead:
        assert lead.take()
        yield lambda *acts: turns.extend(acts)
    assert turns == []
