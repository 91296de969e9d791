"""A state folder that the version before left behind: this one finds everything in it.

`state.tar.xz` was made by `make_state.py` in a checkout of that version.
"""

from __future__ import annotations

import json
import os
import tarfile
from datetime import timedelta

import pytest

from tests.upgrade.old_state import (
    CAME_LATER,
    HELD,
    PACKED,
    QUESTION,
    UNDER_WAY,
    count,
    lab_with_engine,
    ticked_until,
)

# isort: split
import httpx
from structlog.testing import capture_logs

from tests.golden.full_installation import PEOPLE, outside, running
from tests.golden.surfaces import ROLES, answers, commands
from tests.support.frozen_day import DAY, fixed_day, restore_environment
from tests.support.pipeline_lab import run_command
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give the world of the earlier version an hour later, with what people hold of it."""
    folder = tmp_path_factory.mktemp("upgraded")
    with tarfile.open(PACKED) as packed:
        packed.extractall(folder, filter="data")
    held = json.loads((folder / HELD).read_text("utf-8"))
    with restore_environment():
        os.environ |= {"HOME": str(folder), "MERLIN_LANGUAGE": "en", "COLUMNS": "160"}
        with (
            capture_logs(),
            fixed_day(at=DAY + timedelta(hours=1)) as by,
            outside(folder, os.environ) as around,
            lab_with_engine(folder, around, os.environ, by) as lab,
            running(lab, around, by) as house,
        ):
            house.orders, house.changes = held["orders"], held["changes"]
            house.requests, house.key = held["requests"], held["key"]
            for name, cookies in held["cookies"].items():
                house.browsers[name].cookies.update(cookies)
            yield house, dict(os.environ)


@pytest.fixture
def house(world, monkeypatch):
    """The world, with the surroundings that it is in."""
    made, surroundings = world
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    return made


def answers_with(house, words):
    return [answer for answer in house.telegram.answers("anna") if words in answer.text]


def test_messages_under_way_are_answered_once(house):
    for _, answer in (UNDER_WAY, CAME_LATER):
        wait_until(lambda answer=answer: answers_with(house, answer), 60)
    waiting = "SELECT COUNT(*) FROM updates WHERE state = 'waiting'"
    wait_until(lambda: count(house.lab.folder, waiting) == 0)
    assert [len(answers_with(house, answer)) for _, answer in (UNDER_WAY, CAME_LATER)] == [1, 1]


def test_browsers_stay_signed_in_and_keys_open(house):
    shown = {role: house.call(name, "GET", "/api/user") for role, name in PEOPLE.items()}
    assert {role: each["id"] for role, each in shown.items()} == {
        "student": 1001,
        "teacher": 1002,
        "admin": 1003,
    }
    assert {role: each["role"] for role, each in shown.items()} == {role: role for role in PEOPLE}
    headers = {"Authorization": f"Bearer {house.key}"}
    asked = {
        "model": "merlin",
        "messages": [{"role": "user", "content": QUESTION.format(2, "вввв")}],
    }
    address = f"{house.address}/v1/chat/completions"
    answer = httpx.post(address, json=asked, headers=headers, timeout=longest())
    assert "Понятие 2" in answer.json()["choices"][0]["message"]["content"], answer.text


def test_sessions_are_there_with_their_words_and_ratings(house):
    turn = house.call("anna", "GET", "/api/user/sessions/1/turns")["turns"][0]
    assert turn["question"] == QUESTION.format(3, "гггг")
    assert turn["answer"].startswith("Понятие 3 значит совсем другое.")
    assert turn["rating"] == "down"


def test_an_order_that_waited_can_be_paid(house):
    states = {name: order for order, name in house.orders.items()}
    paid = house.call("anna", "GET", f"/api/orders/{states['paid-order']}")
    assert paid["state"] == "paid"
    waiting = f"/api/orders/{states['waiting-order']}"
    house.call("anna", "POST", f"{waiting}/pay")
    house.yookassa.choose(states["waiting-order"], "paid")
    wait_until(lambda: house.call("anna", "GET", waiting)["state"] == "paid")


def test_models_serve_and_the_job_under_way_comes_to_its_end(house):
    assert house.lab.status("own")["serving"]["build"] == "own-1"
    ticked_until(house.lab, "trial", "trial-7")
    jobs = house.call("vera", "GET", "/api/jobs")["jobs"]
    found = {job["build"]: job["state"] for job in jobs}
    assert (found["trial-3"], found["trial-4"]) == ("failed", "cancelled")
    assert (found["trial-7"], found["own-1"]) == ("succeeded", "succeeded")
    house.people["anna"].say(QUESTION.format(30, "юююю"))
    wait_until(lambda: answers_with(house, "Понятие 30 значит"))


def test_the_engine_answers_with_the_model_that_it_trained(house):
    question = QUESTION.format(5, "ееее")
    code, out, err = run_command(
        "ask", question, "--dataset", "own", "--config", str(house.lab.path)
    )
    assert (code, "ответ 35" in out) == (0, True), err


def test_whatever_is_stored_can_be_read(house):
    for role in ROLES:
        for of_api in (True, False):
            told = answers(house, role, of_api=of_api)
            wrong = {where: said for where, said in told.items() if said.startswith("5")}
            assert not wrong
    told = commands(house)
    assert [words for words, said in told.items() if said.endswith("exit 3")] == []


def test_states_are_called_as_before(house):
    changes = house.call("boris", "GET", "/api/changes")["changes"]
    assert {change["state"] for change in changes} == {"conflict", "committed"}
    verdicts = house.call("vera", "GET", "/api/verdicts")["verdicts"]
    assert {"superseded", "failed", "rejected", "unchanged"} <= {
        verdict["verdict"] for verdict in verdicts
    }
    (request,) = house.call("vera", "GET", "/api/requests")["requests"]
    assert (request["kind"], request["state"]) == ("cancel", "done")
