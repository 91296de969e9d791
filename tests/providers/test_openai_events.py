"""The events of a streamed answer, however the network cuts its bytes."""

from __future__ import annotations

import json

import pytest

from merlin.openai_protocol.client import MAX_EVENT_BYTES, EventReader
from merlin.openai_protocol.errors import InvalidResponse

pytestmark = pytest.mark.unit
TOLD = [{"n": 1, "text": "Ёж"}, {"n": 2, "text": "два\nряда"}]
LINES = "".join(f"data: {json.dumps(one, ensure_ascii=False)}\n\n" for one in TOLD)
DONE = "data: [DONE]\n\n"


def fed(*parts):
    events = EventReader()
    return [told for part in parts for told in events.feed(part)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_come_whole_wherever_their_bytes_are_cut(end):
    stream = (LINES + DONE).replace("\n", end).encode()
    # What ends in CR may be half of a CRLF, so one more byte has to tell.
    stream += b":"
    for cut in range(len(stream) + 1):
        assert fed(stream[:cut], stream[cut:]) == TOLD
    assert fed(*(bytes([byte]) for byte in stream)) == TOLD


def test_an_event_without_its_empty_line_is_not_told():
    assert fed(LINES.encode()[:-1]) == TOLD[:1]


def test_comments_and_other_fields_are_passed_over():
    stream = f": keep-alive\n\nevent: chunk\nid: 7\nretry: 5\n{LINES}: bye\n\n"
    assert fed(stream.encode()) == TOLD


def test_the_lines_of_one_event_belong_together():
    assert fed(b'data: {"n":\ndata: 1}\n\n') == [{"n": 1}]
    assert fed(b'data:{"n": 2}\n\n') == [{"n": 2}]


def test_nothing_is_told_after_the_end():
    events = EventReader()
    assert not events.is_done
    assert list(events.feed((DONE + LINES).encode())) == []
    assert events.is_done


@pytest.mark.parametrize("data", ["{", "[1]", "7", "null", '"x"', "\\"])
def test_what_is_no_object_is_garbage(data):
    with pytest.raises(InvalidResponse):
        fed(f"data: {data}\n\n".encode())


def test_bytes_that_are_no_text_are_garbage():
    with pytest.raises(InvalidResponse):
        fed(b"data: \xff\xfe{}\n\n")


def test_an_event_without_an_end_is_garbage():
    part = b"x" * (MAX_EVENT_BYTES // 10)
    assert fed(*[part] * 10) == []
    with pytest.raises(InvalidResponse):
        fed(*[part] * 11)


def test_an_event_of_lines_without_an_end_is_garbage():
    line = b"data: " + b"x" * (MAX_EVENT_BYTES // 10) + b"\n"
    with pytest.raises(InvalidResponse):
        fed(*[line] * 11)
