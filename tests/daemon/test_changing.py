"""Edits become commits of the daemon, and their editors hear what they led to."""

from __future__ import annotations

import hashlib
import itertools
import os
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from merlin.app.verdicts import find_notified_editors
from merlin.core.errors import SourceError
from merlin.core.i18n import LANGUAGES, text
from merlin.daemon.changing import MAX_PAUSE_S, REFUSALS, ChangeProcessor
from merlin.dataset.changes import (
    BatchResult,
    ChangeRequest,
    Changes,
    ChangeState,
    Edit,
    make_changes,
)
from merlin.dataset.commit_batch import GitBranch
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.files import FileIndex, sync_files
from merlin.db.notices import Notices
from merlin.db.tables import CHANGE
from merlin.wiring.context import make_cipher, opened

pytestmark = pytest.mark.integration

BORIS = "7"
NEW = "messages:\n  - user: Где новый вопрос?\n  - assistant: Здесь.\n"


def changes_of(lab, database):
    database.cipher = make_cipher(lab.config)
    return Changes(database)


@pytest.fixture
def lab(lab):
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    lab.tick("fetch")
    return lab


@contextmanager
def changes(lab):
    with opened(lab.config) as database:
        yield changes_of(lab, database)


def ask(lab, *edits, by=BORIS, subject=""):
    asked = ChangeRequest(telegram_editor(7, "Борис"), by, datetime.now(UTC))
    made = make_changes("trial", edits, asked, subject)
    with changes(lab) as rows:
        rows.put(made)
    return made[0].change_id


def test_a_file_name_that_is_no_text_stops_no_editing(lab):
    folder = lab.repository.folder / "datasets/trial/examples"
    (folder / os.fsdecode(b"\xff.yaml")).write_text(NEW, encoding="utf-8")
    (folder / "q0.yaml").write_text(NEW, encoding="utf-8")
    lab.repository.commit()
    lab.tick("fetch")
    with lab.services() as services:
        assert FileIndex(services.db).one("trial", "q0").text == NEW


def add(name, text=NEW, before=None):
    return Edit(f"examples/{name}.yaml", before, text)


def stands(lab, change_id):
    with changes(lab) as rows:
        return rows.get(change_id)


def notices(lab, to):
    with lab.services() as services:
        return [
            (notice.key, dict(notice.arguments))
            for notice in Notices(services.db).waiting(100)
            if notice.to == to
        ]


def blob(lab, name):
    return lab.repository.git("rev-parse", f"HEAD:datasets/trial/examples/{name}.yaml")


def test_an_edit_becomes_a_commit_and_its_editor_is_told(lab):
    change_id = ask(lab, add("new"))
    lab.tick("changes")
    head = lab.repository.git("rev-parse", "HEAD")
    change = stands(lab, change_id)
    assert (change.state, change.commit, change.text) == (ChangeState.COMMITTED, head, None)
    assert lab.repository.git("log", "-1", "--format=%an %s") == "Борис Add example new"
    question = {"key": "page-source-quoted", "arguments": {"question": "Где новый вопрос?"}}
    assert notices(lab, BORIS)[-1] == (
        "notice-change-committed",
        {
            "subject": {"key": "subject-example-add", "arguments": {"example": question}},
            "commit": head[:10],
        },
    )


def test_the_verdict_comes_back_to_the_editor_with_the_difference(lab):
    lab.until_serving("trial-1")
    ask(lab, add("new"))
    lab.tick("changes")
    lab.until_serving("trial-2")
    lab.tick("changes", "changes")
    told = [arguments for key, arguments in notices(lab, BORIS) if key.endswith("serving")]
    assert [notice["version"] for notice in told] == ["trial-2"]
    assert told[0]["score"]["key"] == "change-score-against"
    assert told[0]["score"]["arguments"]["before"] == "trial-1"


def test_a_verdict_names_no_difference_to_a_model_that_was_asked_other_questions(lab):
    lab.until_serving("trial-1")
    ask(lab, add("new", f"{NEW}split: test\n"))
    lab.tick("changes")
    lab.until_serving("trial-2")
    lab.tick("changes", "changes")
    told = [arguments for key, arguments in notices(lab, BORIS) if key.endswith("serving")]
    assert [notice["score"]["key"] for notice in told] == ["change-score"]


