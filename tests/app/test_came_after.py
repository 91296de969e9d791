"""What later commits did to a commit: undid, mended or replaced it; the same word everywhere."""

import random

import pytest

from merlin.app.board import read_board, read_commit
from merlin.app.status import read_status
from merlin.app.verdicts import find
from merlin.dataset.changes import BatchResult, ChangeRequest, Changes, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.tables import VERDICT
from merlin.git.source import blob_id
from merlin.training.commit_state import CommitState
from tests.db.pipeline_rows import (
    FACE,
    OPERATOR,
    make_commit,
    make_examples,
    make_finding,
    make_spec,
)

pytestmark = pytest.mark.integration

PATH = "examples/x.yaml"


def edit(world, position, *texts, paths=(PATH,)):
    """Commit an edit that gives each path a text, from what it was before, None to delete it."""
    sha = world.push(position, make_examples(12 + position), spec=None)
    edits = [
        Edit(path, None if old is None else blob_id(old), new)
        for path, (old, new) in zip(paths, texts, strict=True)
    ]
    request = ChangeRequest(telegram_editor(7, "Boris"), "7", world.clock())
    changes = Changes(world.db, world.clock)
    changes.put(make_changes(FACE, edits, request))
    changes.settle(changes.claim(), BatchResult(sha))
    return sha


def after(world, sha):
    return find(world.ctx, FACE, sha).after


def push_wrong(world, position, *lines, status=VerdictStatus.LEFT_OUT):
    """Record a commit whose check finds an error in each of these lines of one file."""
    findings = [make_finding(line) for line in lines]
    sha = world.push(position, make_examples(12 + position), findings=findings)
    world.db.update(VERDICT, VERDICT.position == position, status=status.value)
    return sha


def test_edit_that_a_later_one_put_back_is_undone_until_it_is_made_again(world):
    first = edit(world, 1, (None, "a"))
    second = edit(world, 2, ("a", "b"))
    assert after(world, second).commit == ""
    undo = edit(world, 3, ("b", "a"))
    assert (after(world, second).undone_by, after(world, undo).commit) == (undo, "")
    assert after(world, first).commit == "", "what it wrote is there again"
    edit(world, 4, ("a", "b"))
    assert after(world, second).undone_by == ""


def test_new_file_is_undone_by_its_deletion(world):
    first = edit(world, 1, (None, "a"))
    undo = edit(world, 2, ("a", None))
    assert after(world, first).undone_by == undo


def test_edit_of_two_files_is_undone_when_both_are_put_back(world):
    both = "examples/x.yaml", "examples/y.yaml"
    first = edit(world, 1, (None, "a"), (None, "b"), paths=both)
    edit(world, 2, ("a", None))
    assert after(world, first).undone_by == ""
    edit(world, 3, ("b", None), paths=both[1:])
    assert after(world, first).undone_by != ""


def test_edit_whose_files_all_have_other_texts_now_is_replaced(world):
    both = "examples/x.yaml", "examples/y.yaml"
    first = edit(world, 1, (None, "a"), (None, "b"), paths=both)
    edit(world, 2, ("a", "c"))
    assert after(world, first).replaced_by == ""
    newest = edit(world, 3, ("b", "d"), paths=both[1:])
    assert after(world, first).replaced_by != ""
    assert after(world, newest).commit == ""


def test_undo_that_a_force_push_removed_undoes_nothing(world):
    first = edit(world, 1, (None, "a"))
    edit(world, 2, ("a", None))
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


def test_error_is_mended_by_the_first_commit_without_it(world):
    wrong = push_wrong(world, 1, 3)
    assert find(world.ctx, FACE, wrong).state is CommitState.LEFT_OUT
    push_wrong(world, 2, 3)
    push_wrong(world, 3, status=VerdictStatus.REJECTED)
    assert after(world, wrong).mended_by == "", "a rejected commit may not have been read whole"
    right = world.push(4, make_examples(16))
    world.push(5, make_examples(17))
    view = find(world.ctx, FACE, wrong)
    assert (view.state, view.after.mended_by) == (CommitState.MENDED, right)


def test_commit_with_too_few_examples_is_mended_by_the_first_that_is_not_rejected(world):
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


@pytest.mark.parametrize("start", range(6))
def test_each_surface_has_the_same_word_of_a_random_history(world, start):
    chance = random.Random(start)  # noqa: S311 - a history, no secret
    text, held = None, []
    for position in range(1, 9):
        act = chance.choice(["edit", "undo", "serve", "wrong", "pin", "fail", "roll back"])
        if act in ("edit", "undo"):
            new = None if act == "undo" and text else f"text {position}"
            edit(world, position, (text, new))
            text = new
        elif act == "wrong":
            push_wrong(world, position, 3)
        elif act == "serve":
            world.serve(position, make_examples(30 + position))
        else:
            world.push(position, make_examples(60 + position))
            if act == "pin" and world.serving():
                world.promotions.pin(FACE, is_pinned=True)
        held.append(act)
    seen = {view.commit: view.state for view in world.log(limit=50)}
    for card in read_board(world.ctx, OPERATOR).cards:
        assert card.state is seen[card.commit], held
    for sha, state in seen.items():
        (details,) = read_commit(world.ctx, OPERATOR, sha)
        assert details.verdict.state is find(world.ctx, FACE, sha).state is state, held
    newest = read_status(world.ctx, OPERATOR).datasets[FACE].verdict
    assert newest.state is seen[newest.commit], held
