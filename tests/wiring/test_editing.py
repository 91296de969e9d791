"""Edits by the command line: with a running daemon, and refused because of another edit."""

import pytest

from merlin.app import examples
from merlin.cli.edit_session import edit_session
from merlin.core.errors import MerlinError
from merlin.dataset.changes import Edit
from merlin.db.processes import Lead
from tests.support.ending import end
from tests.support.forked_processes import start
from tests.support.pipeline_lab import KEY, Lab
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

TEXT = "messages:\n  - user: Где новый выход?\n  - assistant: Прямо.\n"


@pytest.fixture
def lab(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab.with_dataset(tmp_path, provider.base_url)
        yield lab


@pytest.fixture
def keys():
    """The keys of the messages that `report` received."""
    return []


@pytest.fixture
def report(keys):
    return lambda key, **_arguments: keys.append(key)


def test_running_daemon_makes_the_commit(lab, report, keys):
    daemon = start("daemon", lab.path, lab.folder / "daemon.log", **{KEY: "stand-in"})
    try:
        # The lock names its holder only once the daemon holds it.
        wait_until(Lead(lab.config.state_dir, lab.config.database).holder)
        with edit_session(lab.config, report) as session:
            change_id = session.commit("trial", [Edit("examples/new.yaml", None, TEXT)])
            change = session.wait(change_id)
        assert change.commit == lab.repository.head()
        assert "no-daemon" not in keys
        wait_until(lambda: lab.status()["commit"] == change.commit)
    finally:
        end(daemon)


def test_edit_of_a_file_that_another_commit_changed_is_refused(lab, report):
    with edit_session(lab.config, report) as session:
        example = examples.get(session.ctx, session.actor, "trial", "q3")
        head = lab.repository.commit_example("trial", 3, answer="Чужой ответ.")
        change_id = session.commit(
            "trial", [Edit(example.path, example.revision, TEXT)]
        )
        with pytest.raises(MerlinError) as caught:
            session.wait(change_id)
        assert caught.value.key == "change-not-saved"
        assert caught.value.arguments["reason"]["key"] == "change-conflict"
    assert lab.repository.head() == head
