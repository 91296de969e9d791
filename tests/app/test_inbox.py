"""Updates before they are stored, who holds a chat, and dialogs: one per person and chat."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from merlin.app.inbox import (
    DIALOG_LIFETIME,
    STOPPED,
    Dialog,
    Dialogs,
    read_owner,
    read_update,
)
from merlin.db.tables import DIALOG
from tests.db.pipeline_rows import BOT
from tests.support.ending import kill, wait_for_end
from tests.support.people import ANNA
from tests.support.waiting import wait_until

unit = pytest.mark.unit
integration = pytest.mark.integration
SENDER = {"id": 1001, "is_bot": False, "language_code": "ru"}
CHAT = {"id": -77, "type": "group"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=8,
)


@unit
@pytest.mark.parametrize(
    ("kind", "event", "chat_id"),
    [
        ("message", {"from": SENDER, "chat": CHAT, "text": "?"}, -77),
        ("my_chat_member", {"from": SENDER, "chat": CHAT}, -77),
        ("callback_query", {"from": SENDER, "message": {"chat": CHAT}}, -77),
        ("pre_checkout_query", {"from": SENDER}, 1001),
        ("kind_of_next_year", {"from": SENDER}, 1001),
    ],
)
def test_every_update_kind_has_a_chat(kind, event, chat_id):
    raw = {"update_id": 7, kind: event}
    update = read_update(raw)
    assert (update.update_id, update.kind, update.chat_id) == (7, kind, chat_id)
    assert (update.user_id, update.language_code, update.body) == (1001, "ru", raw)
    assert update.content == event


@unit
@pytest.mark.parametrize(("chat_id", "user_id"), [(1001, 1001), (-77, 0)])
def test_sender_that_is_not_named_is_the_person_of_a_private_chat(chat_id, user_id):
    event = {"chat": {"id": chat_id}, "draft_id": 5}
    update = read_update({"update_id": 7, STOPPED: event})
    assert (update.chat_id, update.user_id) == (chat_id, user_id)


@unit
@pytest.mark.parametrize(
    "raw",
    [{}, {"update_id": "7"}, {"update_id": None, "message": {}}, [], None, "update_id"],
)
def test_update_without_an_id_is_refused(raw):
    with pytest.raises(ValueError, match="update_id"):
        read_update(raw)


@unit
@given(body=st.dictionaries(st.text(max_size=10), JSON), event=JSON)
def test_arbitrary_update_shapes_are_readable(body, event):
    update = read_update({**body, "update_id": 1, "message": event})
    assert update.update_id == 1


@pytest.fixture
def me():
    return read_owner()


@unit
def test_process_recognises_itself_and_is_not_dead(me):
    assert me == read_owner()
    assert me.started > 0
    assert not me.is_dead(str(me))


@unit
def test_process_where_namespaces_cannot_be_read_is_named_by_its_host(monkeypatch):
    def refuse(path):
        raise PermissionError(path)

    monkeypatch.setattr("pathlib.Path.readlink", refuse)
    me = read_owner()
    assert me.host.endswith("/")
    assert not me.is_dead(str(me))


@unit
@pytest.mark.parametrize(
    ("change", "is_dead"),
    [
        ({"boot": "another boot"}, True),
        ({"started": 1}, True),
        ({"pid": 2**22 - 1, "started": 5}, True),
        ({"host": "elsewhere", "boot": "another boot"}, False),
    ],
)
def test_owner_is_dead_only_when_that_is_certain(change, is_dead, me):
    assert me.is_dead(str(replace(me, **change))) is is_dead


@unit
@pytest.mark.parametrize("owner", ["", "nonsense", "a|b|c|d", "||||"])
def test_unreadable_owner_is_not_called_dead(owner):
    assert not read_owner().is_dead(owner)


SAY_OWNER = "from merlin.app import inbox; print(inbox.read_owner(), flush=True)"


@unit
def test_child_process_is_alive_until_it_has_ended():
    child = subprocess.Popen(
        [sys.executable, "-c", SAY_OWNER + "; input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    owner = child.stdout.readline().strip()
    assert not read_owner().is_dead(owner)
    kill(child)
    assert read_owner().is_dead(owner)


@unit
def test_zombie_process_is_dead(me):
    child = subprocess.Popen(
        [sys.executable, "-c", SAY_OWNER],
        stdout=subprocess.PIPE,
        text=True,
    )
    # Its output has ended, so it has exited; the parent has not waited for it yet.
    owner = child.stdout.read().strip()
    wait_until(lambda: me.is_dead(owner))
    wait_for_end(child)


@pytest.fixture
def dialogs(database, clock):
    return Dialogs(database, BOT, clock)


@integration
def test_dialog_is_stored_with_its_author_and_time(dialogs, clock):
    dialogs.put(ANNA, ANNA, Dialog("name", {"session": 4}, asked_by=7))
    assert dialogs.get(ANNA, ANNA) == Dialog("name", {"session": 4}, 7, clock.now)
    clock.move(60)
    dialogs.put(ANNA, ANNA, Dialog("zone", asked_by=9))
    assert dialogs.get(ANNA, ANNA) == Dialog("zone", {}, 9, clock.now)
    assert dialogs.end(ANNA, ANNA)
    assert dialogs.get(ANNA, ANNA) is None


@integration
def test_dialog_remembers_the_topic_that_it_was_opened_in(dialogs):
    dialogs.put(ANNA, ANNA, Dialog("name", asked_by=7, thread_id=3))
    assert dialogs.get(ANNA, ANNA).thread_id == 3


@integration
def test_dialog_awaits_a_reply_sent_after_it_was_opened_and_not_long_after(
    dialogs, clock
):
    dialogs.put(ANNA, ANNA, Dialog("name", asked_by=7))
    opened = dialogs.get(ANNA, ANNA)
    assert [opened.awaits(update_id, clock.now) for update_id in (7, 8)] == [
        False,
        True,
    ]
    later = clock.now + DIALOG_LIFETIME
    assert opened.awaits(8, later)
    assert not opened.awaits(8, later + timedelta(seconds=1))


@integration
@pytest.mark.parametrize(
    ("replies", "has_text"),
    [
        ({}, False),
        ({"session": 4}, False),
        ({"words": "лоб"}, True),
        ({"draft": {"dataset": "face", "question": ""}}, False),
        ({"draft": {"dataset": "face", "question": "Где?"}}, True),
    ],
)
def test_dialog_has_a_text_that_would_be_lost(replies, has_text):
    assert Dialog("name", replies).has_text is has_text


@integration
def test_dialog_is_encrypted(dialogs, database):
    dialogs.put(ANNA, ANNA, Dialog("name", {"words": "лоб"}, asked_by=7))
    (row,) = database.rows(DIALOG.select())
    assert "лоб" not in row.said
