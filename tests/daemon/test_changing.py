"""Edits are committed by the daemon, and their editors are notified of the result."""

import hashlib
import itertools
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from peewee import PeeweeException

from merlin.app.verdicts import find_notified_editors
from merlin.core.errors import SourceError
from merlin.core.i18n import LANGUAGES, text
from merlin.daemon.changing import MAX_PAUSE_S, REFUSALS, ChangeProcessor
from merlin.dataset.changes import (
    CONFLICT,
    BatchResult,
    ChangeRequest,
    ChangeState,
    Edit,
    make_changes,
)
from merlin.dataset.commit_batch import GitBranch
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.files import FileIndex
from merlin.db.notices import Notices
from merlin.db.tables import CHANGE
from merlin.wiring.context import open_migrated_database
from tests.support.pipeline_lab import fetch_dataset

pytestmark = pytest.mark.integration

BORIS = "7"
NEW = "messages:\n  - user: Где новый вопрос?\n  - assistant: Здесь.\n"


@pytest.fixture
def lab(make_lab, tmp_path, provider):
    return make_lab(fetch_dataset, tmp_path, provider.base_url)


@contextmanager
def changes(lab):
    with open_migrated_database(lab.config) as database:
        yield lab.changes(database)


def submit_edits(lab, *edits, by=BORIS, subject=""):
    change_request = ChangeRequest(
        telegram_editor(7, "Борис"), by, datetime.now(UTC), "ru"
    )
    submitted = make_changes("trial", edits, change_request, subject)
    with changes(lab) as rows:
        rows.put(submitted)
    return submitted[0].change_id


def test_edit_that_a_force_push_removed_stays_committed_and_the_next_one_is_made(lab):
    lost = submit_edits(lab, new_file("a"))
    lab.tick("changes", "fetch")
    lab.repository.git("reset", "-q", "--hard", "HEAD~1")
    lab.tick("fetch")
    again = submit_edits(lab, new_file("a"))
    lab.tick("changes", "fetch", "changes")
    assert [read_change(lab, each).state.value for each in (lost, again)] == [
        "committed"
    ] * 2
    assert (
        lab.repository.git("log", "-1", "--format=%s")
        == "Новый пример «Где новый вопрос?»"
    )


def test_file_name_that_is_not_utf_8_does_not_block_editing(lab):
    folder = lab.repository.folder / "datasets/trial/examples"
    (folder / os.fsdecode(b"\xff.yaml")).write_text(NEW, encoding="utf-8")
    (folder / "q0.yaml").write_text(NEW, encoding="utf-8")
    lab.repository.commit()
    lab.tick("fetch")
    with lab.services() as services:
        assert FileIndex(services.db).get("trial", "q0").text == NEW


def new_file(name, text=NEW, before=None):
    return Edit(f"examples/{name}.yaml", before, text)


def read_change(lab, change_id):
    with changes(lab) as rows:
        return rows.get(change_id)


def notices(lab, to):
    with lab.services() as services:
        return [
            (notice.key, dict(notice.arguments))
            for notice in Notices(services.db).list_waiting(100)
            if notice.to == to
        ]


def blob(lab, name):
    return lab.repository.git("rev-parse", f"HEAD:datasets/trial/examples/{name}.yaml")


def test_edit_becomes_a_commit_and_its_editor_is_notified(lab):
    change_id = submit_edits(lab, new_file("new"))
    lab.tick("changes")
    head = lab.repository.head()
    change = read_change(lab, change_id)
    assert (change.state, change.commit, change.text) == (
        ChangeState.COMMITTED,
        head,
        None,
    )
    assert (
        lab.repository.git("log", "-1", "--format=%an %s")
        == "Борис Новый пример «Где новый вопрос?»"
    )
    assert notices(lab, BORIS)[-1] == (
        "notice-change-committed",
        {
            "subject": "Новый пример «Где новый вопрос?»",
            "commit": head[:10],
            "change": change_id,
        },
    )


