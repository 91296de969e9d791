"""An edit of the command line meets a running daemon, somebody else's edit, a deaf daemon."""

from __future__ import annotations

import pytest

from merlin.app import changes, examples
from merlin.cli.daemon_requests import edit_session
from merlin.core.errors import MerlinError
from merlin.dataset.changes import ChangeState, Edit
from merlin.db.processes import Lead
from merlin.sandbox.provider.app import ProviderStandIn
from tests.support.forked_processes import start
from tests.support.pipeline_lab import KEY, Lab
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

TEXT = "messages:\n  - user: Где новый выход?\n  - assistant: Прямо.\n"


@pytest.fixture
def lab(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab(tmp_path, provider.base_url)
        lab.repository.dataset()
        lab.repository.commit()
        lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
        yield lab


@pytest.fixture
def said():
    return []


@pytest.fixture
def say(said):
    def told(key, **_arguments):
        said.append(key)

    return told


def test_a_running_daemon_makes_the_commit(lab, say, said):
    daemon = start("daemon", lab.path, lab.folder / "daemon.log", **{KEY: "stand-in"})
    try:
        # Its own id stands there when the lead is its own, not before.
        wait_until(Lead(lab.config.state_dir, lab.config.database).holder)
        with edit_session(lab.config, say) as session:
            change_id = session.commit(
                "trial", [Edit("examples/new.yaml", None, TEXT)], "", ("", "")
            )
            change = session.wait(change_id)
        assert change.commit == lab.repository.git("rev-parse", "HEAD")
        assert "no-daemon" not in said
        seen = lambda: lab.status()["commit"] == change.commit  # noqa: E731
        wait_until(seen)
    finally:
        daemon.terminate()
        daemon.join()


def test_an_edit_over_somebody_elses_is_shown_and_taken_back(lab, say):
    with edit_session(lab.config, say) as session:
        known = examples.get(session.ctx, session.actor, "trial", "q3")
        lab.repository.example("trial", 3, answer="Чужой ответ.")
        head = lab.repository.commit()
        change_id = session.commit("trial", [Edit(known.path, known.revision, TEXT)], "", ("", ""))
        with pytest.raises(MerlinError) as caught:
            session.wait(change_id)
        assert caught.value.key == "change-in-conflict"
        assert "Чужой ответ." in caught.value.arguments["difference"]
        assert changes.get(session.ctx, session.actor, change_id).state is ChangeState.REFUSED
        with pytest.raises(MerlinError) as again:
            session.wait(change_id)
        assert again.value.key == "change-was-refused"
    assert lab.repository.git("rev-parse", "HEAD") == head
