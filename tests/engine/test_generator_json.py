"""The JSON grammar: every prefix that it accepts can be completed to a valid object."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merlin.engine.serving.worker.json_mode import MAX_DEPTH, JsonGrammar

pytestmark = pytest.mark.unit

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)  # fmt: skip
OBJECTS = st.dictionaries(st.text(), VALUES)
# JSON's own characters are more frequent than in random bytes.
BYTES = st.lists(st.sampled_from(b'{}[]",:0-.e+tfn\\u a') | st.integers(0, 255), max_size=60)


def feed(text):
    """Return the bytes that the grammar accepts, and its state after them."""
    prefix, written = JsonGrammar(), b""
    for byte in text:
        if then := prefix.step(byte):
            prefix, written = then, written + bytes([byte])
    return prefix, written


@given(BYTES)
def test_completion_of_an_accepted_prefix_is_a_valid_object(text):
    prefix, written = feed(text)
    assert isinstance(json.loads((written + prefix.find_completion()).decode()), dict)
    closed = prefix.extend(prefix.find_completion())
    assert closed is not None
    assert closed.is_complete


@given(BYTES)
def test_every_byte_of_the_completion_shortens_it_by_one(text):
    prefix, _ = feed(text)
    while not prefix.is_complete:
        left = prefix.find_completion()
        prefix = prefix.step(left[0])
        assert prefix is not None
        assert len(prefix.find_completion()) == len(left) - 1


@settings(max_examples=30)
@given(OBJECTS, st.booleans(), st.sampled_from([None, 2]))
def test_every_valid_object_is_accepted(written, is_ascii, indent):
    text = json.dumps(written, ensure_ascii=is_ascii, indent=indent)
    extended = JsonGrammar().extend(text.encode())
    assert extended is not None
    assert extended.is_complete


@pytest.mark.parametrize(
    "wrong",
    [
        *("[", "1", '"a"', "{]", "{,", '{"a"}', '{"a":}', '{"a":1,}', '{"a":[1,]}', '{"a":01}'),
        *('{"a":1.}', '{"a":-}', '{"a":+1}', '{"a":tru }', '{"a":"\n"}', '{"a":"\\x"}', "{} "),
        *('{"a":"\\u12g4"}', "{'a':1}", '{"a":1]', '{"a":.5}', '{"a":1e}', "{} {}"),
    ],
)
def test_text_that_is_not_an_object_is_rejected(wrong):
    assert JsonGrammar().extend(wrong.encode()) is None


@pytest.mark.parametrize("wrong", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xc3(", b"\xf5"])
def test_invalid_utf_8_is_rejected(wrong):
    assert JsonGrammar().extend(b'{"' + wrong) is None


def test_depth_digits_and_spaces_are_limited():
    assert JsonGrammar().extend(b'{"a":' + b"[" * MAX_DEPTH) is None
    assert JsonGrammar().extend(b'{"a":' + b"1" * 100) is None
    assert JsonGrammar().extend(b"{" + b" " * 100) is None