def test_editor_of_an_example_that_is_left_out_is_told_its_place(lab):
    submit_edits(lab, new_file("bad", "messages: ["))
    lab.tick("changes", "fetch", "changes")
    key, arguments = notices(lab, BORIS)[-1]
    assert key == "notice-change-left_out-why"
    assert arguments["reason"]["arguments"]["place"] == "examples/bad.yaml:2:1"
    assert notified_editors(lab, "notice-left-out") == {BORIS}


def notified_editors(lab, key):
    """Return the editors notified of the admins' newest notice of a key."""
    arguments = [values for name, values in notices(lab, "admins") if name == key][-1]
    with open_migrated_database(lab.config) as database:
        return find_notified_editors(database, key, arguments)


def test_notices_to_admins_name_the_editor_of_the_commit(lab):
    lab.until_serving("trial-1")
    assert notified_editors(lab, "notice-serving") == set()
    submit_edits(lab, new_file("new"))
    lab.tick("changes")
    lab.until_serving("trial-2")
    assert notified_editors(lab, "notice-serving") == {BORIS}
    blob_before = lab.repository.git("rev-parse", "HEAD:datasets/trial/dataset.yaml")
    submit_edits(lab, Edit("dataset.yaml", blob_before, "title: x\n"), by="8")
    lab.tick("changes", "fetch")
    assert notified_editors(lab, "notice-rejected") == {"8"}
    lab.tick("changes")
    assert notified_editors(lab, "notice-rejected") == {"8"}, (
        "also after they were notified"
    )


def test_edit_of_a_file_that_another_commit_changed_is_refused_and_keeps_its_text(lab):
    blob_before = blob(lab, "q1")
    head = lab.repository.commit_example("trial", 1, answer="Чужой ответ.")
    change_id = submit_edits(lab, new_file("q1", NEW, blob_before))
    lab.tick("changes")
    change = read_change(lab, change_id)
    assert (change.state, change.reason) == (ChangeState.REFUSED, CONFLICT)
    assert change.text == NEW
    key, arguments = notices(lab, BORIS)[-1]
    assert (key, arguments["change"]) == ("notice-change-conflict", change_id)
    assert lab.repository.head() == head


def test_batch_is_one_commit_or_none(lab):
    first = submit_edits(
        lab,
        new_file("a"),
        new_file("b", NEW.replace("новый", "другой")),
        subject="Import 2 examples",
    )
    lab.tick("changes")
    assert lab.repository.git("log", "-1", "--format=%s") == "Import 2 examples"
    second = submit_edits(
        lab, new_file("c", NEW.replace("новый", "третий")), new_file("q1")
    )
    lab.tick("changes")
    assert read_change(lab, second).reason == CONFLICT
    assert read_change(lab, first).state is ChangeState.COMMITTED
    assert lab.repository.git("rev-list", "--count", "HEAD") == "2"
    assert (
        len([key for key, _ in notices(lab, BORIS) if key.endswith("committed")]) == 1
    )


class EventfulBranch:
    """A branch on which something happens between the claim and the push."""

    def __init__(self, branch, happen):
        self._branch = branch
        self._happen = happen

    def __getattr__(self, name):
        return getattr(self._branch, name)

    def push(self, commit, head):
        self._happen()
        return self._branch.push(commit, head)


def test_editor_who_deleted_their_data_meanwhile_gets_no_notice(lab):
    submit_edits(lab, new_file("new"))
    with open_migrated_database(lab.config) as database, lab.services() as services:
        lab.changes(database)
        delete_edits = CHANGE.delete().where(CHANGE.by_whom == BORIS)
        branch = EventfulBranch(
            GitBranch(services.gathering.source), lambda: database.change(delete_edits)
        )
        notices_ = Notices(database)
        ChangeProcessor(database, branch, lab.config, services.clock)()
        assert [
            notice for notice in notices_.list_waiting(100) if notice.to == BORIS
        ] == []
    assert (
        lab.repository.git("log", "-1", "--format=%s")
        == "Новый пример «Где новый вопрос?»"
    )


