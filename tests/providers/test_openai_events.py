"""Parsing the events of a streamed answer, however the network splits its bytes."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader

from merlin.openai_protocol import client
from merlin.openai_protocol.errors import InvalidResponse

pytestmark = pytest.mark.unit
EVENTS = [{"n": 1, "text": "Ёж"}, {"n": 2, "text": "два\nряда"}]
LINES = "".join(
    f"data: {json.dumps(event, ensure_ascii=False)}\n\n" for event in EVENTS
)
DONE = "data: [DONE]\n\n"


def read_events(*parts):
    """Return the events of a response that arrives in these parts."""

    async def read():
        loop = asyncio.get_running_loop()
        protocol = BaseProtocol(loop)
        protocol.connection_made(asyncio.Transport())
        content = StreamReader(protocol, 2**16, loop=loop)
        reading = asyncio.create_task(collect(SimpleNamespace(content=content)))
        for part in parts:
            content.feed_data(part)
            await asyncio.sleep(0)
        content.feed_eof()
        return await reading

    async def collect(response):
        return [event async for event in client.read_events(response)]

    return asyncio.run(read())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_events_are_whole_wherever_their_bytes_are_split(end):
    stream = (LINES + DONE).replace("\n", end).encode()
    for cut in range(len(stream) + 1):
        assert read_events(stream[:cut], stream[cut:]) == EVENTS
    assert read_events(*(bytes([byte]) for byte in stream)) == EVENTS


def test_comments_other_fields_and_events_after_the_end_are_ignored():
    stream = (
        f": keep-alive\n\nevent: chunk\nid: 7\nretry: 5\n{LINES}: bye\n\n{DONE}{LINES}"
    )
    assert read_events(stream.encode()) == EVENTS


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (f"note: 1\n{LINES}", EVENTS),
        (f"note: 1\n{DONE}", []),
        ('{"n": 1}', [{"n": 1}]),
        (": keep-alive\nevent: end\nid: 7\nretry: 5\n", []),
    ],
)
def test_other_lines_are_an_answer_only_where_nothing_is_streamed(stream, events):
    assert read_events(stream.encode()) == events


def test_event_of_null_says_nothing():
    assert read_events(b"data: null\n\n", LINES.encode(), b"data: null\n\n") == EVENTS


NESTED = pytest.param("[" * 100_000, id="nested")


@pytest.mark.parametrize("data", ["{", "[1]", "7", '"x"', "\\", NESTED])
def test_event_that_is_not_an_object_is_invalid(data):
    with pytest.raises(InvalidResponse):
        read_events(f"data: {data}\n\n".encode())


def test_overlong_event_is_invalid():
    part = b"x" * (client.MAX_EVENT_BYTES // 10)
    with pytest.raises(InvalidResponse):
        read_events(*[part] * 11)
