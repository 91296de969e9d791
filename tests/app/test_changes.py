"""Who may edit examples and decide on changes, whichever interface asks; what is done only once."""

import asyncio
from dataclasses import replace
from functools import partial
from itertools import count

import pytest

from merlin.app import changes, consent, examples, proposals, reviews
from merlin.app.actor import Actor
from merlin.core.errors import Forbidden, NotFound, Refused
from merlin.course.editing import CourseEdits
from merlin.dataset.changes import CONFLICT, Changes, ChangeState, Edit
from merlin.dataset.files import FileIndex
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.database import open_database
from merlin.db.writer import Store
from tests.db.pipeline_rows import FACE
from tests.support.people import ANNA, EDITOR, STUDENT, VERA, make_teacher
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

OLD = "1" * 40


@pytest.fixture(autouse=True)
def stored(database):
    """The dataset has a file."""
    rows = FileIndex(database)
    rows.add({OLD: "было\n"})
    rows.keep(FACE, "t1", {"examples/a.yaml": OLD})


def save(ctx, actor=EDITOR, name="new"):
    return changes.save(
        ctx, actor, FACE, [Edit(f"examples/{name}.yaml", None, "моё\n")]
    )[0]


def save_refused(ctx):
    """Save an edit whose file another one changed meanwhile; return its id."""
    change = save(ctx)
    rows = Changes(ctx.db, ctx.clock)
    rows.put_aside(rows.claim(), ChangeState.REFUSED, CONFLICT, {"path": change.path})
    return change.change_id