def test_edit_whose_result_was_not_stored_is_settled_by_the_same_daemon(lab):
    change_id = submit_edits(lab, new_file("new"))
    with lab.services() as services:
        rename = partial(
            services.db.script, "ALTER TABLE notice RENAME TO notice_away;\n"
        )
        branch = EventfulBranch(GitBranch(services.gathering.source), rename)
        process = ChangeProcessor(services.db, branch, lab.config, services.clock)
        with pytest.raises(PeeweeException):
            process()
        services.db.script("ALTER TABLE notice_away RENAME TO notice;\n")
        assert process()
    assert read_change(lab, change_id).state is ChangeState.COMMITTED
    assert lab.repository.git("rev-list", "--count", "HEAD") == "2"


def test_edit_that_can_never_be_written_is_refused_and_notified(lab):
    (lab.repository.folder / "datasets/trial/examples/face").write_text(
        "a file", "utf-8"
    )
    lab.repository.commit()
    change_id = submit_edits(lab, new_file("face/fixation"))
    lab.tick("changes")
    assert read_change(lab, change_id).state is ChangeState.REFUSED
    key, arguments = notices(lab, BORIS)[-1]
    assert (key, arguments["reason"]["key"]) == (
        "notice-change-refused",
        "change-in-the-way",
    )


def test_edit_waits_while_the_repository_accepts_no_push(lab):
    lab.repository.git("config", "receive.denyCurrentBranch", "refuse")
    change_id = submit_edits(lab, new_file("new"))
    with lab.services() as services:
        branch = GitBranch(services.gathering.source)
        process = ChangeProcessor(
            services.db, branch, lab.config, services.clock, lambda: 0.0
        )
        with pytest.raises(SourceError):
            process()
        assert process() is False, "it pauses"
    change = read_change(lab, change_id)
    assert (change.state, change.reason) == (ChangeState.WAITING, "change-checked-out")
    assert notices(lab, "admins")[-1][1]["reason"]["key"] == "change-checked-out"
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    lab.tick("changes")
    assert read_change(lab, change_id).state is ChangeState.COMMITTED
    assert len(notices(lab, "admins")) == 1


class FaultyBranch:
    """A branch on which writing one batch raises a bug."""

    def __init__(self, branch, batch_id):
        self._branch = branch
        self._batch_id = batch_id

    def __getattr__(self, name):
        return getattr(self._branch, name)

    def write(self, head, batch):
        if batch.batch_id == self._batch_id:
            raise ValueError("a bug")
        return self._branch.write(head, batch)


@contextmanager
def run_processor(lab, branch_of=lambda branch: branch):
    """Yield a change processor whose pauses are always over by the next call."""
    with lab.services() as services:
        branch = branch_of(GitBranch(services.gathering.source))
        seconds = itertools.count(0, 10 * MAX_PAUSE_S)
        yield ChangeProcessor(
            services.db,
            branch,
            lab.config,
            services.clock,
            lambda: float(next(seconds)),
        )


# Random text, which cannot be compressed.
NOISE = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(256))
LARGE = f"messages:\n  - user: Что это?\n  - assistant: {NOISE}\n"


def refuse_large_pushes(lab):
    lab.repository.git("config", "receive.maxInputSize", "6k")


def until_parked(changing):
    for _ in range(REFUSALS - 1):
        with pytest.raises(SourceError):
            changing()
    return changing()


