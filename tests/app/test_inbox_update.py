"""What is read from an update before it is stored."""

import pytest
from hypothesis import given, strategies as st

from merlin.app.inbox import read_update

pytestmark = pytest.mark.unit

SENDER = {"id": 1001, "is_bot": False, "language_code": "ru"}
CHAT = {"id": -77, "type": "group"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=8,
)


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


@pytest.mark.parametrize(
    "raw",
    [{}, {"update_id": "7"}, {"update_id": None, "message": {}}, [], None, "update_id"],
)
def test_update_without_an_id_is_refused(raw):
    with pytest.raises(ValueError, match="update_id"):
        read_update(raw)


@given(body=st.dictionaries(st.text(max_size=10), JSON), event=JSON)
def test_arbitrary_update_shapes_are_readable(body, event):
    update = read_update({**body, "update_id": 1, "message": event})
    assert update.update_id == 1
