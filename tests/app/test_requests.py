"""Requests to the daemon: stored once, audited, and shown to those whom they concern."""

import pytest

from merlin.app import requests
from merlin.app.actor import Actor
from merlin.core.errors import NotFound
from merlin.db.audit import Audit
from merlin.db.requests import RequestKind, Requests, RequestState
from tests.db.pipeline_rows import FACE
from tests.support.people import ANNA, EDITOR, STUDENT, make_teacher

pytestmark = pytest.mark.integration

TEACHER = make_teacher(FACE, user_id=ANNA)


def submit(world, actor=EDITOR, once="", dataset=FACE):
    arguments = {"dataset": dataset}
    target = f"dataset:{dataset}"
    return requests.submit_request(
        world.ctx, actor, RequestKind.BUILD, arguments, target, once
    )


def list_kinds(world, author):
    return [request.kind for request in Requests(world.db).list_of_author(author)]


def test_form_submitted_again_returns_the_first_request_without_its_token(world):
    first = submit(world, once="form-1")
    other = submit(world, once="form-2")
    assert submit(world, once="form-1") == first != other
    assert first.arguments == {"dataset": FACE}
    audited = [
        (entry.by, entry.action, entry.target)
        for entry in Audit(world.db).list_newest(9)
    ]
    assert audited == [(EDITOR.name, "ask.build", f"dataset:{FACE}")] * 2


def test_fetch_is_not_audited_because_it_changes_nothing(world):
    assert requests.fetch(world.ctx, EDITOR).kind == RequestKind.FETCH
    assert Audit(world.db).list_newest(9) == []


def test_pushes_while_one_waits_to_be_fetched_add_no_other_fetch(world):
    requests.fetch_pushed(world.ctx)
    requests.fetch_pushed(world.ctx)
    assert list_kinds(world, "api:hook") == ["fetch"]
    claimed = Requests(world.db).claim([RequestKind.FETCH])
    Requests(world.db).finish(claimed.request_id, RequestState.DONE, {})
    requests.fetch_pushed(world.ctx)
    assert list_kinds(world, "api:hook") == ["fetch", "fetch"]


def test_request_is_shown_to_its_author_and_those_who_may_watch_its_dataset(world):
    of_face = submit(world, once="form-1").request_id
    of_trial = submit(world, dataset="trial").request_id
    of_none = requests.fetch(world.ctx, EDITOR).request_id
    another_editor = Actor.person(ANNA, EDITOR.authority)
    shown = {
        actor: [
            number
            for number in (of_face, of_trial, of_none)
            if is_shown(world, actor, number)
        ]
        for actor in (EDITOR, another_editor, TEACHER, STUDENT)
    }
    assert shown == {
        EDITOR: [of_face, of_trial, of_none],
        another_editor: [of_face, of_trial, of_none],
        TEACHER: [of_face],
        STUDENT: [],
    }
    assert requests.get(world.ctx, TEACHER, of_face).arguments == {"dataset": FACE}


def is_shown(world, actor, number):
    try:
        return requests.get(world.ctx, actor, number).request_id == number
    except NotFound:
        return False
