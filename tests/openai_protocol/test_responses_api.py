"""An answer as events of POST /v1/responses."""

import json

import pytest

from merlin.openai_protocol.errors import error_object
from merlin.openai_protocol.responses_api import ResponseAnswer, ResponsesRequest

pytestmark = pytest.mark.unit


def test_failure_after_the_first_piece_is_the_next_event_with_what_went_wrong():
    asked = ResponsesRequest.model_validate({"model": "m", "input": "hello"})
    answer = ResponseAnswer(asked, 5.0)
    stream = answer.opening() + answer.piece("a")
    stream += answer.failure(error_object(500, "no", "model_away"))
    lines = stream.decode().splitlines()
    events = [json.loads(each[6:]) for each in lines if each.startswith("data: ")]
    assert [each["sequence_number"] for each in events] == [0, 1, 2, 3, 4, 5]
    assert events[-1] == {
        "type": "error",
        "sequence_number": 5,
        "code": "model_away",
        "message": "no",
        "param": None,
    }