def test_a_rejected_edit_is_told_with_its_reason(lab):
    ask(
        lab,
        Edit(
            "dataset.yaml",
            lab.repository.git("rev-parse", "HEAD:datasets/trial/dataset.yaml"),
            "title: x\n",
        ),
    )
    lab.tick("changes", "fetch", "changes")
    key, told = notices(lab, BORIS)[-1]
    assert (key, told["reason"]["key"]) == ("notice-change-rejected-why", "verdict-rejected")


def told_of(lab, key, like=""):
    """Return who hears of the admins' newest notice of a key as an editor, or of one `like` it."""
    arguments = [told for name, told in notices(lab, "admins") if name == key][-1]
    with opened(lab.config) as database:
        return find_notified_editors(database, like or key, arguments)


def test_who_made_an_edit_is_known_to_each_verdict_that_admins_hear_of(lab):
    lab.until_serving("trial-1")
    assert told_of(lab, "notice-serving") == set()
    ask(lab, add("new"))
    lab.tick("changes")
    lab.until_serving("trial-2")
    assert told_of(lab, "notice-serving") == {BORIS}
    assert told_of(lab, "notice-serving", like="notice-deed-promote") == {BORIS}
    seen = lab.repository.git("rev-parse", "HEAD:datasets/trial/dataset.yaml")
    ask(lab, Edit("dataset.yaml", seen, "title: x\n"), by="8")
    lab.tick("changes", "fetch")
    assert told_of(lab, "notice-rejected") == {"8"}
    lab.tick("changes")
    assert told_of(lab, "notice-rejected") == {"8"}, "also once they were told"


def test_a_conflict_keeps_the_edit_and_tells_both_texts(lab):
    seen = blob(lab, "q1")
    lab.repository.example("trial", 1, answer="Чужой ответ.")
    lab.repository.commit()
    change_id = ask(lab, add("q1", NEW, seen))
    lab.tick("changes")
    change = stands(lab, change_id)
    assert (change.state, change.text) == (ChangeState.CONFLICT, NEW)
    assert "Чужой ответ." in change.theirs.text
    key, told = notices(lab, BORIS)[-1]
    assert (key, told["ours"]) == ("notice-change-conflict", NEW)
    assert "Чужой ответ." in told["theirs"]
    with changes(lab) as rows:
        assert rows.resubmit(change_id, NEW, change.theirs.blob)
        assert not rows.resubmit(change_id, NEW, change.theirs.blob)
    lab.tick("changes")
    assert stands(lab, change_id).state is ChangeState.COMMITTED
    assert (lab.repository.folder / "datasets/trial/examples/q1.yaml").read_text("utf-8") == NEW


def test_a_conflict_may_be_given_up(lab):
    change_id = ask(lab, add("q1"))
    lab.tick("changes")
    with changes(lab) as rows:
        assert rows.give_up(change_id)
        assert not rows.give_up(change_id)
    lab.tick("changes")
    assert stands(lab, change_id).state is ChangeState.REFUSED
    assert lab.repository.git("status", "--porcelain") == ""


def test_a_batch_is_one_commit_or_none(lab):
    first = ask(
        lab, add("a"), add("b", NEW.replace("новый", "другой")), subject="Import 2 examples"
    )
    lab.tick("changes")
    assert lab.repository.git("log", "-1", "--format=%s") == "Import 2 examples"
    assert lab.repository.git("rev-list", "--count", "HEAD") == "2"
    second = ask(lab, add("c", NEW.replace("новый", "третий")), add("q1"))
    lab.tick("changes")
    assert stands(lab, second).state is ChangeState.CONFLICT
    assert stands(lab, first).state is ChangeState.COMMITTED
    assert lab.repository.git("rev-list", "--count", "HEAD") == "2"
    assert len([key for key, _ in notices(lab, BORIS) if key.endswith("committed")]) == 1


class Leaving:
    """The branch, on which somebody deletes everything between the claim and the push."""

    def __init__(self, branch, leave):
        self._branch = branch
        self._leave = leave

    def __getattr__(self, name):
        return getattr(self._branch, name)

    def push(self, commit, head):
        self._leave()
        return self._branch.push(commit, head)


def test_who_deleted_everything_meanwhile_is_told_nothing(lab):
    ask(lab, add("new"))
    with opened(lab.config) as database, lab.services() as services:
        changes_of(lab, database)
        theirs = CHANGE.delete().where(CHANGE.by_whom == BORIS)
        branch = Leaving(GitBranch(services.build_settings.source), lambda: database.change(theirs))
        notices_ = Notices(database)
        ChangeProcessor(database, branch, services.clock)()
        assert [notice for notice in notices_.waiting(100) if notice.to == BORIS] == []
    assert lab.repository.git("log", "-1", "--format=%s") == "Add example new"