@pytest.mark.parametrize("actor", [STUDENT, Actor(), make_teacher(user_id=ANNA)])
def test_user_without_permission_can_neither_see_nor_change_edits(ctx, actor):
    change_id = save_refused(ctx)
    proposal = Proposals(ctx.db, ctx.clock).add(VERA, Draft("Где?", "Тут.", FACE))
    acts = [
        lambda: examples.list_examples(ctx, actor, FACE),
        lambda: examples.find(ctx, actor, "было", FACE),
        lambda: examples.get(ctx, actor, FACE, "a"),
        lambda: examples.list_ids(ctx, actor, FACE),
        lambda: changes.read_files(ctx, actor, FACE),
        lambda: save(ctx, actor),
        lambda: changes.get(ctx, actor, change_id),
        lambda: changes.retry(ctx, actor, change_id),
        lambda: changes.drop(ctx, actor, change_id),
        lambda: reviews.get_waiting(ctx, actor, proposal),
        lambda: reviews.approve(ctx, actor, proposal, None, None),
        lambda: reviews.decline(ctx, actor, [proposal]),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            ctx.db.transact(act)
    assert examples.list_datasets(ctx, actor) == examples.find(ctx, actor, "было") == []
    assert changes.list_recent(ctx, actor) == []
    assert reviews.list_waiting(ctx, actor, 0, 5) == []
    assert changes.get(ctx, EDITOR, change_id).files[0].yours == "моё\n"


def test_search_finds_the_teachers_examples_behind_those_of_datasets_they_may_not_edit(
    ctx,
):
    FileIndex(ctx.db).keep("trial", "t1", {"examples/b.yaml": OLD})
    teacher = make_teacher("trial")

    def find(actor, *dataset, limit=1):
        return [
            view.id for view in examples.find(ctx, actor, "было", *dataset, limit=limit)
        ]

    assert (find(EDITOR), find(EDITOR, limit=2)) == (["a"], ["a", "b"])
    assert (find(teacher), find(teacher, "trial"), find(EDITOR, "trial")) == (
        ["b"],
        ["b"],
        ["b"],
    )


def test_former_editor_can_only_view_and_withdraw_their_change(ctx):
    change_id = save_refused(ctx)
    former_editor = replace(EDITOR, authority=STUDENT.authority)
    assert changes.get(ctx, former_editor, change_id).files[0].yours == "моё\n"
    with pytest.raises(Forbidden):
        changes.retry(ctx, former_editor, change_id)
    changes.drop(ctx, former_editor, change_id)
    changes.drop(ctx, former_editor, change_id)


def test_parked_edit_is_retried_and_another_is_not(ctx):
    change = save(ctx)
    assert (
        refusal_key(Refused, changes.retry, ctx, EDITOR, change.change_id)
        == "change-not-parked"
    )
    rows = Changes(ctx.db, ctx.clock)
    rows.put_aside(rows.claim(), ChangeState.PARKED, "git-failed", {})
    retried = changes.retry(ctx, EDITOR, change.change_id)
    assert retried.state is ChangeState.WAITING


async def submit(ctx, make):
    """Submit a form with this mark, as a process with a writing thread of its own."""
    store = Store(ctx.db)
    try:
        own_ctx = replace(ctx, store=store)
        return await changes.submit(own_ctx, EDITOR, FACE, make, "mark")
    finally:
        store.close()


def test_edit_is_refused_while_others_change_the_dataset_at_each_try(ctx, url, cipher):
    numbers = count()
    mine = Edit("examples/mine.yaml", None, example_text("Тут."))

    def make(files):
        save(replace(ctx, db=other_database), name=f"other-{next(numbers)}")
        return CourseEdits((mine,), "Mine")

    with (
        open_database(url, cipher=cipher) as other_database,
        pytest.raises(Refused) as caught,
    ):
        asyncio.run(submit(ctx, make))
    assert caught.value.key == "api-problem-busy-file"
    paths = {
        file.path
        for batch in changes.list_recent(ctx, EDITOR)
        for file in changes.get(ctx, EDITOR, batch.id).files
    }
    assert paths == {f"examples/other-{number}.yaml" for number in range(len(paths))}


def test_new_example_takes_no_id_of_an_addition_that_awaits_its_commit(ctx):
    save(ctx, name="где")
    assert examples.free_id(ctx, FACE, example_text("Тут.")) == "где-2"


def example_text(answer):
    return f"messages:\n  - user: Где?\n  - assistant: {answer}\n"


def test_form_submitted_twice_at_once_creates_one_change(ctx, url, cipher):
    text = "messages:\n  - user: Где новое?\n  - assistant: Здесь.\n"
    edits = tuple(Edit(f"examples/{name}.yaml", None, text) for name in ("n1", "n2"))

    def make(files):
        return CourseEdits(edits, "Import 2 examples")

    async def twice():
        with open_database(url, cipher=cipher) as other_database:
            other_ctx = replace(ctx, db=other_database)
            return await asyncio.gather(submit(ctx, make), submit(other_ctx, make))

    first, second = asyncio.run(twice())
    assert first.id == second.id
    assert len(changes.get(ctx, EDITOR, first.id).files) == 2


def test_only_one_of_several_concurrent_approvals_succeeds(ctx, run_at_once):
    draft = Draft("Где?", "Тут.", FACE)
    proposal = Proposals(ctx.db, ctx.clock).add(VERA, draft)

    def approve(_, database):
        own_ctx = replace(ctx, db=database)
        act = partial(reviews.approve_several, own_ctx, EDITOR, [proposal])
        try:
            return database.transact(act)
        except Refused as refused:
            return refused.key

    approved = run_at_once(approve, 4)
    ((change,),) = Changes(ctx.db).list_batches(None, 10)
    assert sorted(approved) == sorted([change.change_id, *["examples-decided"] * 3])


def test_nothing_is_sent_to_editors_while_the_consent_is_revoked(ctx, run_beside):
    consent.give_consent(ctx, STUDENT)

    def send_too_late(other_database):
        draft = Draft("Где?", "Тут.", FACE)
        with pytest.raises(Refused, match="no consent"):
            proposals.add(replace(ctx, db=other_database), STUDENT, draft)

    run_beside(lambda: consent.revoke_consent(ctx, STUDENT), send_too_late)
