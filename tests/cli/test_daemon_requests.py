"""What a command leaves to a daemon, waits for, or does itself where none is running."""

import json
import shutil

import pytest

from merlin.dataset.changes import Changes
from merlin.db.processes import Lead
from merlin.db.requests import RequestKind, Requests, RequestState
from merlin.wiring.context import open_migrated_database

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(committed_lab):
    return committed_lab


def read_request(lab, number=1):
    with open_migrated_database(lab.config) as database:
        return Requests(database).get(number)


def test_request_is_left_to_the_daemon_without_waiting(lab, run, run_json):
    code, captured = run("build", "trial", "--no-wait")
    assert (code, captured.out) == (0, "")
    assert captured.err.splitlines() == [
        "The daemon will do it (task 1).",
        "Next: merlin status",
    ]
    assert run_json("build", "trial", "--no-wait") == {"request": 2}
    assert read_request(lab).state is RequestState.WAITING


def test_late_daemon_is_reported_with_what_to_check(lab, run, beside_daemon):
    beside_daemon(31, 31, lambda: lab.tick("serve"))
    code, captured = run("build", "trial")
    assert code == 0, captured.err
    late = "The daemon hasn't responded for 30 s; task 1 is saved"
    assert captured.err.count(late) == 2
    assert captured.err.count("waiting") == 1


def test_request_that_the_daemon_has_begun_outlives_its_command(
    lab, run, beside_daemon
):
    def begin_and_interrupt():
        with open_migrated_database(lab.config) as database:
            Requests(database).claim([RequestKind.BUILD])
        raise KeyboardInterrupt

    beside_daemon(begin_and_interrupt)
    code, captured = run("build", "trial")
    assert (code, "The daemon will do it (task 1)" in captured.err) == (130, True)
    assert read_request(lab).state is RequestState.WORKING


def test_work_that_is_interrupted_is_not_done_later(lab, run, tmp_path, monkeypatch):
    """Ctrl-C during a fetch of a command that works without a daemon."""
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(
        '#!/bin/sh\ncase "$*" in *fetch*) kill -INT $PPID; exit 1;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    git.chmod(0o755)
    with monkeypatch.context() as interrupting:
        interrupting.setenv("PATH", str(git.parent), prepend=":")
        code, captured = run("build", "trial")
    assert (code, captured.out) == (130, ""), captured.err
    assert read_request(lab).state is RequestState.FAILED
    assert run("build", "trial")[0] == 0


def test_edit_that_a_killed_daemon_had_begun_is_committed_by_the_next_build(
    lab, run, tmp_path
):
    rows = tmp_path / "rows.csv"
    rows.write_text("question,answer\nГде вход?,Сзади.\n", "utf-8")
    assert run("import", str(rows), "--dataset", "trial", "--no-wait")[0] == 0
    with open_migrated_database(lab.config) as database:
        assert Changes(database).claim() is not None
    assert run("build", "trial")[0] == 0
    path = lab.repository.folder / "datasets/trial/examples/где-вход.yaml"
    assert "Сзади." in path.read_text("utf-8")


def list_exported(run):
    """Return the questions that `merlin export` writes."""
    code, captured = run("export", "trial")
    assert code == 0, captured.err
    records = map(json.loads, captured.out.splitlines())
    return [record["messages"][1]["content"] for record in records]


def test_export_reads_the_newest_commit_that_was_fetched(lab, run):
    code, captured = run("export", "trial")
    assert (code, captured.out) == (1, "")
    assert run("build", "trial")[0] == 0
    assert len(list_exported(run)) == 12
    lab.repository.commit_example("trial", 42, question="Где вход?")
    assert "Где вход?" not in list_exported(run), "it was not fetched yet"
    assert run("build", "trial")[0] == 0
    with Lead(lab.config.state_dir, lab.config.database) as lead:
        assert lead.take()
        assert "Где вход?" not in list_exported(run), "a daemon reads the files"
    assert "Где вход?" in list_exported(run)