def test_what_can_never_be_written_is_refused_and_told(lab):
    (lab.repository.folder / "datasets/trial/examples/face").write_text("a file", "utf-8")
    lab.repository.commit()
    change_id = ask(lab, add("face/fixation"))
    lab.tick("changes")
    assert stands(lab, change_id).state is ChangeState.REFUSED
    key, told = notices(lab, BORIS)[-1]
    assert (key, told["reason"]["key"]) == ("notice-change-refused", "change-in-the-way")


def test_a_repository_that_takes_no_push_keeps_the_edit_waiting(lab):
    lab.repository.git("config", "receive.denyCurrentBranch", "refuse")
    change_id = ask(lab, add("new"))
    with lab.services() as services:
        branch = GitBranch(services.build_settings.source)
        still = ChangeProcessor(services.db, branch, services.clock, lambda: 0.0)
        with pytest.raises(SourceError):
            still()
        assert still() is False, "it rests"
    change = stands(lab, change_id)
    assert (change.state, change.reason) == (ChangeState.WAITING, "change-checked-out")
    assert notices(lab, "admins")[-1][1]["reason"]["key"] == "change-checked-out"
    lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    lab.tick("changes")
    assert stands(lab, change_id).state is ChangeState.COMMITTED
    assert len(notices(lab, "admins")) == 1


class Odd:
    """The branch, where writing one change meets a bug."""

    def __init__(self, branch, batch_id):
        self._branch = branch
        self._batch_id = batch_id

    def __getattr__(self, name):
        return getattr(self._branch, name)

    def write(self, head, batch):
        if batch.batch_id == self._batch_id:
            raise ValueError("something odd")
        return self._branch.write(head, batch)


@contextmanager
def at_work(lab, branch_of=lambda branch: branch):
    """Yield the tick of changes with every pause over by the next call."""
    with lab.services() as services:
        branch = branch_of(GitBranch(services.build_settings.source))
        seconds = itertools.count(0, 10 * MAX_PAUSE_S)
        yield ChangeProcessor(services.db, branch, services.clock, lambda: float(next(seconds)))


# No compression makes it small.
NOISE = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(256))
LARGE = f"messages:\n  - user: Что это?\n  - assistant: {NOISE}\n"


def refuse_large_pushes(lab):
    lab.repository.git("config", "receive.maxInputSize", "6k")


def until_parked(changing):
    for _ in range(REFUSALS - 1):
        with pytest.raises(SourceError):
            changing()
    return changing()


def test_an_edit_that_the_repository_refuses_is_parked_and_the_others_go_on(lab):
    refuse_large_pushes(lab)
    bad = ask(lab, add("large", LARGE))
    good = ask(lab, add("new"), by="8")
    with at_work(lab) as changing:
        assert until_parked(changing), "the next edit is committed at once"
    assert stands(lab, good).state is ChangeState.COMMITTED
    change = stands(lab, bad)
    assert (change.state, change.text) == (ChangeState.PARKED, LARGE)
    assert "maximum allowed size" in change.arguments["reason"]
    key, told = notices(lab, BORIS)[-1]
    assert (key, told["change"]) == ("notice-change-parked", bad)
    assert "maximum allowed size" in told["reason"]["arguments"]["reason"]
    assert all(text(language, key, **told) for language in LANGUAGES)


def test_a_parked_edit_is_taken_up_again_and_told_again_where_it_is_refused_again(lab):
    refuse_large_pushes(lab)
    bad = ask(lab, add("large", LARGE))
    with at_work(lab) as changing:
        until_parked(changing)
        with changes(lab) as rows:
            assert rows.retry(bad)
            assert not rows.retry(bad)
        assert (stands(lab, bad).state, stands(lab, bad).reason) == (ChangeState.WAITING, "")
        until_parked(changing)
        told = [key for key, _ in notices(lab, BORIS) if key == "notice-change-parked"]
        assert len(told) == 2
        lab.repository.git("config", "--unset", "receive.maxInputSize")
        with changes(lab) as rows:
            assert rows.retry(bad)
        assert changing()
    assert stands(lab, bad).state is ChangeState.COMMITTED


