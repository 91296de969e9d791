"""Response objects of the protocol: an answer whole and in pieces, files, jobs and lists."""

import json

import pytest

from merlin.openai_protocol.responses import (
    ChatResponse,
    checkpoint_object,
    deleted_object,
    event,
    file_object,
    job_event_object,
    job_object,
    list_object,
    list_page,
    model_object,
    usage_object,
)

pytestmark = pytest.mark.unit

USAGE = usage_object(3, 2, cached_tokens=1)


def read_events(stream):
    """Return the data of the events of a stream, parsed but for the last, "[DONE]"."""
    *events, done = [each.removeprefix("data: ") for each in stream.split("\n\n")[:-1]]
    assert done == "[DONE]"
    return [json.loads(each) for each in events]


def test_event_is_named_by_its_type_and_has_no_half_character():
    assert event({"type": "error"}) == b'event: error\ndata: {"type": "error"}\n\n'
    assert event({"a": "ё\ud83d"}) == 'data: {"a": "ё?"}\n\n'.encode()


def test_whole_answer_has_its_words_reason_and_usage():
    answer = ChatResponse("m", 5.7, fingerprint="fp").completion(
        "words", "stop", USAGE, {"merlin": {"known": True}}
    )
    assert (answer["object"], answer["created"]) == ("chat.completion", 5)
    assert answer["choices"][0]["message"]["content"] == "words"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert (answer["usage"]["total_tokens"], answer["merlin"]) == (5, {"known": True})
    assert answer["system_fingerprint"] == "fp"


@pytest.mark.parametrize("with_usage", [False, True])
def test_answer_in_pieces_ends_with_its_reason_and_the_usage_if_asked_for(with_usage):
    answer = ChatResponse("m", 5.0, with_usage=with_usage)
    stream = answer.opening() + answer.piece("a") + answer.piece("b")
    stream += answer.closing("length", USAGE)
    events = read_events(stream.decode())
    assert {each["id"] for each in events} == {answer.answer_id}
    assert "system_fingerprint" not in events[0]
    choices = [each["choices"][0] for each in events if each["choices"]]
    said = [choice["delta"].get("content", "") for choice in choices]
    assert ("".join(said), choices[-1]["finish_reason"]) == ("ab", "length")
    told = [each["usage"] for each in events if "usage" in each]
    assert told == ([None] * 4 + [USAGE] if with_usage else [])


def test_failure_of_an_answer_is_an_event():
    failure = ChatResponse("m", 5.0).failure({"error": {"message": "no"}})
    assert failure == b'data: {"error": {"message": "no"}}\n\n'


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            model_object("m", 5.7, "merlin", context=9),
            {"id": "m", "object": "model", "created": 5, "owned_by": "merlin"}
            | {"context": 9},
        ),
        (file_object(id="f"), {"object": "file", "status": "processed", "id": "f"}),
        (job_event_object(id="e"), {"object": "fine_tuning.job.event", "id": "e"}),
        (
            checkpoint_object(id="c"),
            {"object": "fine_tuning.job.checkpoint", "id": "c"},
        ),
        (
            deleted_object("f", "file"),
            {"id": "f", "object": "file", "deleted": True},
        ),
        (list_object([{"id": "f"}]), {"object": "list", "data": [{"id": "f"}]}),
        (
            list_page([], has_more=True),
            {"object": "list", "data": [], "has_more": True},
        ),
    ],
)
def test_object_has_its_kind_and_fields(made, expected):
    assert made == expected


def test_fields_of_a_job_that_are_not_known_are_null_or_empty():
    job = job_object(id="j", trained_tokens=5)
    assert (job["object"], job["id"]) == ("fine_tuning.job", "j")
    assert (job["error"], job["trained_tokens"], job["result_files"]) == (None, 5, [])
