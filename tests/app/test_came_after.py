"""What later commits did to a commit: undid, mended or replaced it; the same word everywhere."""

import pytest

from merlin.app.board import read_commit
from merlin.app.verdicts import find
from merlin.dataset.verdicts import VerdictStatus
from merlin.training.commit_state import CommitState
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    commit_edit,
    make_commit,
    make_examples,
    make_spec,
    push_wrong,
)

pytestmark = pytest.mark.integration


def after(world, sha):
    return find(world.ctx, FACE, sha).after


def test_edit_that_a_later_one_put_back_is_undone_until_it_is_made_again(world):
    first = commit_edit(world, 1, (None, "a"))
    second = commit_edit(world, 2, ("a", "b"))
    assert after(world, second).commit == ""
    undo = commit_edit(world, 3, ("b", "a"))
    assert (after(world, second).undone_by, after(world, undo).commit) == (undo, "")
    assert after(world, first).commit == "", "what it wrote is there again"
    commit_edit(world, 4, ("a", "b"))
    assert after(world, second).undone_by == ""


def test_edit_is_not_undone_by_one_that_changed_another_text_than_its_own(world):
    first = commit_edit(world, 1, ("a", "b"))
    commit_edit(world, 2, ("b", "c"))
    newest = commit_edit(world, 3, ("c", "a"))
    assert (after(world, first).undone_by, after(world, first).replaced_by) == (
        "",
        newest,
    )


def test_new_file_is_undone_by_its_deletion(world):
    first = commit_edit(world, 1, (None, "a"))
    undo = commit_edit(world, 2, ("a", None))
    assert after(world, first).undone_by == undo


def test_edit_of_two_files_is_undone_when_both_are_put_back(world):
    both = "examples/x.yaml", "examples/y.yaml"
    first = commit_edit(world, 1, (None, "a"), (None, "b"), paths=both)
    commit_edit(world, 2, ("a", None))
    assert after(world, first).undone_by == ""
    commit_edit(world, 3, ("b", None), paths=both[1:])
    assert after(world, first).undone_by != ""


def test_edit_whose_files_all_have_other_texts_now_is_replaced(world):
    both = "examples/x.yaml", "examples/y.yaml"
    first = commit_edit(world, 1, (None, "a"), (None, "b"), paths=both)
    commit_edit(world, 2, ("a", "c"))
    assert after(world, first).replaced_by == ""
    newest = commit_edit(world, 3, ("b", "d"), paths=both[1:])
    assert after(world, first).replaced_by != ""
    assert after(world, newest).commit == ""


def test_undo_that_a_force_push_removed_undoes_nothing(world):
    first = commit_edit(world, 1, (None, "a"))
    commit_edit(world, 2, ("a", None))
    world.history.drop_commits(1, world.clock())
    assert after(world, first).undone_by == ""


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


def test_commit_with_too_few_examples_is_mended_by_the_first_that_is_not_rejected(
    world,
):
    few = push_wrong(world, 1, status=VerdictStatus.REJECTED)
    push_wrong(world, 2, status=VerdictStatus.REJECTED)
    assert find(world.ctx, FACE, few).state is CommitState.REJECTED
    enough = world.push(3, make_examples(15))
    view = find(world.ctx, FACE, few)
    assert (view.state, view.after.mended_by) == (CommitState.MENDED, enough)


def test_commit_mends_only_errors_that_another_one_brought(world):
    wrong = push_wrong(world, 1, 3)
    same = push_wrong(world, 2, 3)
    right = world.push(3, make_examples(15))
    assert after(world, wrong).mended_by == right
    assert after(world, same).mended_by == "", "its errors are the first one's"


def test_story_says_of_which_errors_the_file_is_gone(world):
    wrong = push_wrong(world, 1, 3)
    (details,) = read_commit(world.ctx, OPERATOR, wrong)
    assert details.gone == {"examples/x.yaml"}
