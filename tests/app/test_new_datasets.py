"""Who may make a dataset, under which name, and who may edit it before its commit is read."""

import asyncio
from dataclasses import replace

import pytest

from merlin.account.accounts import Accounts
from merlin.app import changes, examples, new_datasets
from merlin.app.new_datasets import NewDataset
from merlin.core.errors import Forbidden, NotFound, Refused
from merlin.dataset.changes import BatchResult, Changes, Edit
from merlin.dataset.files import FileIndex
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.spec import read_course, read_dataset
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.writer import Store
from merlin.training.commits import CommitOutcome
from tests.db.pipeline_rows import (
    FACE,
    CourseCatalogue,
    make_commit,
    make_examples,
    make_spec,
)
from tests.support.config import make_config
from tests.support.people import ADMIN, ANNA, BORIS, EDITOR, STUDENT, make_teacher
from tests.support.refusals import refusal_key

pytestmark = pytest.mark.integration

TEACHER = make_teacher("trial")
NEW = NewDataset("faq", "ЧаВо: приём", "ru", "boris")


@pytest.fixture(autouse=True)
def stored(database):
    """There are two folders, one without a dataset.yaml."""
    rows = FileIndex(database)
    rows.add({"1" * 40: "x\n"})
    rows.keep(FACE, "t1", {"dataset.yaml": "1" * 40})
    rows.keep("Archive", "t2", {"examples/a.yaml": "1" * 40})


def refuse(ctx, name, actor=EDITOR):
    """Return key and proposed name of the refusal of a name."""
    with pytest.raises(Refused) as caught:
        new_datasets.read_unused(ctx, actor, name)
    return caught.value.key, caught.value.arguments["proposed"]


def make(ctx, actor=TEACHER, new=NEW, mark="mark"):
    """Request the commit that makes a dataset, by a form that is sent twice."""

    async def submit_twice(own_ctx):
        return [
            await changes.submit(
                own_ctx,
                actor,
                new.name,
                lambda _: new_datasets.make_edits(new, new_datasets.plan(ctx, new)),
                mark,
                read=new_datasets.read_unused,
            )
            for _ in range(2)
        ]

    store = Store(ctx.db)
    try:
        first, second = asyncio.run(submit_twice(replace(ctx, store=store)))
    finally:
        store.close()
    assert first.id == second.id
    return first


def test_files_of_a_new_dataset_have_no_finding():
    dataset, course = NEW.files
    spec, found = read_dataset("faq", dataset.text.encode())
    assert (spec.title["en"], spec.recipe.base_model, found) == (
        NEW.title,
        "recall",
        [],
    )
    assert (spec.split.test, spec.launch.quiet_s) == (0, 0)
    card, found = read_course(course.text.encode(), ())
    assert (card.name["ru"], card.teachers, found) == (NEW.title, ("boris",), [])


@pytest.mark.parametrize(
    ("count", "rules"), [(1, ["too-few-examples"]), (9, ["too-few-examples"]), (10, [])]
)
def test_examples_that_are_too_few_to_be_trained_are_told_before_the_commit(
    ctx, count, rules
):
    rows = [f"Где выход {number}?,Прямо и {number}." for number in range(count)]
    content = "\n".join(["question,answer", *rows]).encode()
    lines = read_import_files([(content, "a.csv")])
    planned = new_datasets.plan(ctx, NEW, lines)
    assert [each.rule for each in planned.findings] == rules
    assert len(planned.good_edits) == count


def test_name_that_is_none_or_has_a_folder_is_refused_with_a_free_one(ctx):
    assert refuse(ctx, "Наши вопросы?") == ("init-bad-name", "наши-вопросы")
    assert refuse(ctx, "") == ("init-bad-name", "unnamed")
    assert refuse(ctx, FACE.upper()) == ("new-dataset-taken", f"{FACE}-2")
    assert refuse(ctx, "archive") == ("new-dataset-taken", "archive-2")
    make(ctx)
    assert refuse(ctx, "FAQ") == ("new-dataset-taken", "faq-2")
    assert new_datasets.propose_name(ctx, "FAQ") == "faq-2"
    assert new_datasets.read_unused(ctx, EDITOR, "вопросы").files == []
    with pytest.raises(Forbidden):
        new_datasets.read_unused(ctx, STUDENT, "вопросы")


def test_only_a_title_an_engine_and_a_name_for_course_yaml_make_one(ctx):
    engine = {"name": "engine", "base_url": "http://127.0.0.1:1/v1"}
    with_engine = replace(ctx, config=make_config(providers=[engine]))

    def describe(actor=TEACHER, title="A", ctx=with_engine):
        return new_datasets.describe(ctx, actor, "a", title, "en")

    assert refusal_key(Refused, describe) == "new-dataset-no-teacher"
    Accounts(ctx.db).set_name(BORIS, "boris", "cli:vera")
    assert describe().teacher == "boris"
    assert describe(ADMIN).teacher == ""
    assert refusal_key(Refused, describe, title=" ") == "new-dataset-no-title"
    assert refusal_key(Refused, describe, ctx=ctx) == "new-dataset-no-engine"


def test_whoever_made_it_edits_it_until_its_course_is_known(ctx):
    made = make(ctx)
    assert [file.path for file in made.files] == ["dataset.yaml", "course.yaml"]
    other = make_teacher("trial", user_id=ANNA)
    heading = examples.get_heading(ctx, TEACHER, "faq")
    assert heading.title["ru"] == NEW.title
    assert changes.read_files(ctx, TEACHER, "faq").file("course.yaml")
    for stranger in (other, STUDENT):
        with pytest.raises(NotFound):
            examples.get_heading(ctx, stranger, "faq")
    text = examples.write_new_example(examples.ExampleContent("A?", "B."))
    changes.save(ctx, TEACHER, "faq", [Edit("examples/a.yaml", None, text)])
    # The course is known, and names another teacher.
    CourseCatalogue(ctx.db).teach(
        {"faq": read_course(NEW.files[1].text.encode(), ())[0]}
    )
    with pytest.raises(NotFound):
        examples.get_heading(ctx, TEACHER, "faq")
    changes.drop(ctx, TEACHER, made.id)
    with pytest.raises(NotFound):
        examples.get_heading(ctx, EDITOR, "faq")


def test_dataset_that_a_later_commit_removed_is_gone_and_its_name_free(
    ctx, world, clock
):
    make(ctx)
    rows = Changes(ctx.db, ctx.clock)
    rows.settle(rows.claim(), BatchResult(make_commit(1).sha))
    # Committed, and not read yet: its title is gone with the stored text.
    assert examples.get_heading(ctx, TEACHER, "faq").title_in("ru") == "faq"
    assert refuse(ctx, "faq")[0] == "new-dataset-taken"
    world.push(1, make_examples(), spec=make_spec("faq"))
    assert examples.get_heading(ctx, TEACHER, "faq")
    removed = [CommitOutcome("faq", VerdictStatus.REMOVED)]
    world.record(make_commit(2), removed, world.clock())
    with pytest.raises(NotFound):
        examples.get_heading(ctx, TEACHER, "faq")
    assert new_datasets.read_unused(ctx, TEACHER, "faq").files == []
    clock.move(60)
    make(ctx, mark="again")
    rows.settle(rows.claim(), BatchResult(make_commit(3).sha))
    assert examples.get_heading(ctx, TEACHER, "faq")
