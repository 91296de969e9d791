"""Who acts, and which datasets a list may contain for them."""

import os

import pytest

from merlin.app.actor import Actor, missing_dataset, read_newest_rows
from merlin.core.errors import NotFound
from merlin.core.permissions import Permission
from merlin.db.tables import BUILD
from tests.db.pipeline_rows import FACE, make_examples, make_spec
from tests.support.people import EDITOR, STUDENT, make_teacher

TEACHER = make_teacher("trial")


@pytest.mark.unit
def test_operator_is_named_by_their_login(monkeypatch):
    monkeypatch.setenv("LOGNAME", "vera")
    operator = Actor.operator()
    assert (operator.name, operator.user_id) == ("cli:vera", 0)
    assert operator.may(Permission.USERS)


@pytest.mark.unit
def test_operator_in_a_container_whose_user_has_no_name_is_named_by_a_number(
    monkeypatch,
):
    def find_nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", find_nobody)
    assert Actor.operator().name == f"cli:{os.getuid()}"


@pytest.mark.unit
@pytest.mark.parametrize(
    ("actor", "visible"), [(STUDENT, []), (TEACHER, ["trial"]), (EDITOR, None)]
)
def test_list_contains_the_datasets_that_the_actor_may_watch(actor, visible):
    assert actor.list_visible_datasets() == visible


@pytest.mark.unit
def test_dataset_that_the_actor_may_not_watch_does_not_exist_for_them():
    assert TEACHER.list_visible_datasets("trial") == ["trial"]
    for actor in (STUDENT, TEACHER):
        with pytest.raises(NotFound):
            actor.list_visible_datasets(FACE)


@pytest.mark.unit
def test_error_about_a_missing_dataset_names_the_nearest_one():
    assert missing_dataset("trail", ["trial", FACE]).arguments["near"] == "trial"
    assert missing_dataset("trail").arguments["near"] == "none"


@pytest.mark.integration
def test_newest_rows_are_those_that_the_actor_may_watch(world):
    world.push(1, make_examples(12))
    world.push(2, make_examples(13), spec=make_spec("trial"))
    world.push(3, make_examples(14))

    def read(actor, dataset="", limit=9, before=0):
        query = BUILD.select()
        rows = read_newest_rows(world.ctx, actor, query, BUILD, dataset, limit, before)
        return [row.id for row in rows]

    first, second, third = reversed(read(EDITOR))
    assert read(TEACHER) == [second]
    assert read(STUDENT) == []
    assert read(EDITOR, FACE) == [third, first]
    assert read(EDITOR, limit=1) == [third]
    assert read(EDITOR, before=third) == [second, first]
