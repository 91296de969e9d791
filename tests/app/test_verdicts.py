"""The list of a dataset's commits, what later ones did to them, and the notices to editors."""

from itertools import product

import pytest

from merlin.app import evaluation, models
from merlin.app.board import read_commit
from merlin.app.verdicts import (
    REPORTED,
    CommitFilter,
    NoticeView,
    find,
    list_commits,
    news_message,
)
from merlin.core.clock import utc_now
from merlin.core.errors import NotFound
from merlin.core.i18n import LANGUAGES, text
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.notices import ADMINS
from merlin.training.commit_state import CommitState
from merlin.training.scores import Evaluation
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    commit_edit,
    make_commit,
    make_examples,
    make_spec,
    push_wrong,
)
from tests.support.people import make_teacher

unit = pytest.mark.unit
integration = pytest.mark.integration


def positions(world, before=0, actor=OPERATOR, limit=50, **wanted):
    page = list_commits(world.ctx, actor, FACE, CommitFilter(**wanted), before, limit)
    return [commit.position for commit in page.commits], page.before


@integration
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [4, 3, 2, 1]),
        ({"author": "boris"}, [3, 2]),
        ({"state": "serving"}, [2]),
        ({"state": "served"}, [1]),
        ({"author": "boris", "state": "served"}, []),
        ({"text": "ADD"}, [4, 3, 2, 1]),
        ({"text": make_commit(3).sha[:7]}, [3]),
        ({"text": "nothing"}, []),
    ],
)
def test_commits_are_listed_newest_first_and_found_by_person_state_and_text(
    world, wanted, found
):
    world.serve(1, make_examples(12))
    world.serve(2, make_examples(13), author="boris")
    world.push(3, make_examples(13), author="boris")
    world.push(4, make_examples(14))
    assert positions(world, **wanted) == (found, 0)
    page = list_commits(world.ctx, OPERATOR, FACE, CommitFilter())
    assert page.authors == ["anna", "boris"]


@integration
def test_older_commits_are_on_the_next_page_also_of_a_search(world):
    for position in range(1, 13):
        world.push(position, make_examples(11 + position))
    assert positions(world, limit=5) == ([12, 11, 10, 9, 8], 8)
    assert positions(world, before=8, limit=5) == ([7, 6, 5, 4, 3], 3)
    assert positions(world, before=3, limit=5) == ([2, 1], 0)
    nowhere = {"text": "none of these", "limit": 1}
    assert positions(world, **nowhere) == ([], 3), "the search goes on from there"
    assert positions(world, before=3, **nowhere) == ([], 0)


@integration
def test_commits_of_a_dataset_that_the_actor_may_not_edit_are_not_found(world):
    world.push(1, make_examples())
    with pytest.raises(NotFound):
        positions(world, actor=make_teacher("python"))


@integration
def test_model_is_compared_with_any_other_of_its_dataset(world):
    for position in (1, 2, 3):
        world.serve(position, make_examples(11 + position))
    other = world.serve(4, make_examples(12), spec=make_spec("python"))
    read = evaluation.read_evaluation
    found = read(world.ctx, OPERATOR, f"{FACE}-3", against=f"{FACE}-1")
    assert (found.against.title, found.others) == (
        f"{FACE}-1",
        [f"{FACE}-2", f"{FACE}-1"],
    )
    assert read(world.ctx, OPERATOR, f"{FACE}-3").against.title == f"{FACE}-2"
    with pytest.raises(NotFound):
        read(world.ctx, OPERATOR, f"{FACE}-3", against=other)


@integration
def test_model_says_what_undid_the_commit_it_was_trained_from(world):
    world.serve(1, make_examples(12))
    (live,) = models.list_serving(world.ctx, OPERATOR).values()
    origin = models.name_commits(world.ctx, [live])[live.id]
    assert (origin.commit, origin.after.undone_by) == (world.verdict(1).commit, "")
    undo = make_commit(2, message=f"This reverts commit {origin.commit}.\n")
    world.record(undo, [world.outcome(make_spec(), make_examples(13))], world.clock())
    assert models.name_commits(world.ctx, [live])[live.id].after.undone_by == undo.sha


TRIAL = {
    "subject": "New example a",
    "title": "trial",
    "version": "trial-8",
    "losses": {"key": "live-not-worse", "arguments": {}},
}


@unit
def test_every_status_has_a_message():
    rejected = {"key": "verdict-rejected", "arguments": {"errors": 2, "good": 9}}
    for status, reason in product(REPORTED, (None, rejected)):
        key, arguments = news_message(status, TRIAL, reason)
        assert all(
            "New example a" in text(each, key, **arguments) for each in LANGUAGES
        )


@unit
def test_message_shows_the_score_of_the_live_model():
    score = Evaluation(questions=20, right=18, chrf=71.25)
    for known, suffix in ((None, "live now."), (score, "live now; 18 of 20 right.")):
        key, arguments = news_message(VerdictStatus.SERVING, TRIAL, None, known)
        assert text("en", key, **arguments).endswith(suffix)


