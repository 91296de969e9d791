"""A state folder of an earlier version opens with this one, with all its data.

`state.tar.xz` was made by `make_state.py` in a checkout of that version.
"""

import json
import os
from datetime import timedelta

import pytest

from tests.support.archives import unpack
from tests.upgrade.old_state import (
    LATER_MESSAGE,
    PENDING_MESSAGE,
    QUESTION,
    STATE_ARCHIVE,
    USER_DATA,
    count,
    run_lab_with_engine,
    tick_until,
)

# isort: split
import httpx
from structlog.testing import capture_logs

from tests.golden.full_installation import (
    PEOPLE,
    read_order_state,
    run_bot_and_api,
    run_stand_ins,
)
from tests.golden.surfaces import read_responses, run_commands
from tests.support.frozen_day import DAY, fixed_day, restore_environment
from tests.support.pipeline_lab import run_command
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def module_installation(tmp_path_factory):
    """Run the installation of the earlier version an hour later, with the data of its users."""
    folder = tmp_path_factory.mktemp("upgraded")
    unpack(STATE_ARCHIVE, folder)
    user_data = json.loads((folder / USER_DATA).read_text("utf-8"))
    with restore_environment():
        os.environ |= {"HOME": str(folder), "MERLIN_LANGUAGE": "en", "COLUMNS": "160"}
        with (
            capture_logs(),
            fixed_day(at=DAY + timedelta(hours=1)) as by,
            run_stand_ins(folder, os.environ) as stand_ins,
            run_lab_with_engine(folder, stand_ins, os.environ, by) as lab,
            run_bot_and_api(lab, stand_ins, by) as installation,
        ):
            installation.orders = user_data["orders"]
            installation.changes = user_data["changes"]
            installation.requests = user_data["requests"]
            installation.key = user_data["key"]
            for name, cookies in user_data["cookies"].items():
                installation.browsers[name].cookies.update(cookies)
            yield installation, dict(os.environ)


@pytest.fixture
def installation(module_installation, monkeypatch):
    """The installation, with its environment."""
    installation, environment = module_installation
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return installation


def find_answers(installation, text):
    return [
        answer
        for answer in installation.telegram.answers("anna")
        if text in answer.text
    ]


def test_pending_messages_are_answered_once(installation):
    for _, answer in (PENDING_MESSAGE, LATER_MESSAGE):
        wait_until(lambda answer=answer: find_answers(installation, answer), 60)
    waiting = "SELECT COUNT(*) FROM telegram_update WHERE state = 'waiting'"
    wait_until(lambda: count(installation.lab.folder, waiting) == 0)
    assert [
        len(find_answers(installation, answer))
        for _, answer in (PENDING_MESSAGE, LATER_MESSAGE)
    ] == [1, 1]


def test_browsers_stay_signed_in_and_keys_stay_valid(installation):
    users = {
        role: installation.call(name, "GET", "/api/user")
        for role, name in PEOPLE.items()
    }
    assert {role: user["id"] for role, user in users.items()} == {
        "student": 1001,
        "teacher": 1002,
        "admin": 1003,
    }
    assert {role: user["role"] for role, user in users.items()} == {
        role: role for role in PEOPLE
    }
    headers = {"Authorization": f"Bearer {installation.key}"}
    body = {
        "model": "merlin",
        "messages": [{"role": "user", "content": QUESTION.format(2, "вввв")}],
    }
    address = f"{installation.address}/v1/chat/completions"
    response = httpx.post(address, json=body, headers=headers, timeout=longest())
    assert "Понятие 2" in response.json()["choices"][0]["message"]["content"], (
        response.text
    )


def test_sessions_keep_their_texts_and_ratings(installation):
    tables = installation.browsers["anna"].get("/me/export").json()["tables"]
    (turn,) = [
        turn
        for turn in tables["turn"]
        if turn["question"] == QUESTION.format(3, "гггг")
    ]
    assert turn["answer"].startswith("Понятие 3 значит совсем другое.")
    assert [
        row["value"] for row in tables["rating"] if row["turn_id"] == turn["id"]
    ] == ["down"]


def test_waiting_order_can_be_paid(installation):
    states = {name: order for order, name in installation.orders.items()}
    assert read_order_state(installation, states["paid-order"]) == "paid"
    waiting = states["waiting-order"]
    response = installation.browsers["anna"].post(f"/orders/{waiting}/pay")
    assert response.headers["location"] == f"/orders/{waiting}/pay"
    installation.yookassa.choose(waiting, "paid")
    wait_until(lambda: read_order_state(installation, waiting) == "paid")


def test_models_serve_and_the_running_job_finishes(installation):
    assert installation.lab.status("own")["serving"]["build"] == "own-1"
    tick_until(installation.lab, "trial", "trial-7")
    jobs = installation.call("vera", "GET", "/api/jobs")["jobs"]
    states = {job["build"]: job["state"] for job in jobs}
    assert (states["trial-3"], states["trial-4"]) == ("failed", "cancelled")
    assert (states["trial-7"], states["own-1"]) == ("succeeded", "succeeded")
    installation.people["anna"].say(QUESTION.format(30, "юююю"))
    wait_until(lambda: find_answers(installation, "Понятие 30 значит"))


def test_engine_answers_with_the_model_it_trained(installation):
    question = QUESTION.format(5, "ееее")
    code, out, err = run_command(
        "ask", question, "--dataset", "own", "--config", str(installation.lab.path)
    )
    assert (code, "ответ 35" in out) == (0, True), err


def test_all_stored_data_can_be_read(installation):
    # Between them they see all that is stored; who may see what has its own tests.
    for role in ("student", "admin"):
        for of_api in (True, False):
            entries = read_responses(installation, role, of_api=of_api)
            wrong = {
                heading: text
                for heading, text in entries.items()
                if text.startswith("5")
            }
            assert not wrong
    entries = run_commands(installation)
    assert [
        heading for heading, text in entries.items() if text.endswith("exit 3")
    ] == []


def test_states_keep_their_names(installation):
    changes = installation.call("boris", "GET", "/api/changes")["changes"]
    assert {change["state"] for change in changes} == {"refused", "committed"}
    statuses = "('superseded', 'failed', 'rejected', 'left_out')"
    query = f"SELECT COUNT(DISTINCT status) FROM verdict WHERE status IN {statuses}"  # noqa: S608
    folder = installation.lab.folder
    assert count(folder, query) == 4
    query = "SELECT COUNT(*) FROM request WHERE kind = 'cancel' AND state = 'done'"
    assert count(folder, query) == 1