def test_edit_refused_by_the_repository_is_parked_and_others_continue(lab):
    refuse_large_pushes(lab)
    bad = submit_edits(lab, new_file("large", LARGE))
    good = submit_edits(lab, new_file("new"), by="8")
    with run_processor(lab) as changing:
        assert until_parked(changing), "the next edit is committed at once"
    assert read_change(lab, good).state is ChangeState.COMMITTED
    change = read_change(lab, bad)
    assert (change.state, change.text) == (ChangeState.PARKED, LARGE)
    assert "maximum allowed size" in change.arguments["reason"]
    key, arguments = notices(lab, BORIS)[-1]
    assert (key, arguments["change"]) == ("notice-change-parked", bad)
    assert "maximum allowed size" in arguments["reason"]["arguments"]["reason"]
    assert all(text(language, key, **arguments) for language in LANGUAGES)


def test_retried_parked_edit_is_notified_again_when_refused_again(lab):
    refuse_large_pushes(lab)
    bad = submit_edits(lab, new_file("large", LARGE))
    with run_processor(lab) as changing:
        until_parked(changing)
        with changes(lab) as rows:
            assert rows.retry(bad)
            assert not rows.retry(bad)
        assert (read_change(lab, bad).state, read_change(lab, bad).reason) == (
            ChangeState.WAITING,
            "",
        )
        until_parked(changing)
        parked_keys = [
            key for key, _ in notices(lab, BORIS) if key == "notice-change-parked"
        ]
        assert len(parked_keys) == 2
        lab.repository.git("config", "--unset", "receive.maxInputSize")
        with changes(lab) as rows:
            assert rows.retry(bad)
        assert changing()
    assert read_change(lab, bad).state is ChangeState.COMMITTED


def test_admins_are_notified_of_a_parked_edit_made_outside_the_chat(lab):
    refuse_large_pushes(lab)
    bad = submit_edits(lab, new_file("large", LARGE), by="cli:boris")
    with run_processor(lab) as changing:
        until_parked(changing)
    key, arguments = notices(lab, "admins")[-1]
    assert (key, arguments["change"], arguments["by"]) == (
        "notice-change-parked-of",
        bad,
        "cli:boris",
    )
    assert all(
        "cli:boris" in text(language, key, **arguments) for language in LANGUAGES
    )


def test_edit_that_causes_a_bug_is_parked_and_others_continue(lab):
    submit_edits(lab, new_file("first"))
    bad = submit_edits(lab, new_file("odd"))
    good = submit_edits(lab, new_file("new", NEW.replace("новый", "другой")))
    with run_processor(lab, lambda branch: FaultyBranch(branch, bad)) as changing:
        assert changing(), "the commit before it is fetched at once"
        for _ in range(REFUSALS - 1):
            with pytest.raises(ValueError, match="a bug"):
                changing()
        assert changing()
    assert read_change(lab, bad).state is ChangeState.PARKED
    assert read_change(lab, good).state is ChangeState.COMMITTED


def test_file_index_follows_the_commits(lab):
    submit_edits(lab, new_file("face/new"))
    deleted_blob = blob(lab, "q3")
    text = (lab.repository.folder / "datasets/trial/examples/q3.yaml").read_text(
        "utf-8"
    )
    submit_edits(lab, Edit("examples/q3.yaml", deleted_blob, None))
    lab.tick("changes", "fetch")
    with open_migrated_database(lab.config) as database:
        shelf = FileIndex(database)
        (card,) = shelf.list_datasets()
        assert (card.name, card.title["en"], card.examples) == ("trial", "Trial", 12)
        new = shelf.get("trial", "face/new")
        assert (new.text, new.blob) == (NEW, blob(lab, "face/new"))
        assert "q3" not in shelf.list_example_ids("trial")
        assert {finding.rule for finding in shelf.list_findings("trial")} == {
            "few-examples"
        }
        assert shelf.read_text(deleted_blob) == text, (
            "what an editor took away can be put back"
        )


def test_already_committed_edit_stays_committed(lab):
    change_id = submit_edits(lab, new_file("new"))
    with changes(lab) as rows:
        batch = rows.claim()
        rows.settle(batch, BatchResult("a" * 40))
        rows.put_aside(batch, ChangeState.WAITING, "change-raced", {})
    assert read_change(lab, change_id).state is ChangeState.COMMITTED