@unit
def test_notice_about_a_dataset_is_told_by_its_title_in_the_language():
    notice = NoticeView(
        1,
        ADMINS,
        "notice-proposal",
        {"dataset": "trial", "question": "Где?"},
        utc_now(),
        title={"ru": "Проба", "en": "Trial"},
    )
    assert "Проба" in notice.text("ru")
    assert "Trial" in notice.text("en")


def after(world, sha):
    return find(world.ctx, FACE, sha).after


@pytest.mark.integration
def test_edit_that_a_later_one_put_back_is_undone_until_it_is_made_again(world):
    first = commit_edit(world, 1, (None, "a"))
    second = commit_edit(world, 2, ("a", "b"))
    assert after(world, second).commit == ""
    undo = commit_edit(world, 3, ("b", "a"))
    assert (after(world, second).undone_by, after(world, undo).commit) == (undo, "")
    stored = find(world.ctx, FACE, undo)
    told = after(world, second)
    assert (told.subject, told.author, told.at) == (
        stored.subject,
        stored.author,
        stored.committed_at,
    )
    assert after(world, first).commit == "", "what it wrote is there again"
    commit_edit(world, 4, ("a", "b"))
    assert after(world, second).undone_by == ""


X, Y = "examples/x.yaml", "examples/y.yaml"
BOTH = {X: (None, "a"), Y: (None, "b")}


@integration
@pytest.mark.parametrize(
    ("commits", "is_undone", "is_replaced"),
    [
        # A new file is deleted.
        ([{X: (None, "a")}, {X: ("a", None)}], True, False),
        # What came between had another text.
        ([{X: ("a", "b")}, {X: ("b", "c")}, {X: ("c", "a")}], False, True),
        ([BOTH, {X: ("a", None)}], False, False),
        ([BOTH, {X: ("a", None)}, {Y: ("b", None)}], True, False),
        ([BOTH, {X: ("a", "c")}], False, False),
        ([BOTH, {X: ("a", "c")}, {Y: ("b", "d")}], False, True),
    ],
)
def test_edit_is_undone_or_replaced_once_that_is_so_of_all_its_files(
    world, commits, is_undone, is_replaced
):
    first, *_, newest = (
        commit_edit(world, position, *edits.values(), paths=[*edits])
        for position, edits in enumerate(commits, 1)
    )
    said = after(world, first)
    assert [said.undone_by != "", said.replaced_by != ""] == [is_undone, is_replaced]
    assert commits[0] == BOTH or said.commit == newest
    assert after(world, newest).commit == ""


@pytest.mark.integration
def test_undo_that_a_force_push_removed_undoes_nothing(world):
    first = commit_edit(world, 1, (None, "a"))
    commit_edit(world, 2, ("a", None))
    world.history.drop_commits(1, world.clock())
    assert after(world, first).undone_by == ""


@pytest.mark.integration
def test_git_revert_undoes_a_commit_unless_it_is_reverted_itself(world):
    first = world.push(1, make_examples())

    def revert(position, sha):
        message = f'Revert "Add"\n\nThis reverts commit {sha}.\n'
        commit = make_commit(position, message=message)
        outcome = world.outcome(make_spec(), make_examples(12 + position))
        world.record(commit, [outcome], world.clock())
        return commit.sha

    by = revert(2, first)
    assert after(world, first).undone_by == by
    again = revert(3, by)
    assert (after(world, by).undone_by, after(world, first).undone_by) == (again, "")
    revert(4, first)
    newest = revert(5, first)
    assert after(world, first).undone_by == newest


@pytest.mark.integration
def test_error_is_mended_by_the_first_commit_without_it(world):
    wrong = push_wrong(world, 1, 3)
    assert find(world.ctx, FACE, wrong).state is CommitState.LEFT_OUT
    push_wrong(world, 2, 3)
    push_wrong(world, 3, status=VerdictStatus.REJECTED)
    assert after(world, wrong).mended_by == "", (
        "a rejected commit may not have been read whole"
    )
    right = world.push(4, make_examples(16))
    world.push(5, make_examples(17))
    view = find(world.ctx, FACE, wrong)
    assert (view.state, view.after.mended_by) == (CommitState.MENDED, right)


@pytest.mark.integration
def test_commit_with_too_few_examples_is_mended_by_the_first_that_is_not_rejected(
    world,
):
    few = push_wrong(world, 1, status=VerdictStatus.REJECTED)
    push_wrong(world, 2, status=VerdictStatus.REJECTED)
    assert find(world.ctx, FACE, few).state is CommitState.REJECTED
    enough = world.push(3, make_examples(15))
    view = find(world.ctx, FACE, few)
    assert (view.state, view.after.mended_by) == (CommitState.MENDED, enough)


@pytest.mark.integration
def test_commit_mends_only_errors_that_another_one_brought(world):
    wrong = push_wrong(world, 1, 3)
    same = push_wrong(world, 2, 3)
    right = world.push(3, make_examples(15))
    assert after(world, wrong).mended_by == right
    assert after(world, same).mended_by == "", "its errors are the first one's"


@pytest.mark.integration
def test_story_says_of_which_errors_the_file_is_gone(world):
    wrong = push_wrong(world, 1, 3)
    (details,) = read_commit(world.ctx, OPERATOR, wrong)
    assert details.gone == {"examples/x.yaml"}
