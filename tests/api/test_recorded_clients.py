"""Questions that real clients sent to an engine, asked again of Merlin's own /v1."""

import pytest

from tests.real.recorded_clients import find_questions, replay_question
from tests.support.protocol_nulls import parse_events

pytestmark = pytest.mark.functional

QUESTIONS = find_questions()


@pytest.mark.parametrize("name", QUESTIONS)
def test_real_clients_question_is_answered(openai_client, name):
    exchange = QUESTIONS[name]
    response = replay_question(openai_client, exchange, "merlin/algorithms")
    assert response.status_code == 200, response.text
    if exchange["request"]["body"].get("stream"):
        assert len(parse_events(response.text)) > 2
