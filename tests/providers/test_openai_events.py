"""Parsing the events of a streamed answer, however the network splits its bytes."""

import json

import pytest

from merlin.openai_protocol.client import MAX_EVENT_BYTES, EventReader
from merlin.openai_protocol.errors import InvalidResponse

pytestmark = pytest.mark.unit
EVENTS = [{"n": 1, "text": "Ёж"}, {"n": 2, "text": "два\nряда"}]
LINES = "".join(f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in EVENTS)
DONE = "data: [DONE]\n\n"


def read_events(*parts):
    reader = EventReader()
    return [event for part in parts for event in reader.feed(part)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_whole_wherever_their_bytes_are_split(end):
    stream = (LINES + DONE).replace("\n", end).encode()
    # A CR at the end may be half of a CRLF, so one more byte is needed.
    stream += b":"
    for cut in range(len(stream) + 1):
        assert read_events(stream[:cut], stream[cut:]) == EVENTS
    assert read_events(*(bytes([byte]) for byte in stream)) == EVENTS


def test_event_without_its_empty_line_is_not_emitted():
    assert read_events(LINES.encode()[:-1]) == EVENTS[:1]


def test_comments_and_other_fields_are_ignored():
    stream = f": keep-alive\n\nevent: chunk\nid: 7\nretry: 5\n{LINES}: bye\n\n"
    assert read_events(stream.encode()) == EVENTS


def test_data_lines_of_one_event_are_joined():
    assert read_events(b'data: {"n":\ndata: 1}\n\n') == [{"n": 1}]
    assert read_events(b'data:{"n": 2}\n\n') == [{"n": 2}]


def test_events_after_the_end_are_ignored():
    reader = EventReader()
    assert not reader.is_done
    assert list(reader.feed((DONE + LINES).encode())) == []
    assert reader.is_done


NESTED = pytest.param("[" * 100_000, id="nested")


@pytest.mark.parametrize("data", ["{", "[1]", "7", "null", '"x"', "\\", NESTED])
def test_event_that_is_not_an_object_is_invalid(data):
    with pytest.raises(InvalidResponse):
        read_events(f"data: {data}\n\n".encode())


def test_bytes_that_are_not_utf_8_are_invalid():
    with pytest.raises(InvalidResponse):
        read_events(b"data: \xff\xfe{}\n\n")


def test_overlong_event_is_invalid():
    part = b"x" * (MAX_EVENT_BYTES // 10)
    assert read_events(*[part] * 10) == []
    with pytest.raises(InvalidResponse):
        read_events(*[part] * 11)


def test_overlong_event_of_many_lines_is_invalid():
    line = b"data: " + b"x" * (MAX_EVENT_BYTES // 10) + b"\n"
    with pytest.raises(InvalidResponse):
        read_events(*[line] * 11)