def test_a_parked_edit_may_be_taken_back(lab):
    refuse_large_pushes(lab)
    bad = ask(lab, add("large", LARGE))
    with at_work(lab) as changing:
        until_parked(changing)
    with changes(lab) as rows:
        assert rows.count_open(BORIS) == 1
        assert rows.give_up(bad)
        assert not rows.retry(bad)
        assert rows.count_open(BORIS) == 0


def test_a_parked_edit_of_nobody_in_the_chat_is_told_to_the_admins(lab):
    refuse_large_pushes(lab)
    bad = ask(lab, add("large", LARGE), by="cli:boris")
    with at_work(lab) as changing:
        until_parked(changing)
    key, told = notices(lab, "admins")[-1]
    assert (key, told["change"], told["by"]) == ("notice-change-parked-of", bad, "cli:boris")
    assert all(bad in text(language, key, **told) for language in LANGUAGES)


def test_an_edit_that_meets_a_bug_is_parked_and_the_others_go_on(lab):
    bad = ask(lab, add("odd"))
    good = ask(lab, add("new", NEW.replace("новый", "другой")))
    with at_work(lab, lambda branch: Odd(branch, bad)) as changing:
        for _ in range(REFUSALS):
            with pytest.raises(ValueError, match="odd"):
                changing()
        assert changing()
    assert stands(lab, bad).state is ChangeState.PARKED
    assert stands(lab, good).state is ChangeState.COMMITTED


def test_what_a_dead_daemon_was_at_is_taken_up_again(lab):
    change_id = ask(lab, add("new"))
    with changes(lab) as rows:
        assert rows.claim().first.change_id == change_id
        assert rows.claim() is None
    lab.tick("changes")
    assert stands(lab, change_id).state is ChangeState.COMMITTED


def test_the_files_that_editors_see_follow_the_commits(lab):
    ask(lab, add("face/new"))
    gone = blob(lab, "q3")
    text = (lab.repository.folder / "datasets/trial/examples/q3.yaml").read_text("utf-8")
    ask(lab, Edit("examples/q3.yaml", gone, None))
    lab.tick("changes", "fetch")
    with opened(lab.config) as database:
        shelf = FileIndex(database)
        (card,) = shelf.datasets()
        assert (card.name, card.title["en"], card.examples) == ("trial", "Trial", 12)
        new = shelf.one("trial", "face/new")
        assert (new.text, new.blob) == (NEW, blob(lab, "face/new"))
        assert [each.example_id for each in shelf.find("НОВЫЙ вопрос")] == ["face/new"]
        ids = [example.example_id for example in shelf.examples("trial", limit=100)]
        assert "q3" not in ids
        assert ids[0] == "face/new"
        assert shelf.files("trial")[0].path == "dataset.yaml"
        assert {finding.rule for finding in shelf.findings("trial")} == {"few-examples"}
        assert shelf.text(gone) == text, "what an editor took away can be put back"


def test_bytes_that_are_no_text_are_listed_without_one(lab):
    path = lab.repository.folder / "datasets/trial/examples/odd.yaml"
    path.write_bytes(b"\xff\xfe")
    (path.parent / "nul.yaml").write_bytes(b"a\0b")
    lab.repository.commit()
    lab.tick("fetch")
    with opened(lab.config) as database:
        shelf = FileIndex(database)
        assert shelf.one("trial", "odd").text is None
        assert shelf.one("trial", "nul").text is None


def test_before_the_first_commit_nothing_is_kept(lab):
    with opened(lab.config) as database:
        database.sql("UPDATE seen_commit SET position = NULL")
        with lab.services() as services:
            assert sync_files(services.build_settings.source, FileIndex(services.db)) is False


def test_a_removed_dataset_is_on_no_shelf(lab):
    lab.repository.git("rm", "-q", "-r", "datasets/trial")
    lab.repository.commit("Remove")
    lab.tick("fetch")
    with opened(lab.config) as database:
        assert FileIndex(database).datasets() == []


def test_an_edit_in_a_batch_that_is_settled_already_is_settled_once(lab):
    change_id = ask(lab, add("new"))
    with changes(lab) as rows:
        batch = rows.claim()
        rows.settle(batch, BatchResult("a" * 40))
        rows.put_aside(batch, ChangeState.WAITING, "change-raced", {})
    assert stands(lab, change_id).state is ChangeState.COMMITTED
