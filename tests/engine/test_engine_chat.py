"""Chat completions over HTTP, streamed and not, through the openai package."""

import json

import httpx
import openai
import pytest

from merlin.core.i18n import text
from tests.engine.running_engine import ANSWER, EXAMPLES, KEY, QUESTION, serve_engine
from tests.real.recorded_clients import find_questions, replay_question
from tests.support.protocol_nulls import parse_events

pytestmark = pytest.mark.functional
RECORDED = find_questions()


PICTURE = {
    "role": "user",
    "content": [{"type": "input_image", "image_url": "http://127.0.0.1/picture.png"}],
}
CALL = {"type": "function_call", "call_id": "call_1", "name": "find", "arguments": "{}"}
SCHEMA = {"text": {"format": {"type": "json_schema", "name": "place", "schema": {}}}}


def get_text(completion):
    return completion.choices[0].message.content


def test_every_trained_question_gets_its_trained_answer(engine, tuned):
    for question, answer in EXAMPLES.items():
        completion = engine.ask(tuned.fine_tuned_model, question)
        assert get_text(completion) == answer
        assert completion.choices[0].finish_reason == "stop"
        assert completion.model == tuned.fine_tuned_model
        assert completion.merlin["known"] is True
        assert 0 < completion.merlin["confidence"] <= 1


def test_response_is_the_chats_answer_whole_and_streamed(engine, tuned):
    asked = {
        "model": tuned.fine_tuned_model,
        "instructions": "Отвечай.",
        "input": QUESTION,
    }
    response = engine.openai.responses.create(**asked)
    assert (response.output_text, response.status) == (ANSWER, "completed")
    assert response.instructions == "Отвечай."
    used = response.usage
    assert used.total_tokens == used.input_tokens + used.output_tokens > 0
    assert response.merlin["known"] is True
    events = list(engine.openai.responses.create(**asked, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    pieces = [
        event.delta for event in events if event.type == "response.output_text.delta"
    ]
    assert (len(pieces) > 1, "".join(pieces)) == (True, ANSWER)
    last = events[-1].response
    assert (events[-1].type, last.output_text) == ("response.completed", ANSWER)
    assert (last.id, last.usage, last.merlin) == (
        events[0].response.id,
        used,
        response.merlin,
    )


def test_response_continues_a_conversation_of_the_parts_that_clients_keep(
    engine, tuned
):
    parts = [{"type": "input_text", "text": QUESTION}]
    said = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
    }
    said["content"] = [{"type": "output_text", "text": ANSWER, "annotations": []}]
    question = {"role": "user", "content": "Как варить рис?"}
    given = [{"role": "user", "content": parts}, said, question]
    response = engine.openai.responses.create(model=tuned.fine_tuned_model, input=given)
    assert response.output_text == EXAMPLES[question["content"]]


def test_response_that_is_cut_says_at_what(engine, tuned):
    cut = engine.openai.responses.create(
        model=tuned.fine_tuned_model, input=QUESTION, max_output_tokens=2
    )
    assert (cut.status, cut.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": []}, "input"),
        (
            {"input": [{"type": "reasoning", "role": "user", "content": "x"}]},
            "input[0].type",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content",
        ),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
    ],
)
def test_field_that_a_response_cannot_have_is_named(engine, change, param):
    with pytest.raises(openai.BadRequestError) as refused:
        engine.openai.responses.create(
            **{"model": "recall", "input": QUESTION, **change}
        )
    assert refused.value.param == param


def test_refusal_lists_the_nearest_trained_questions(engine, tuned):
    question = "Где в Самарканде самая длинная очередь за лепёшками?"
    completion = engine.ask(tuned.fine_tuned_model, question)
    assert completion.merlin["known"] is False
    assert completion.merlin["nearest"][0] == QUESTION
    *_, last = engine.ask(tuned.fine_tuned_model, question, stream=True)
    assert last.merlin["nearest"] == completion.merlin["nearest"]
    assert "nearest" not in engine.ask(tuned.fine_tuned_model).merlin


@pytest.mark.parametrize(
    ("question", "languages", "language"),
    [
        ("How much is a ticket to Samarkand?", "ru", "en"),
        ("Сколько стоит билет до Самарканда?", "en", "ru"),
        ("2 + 2?", "en-GB, ru;q=0.5", "en"),
        ("2 + 2?", "de", "ru"),
        ("BFS", "", "ru"),
    ],
)
def test_refusal_is_in_the_language_of_the_question_else_of_its_reader(
    engine, question, languages, language
):
    completion = engine.ask(
        "recall", question, extra_headers={"Accept-Language": languages}
    )
    assert get_text(completion) == text(language, "engine-unknown")


def test_refusal_of_a_short_follow_up_is_in_the_language_of_the_question_before(engine):
    asked = ("How much is a ticket to Samarkand?", "No idea.", "Why?")
    roles = ("user", "assistant", "user")
    messages = [
        {"role": role, "content": each} for role, each in zip(roles, asked, strict=True)
    ]
    completion = engine.openai.chat.completions.create(
        model="recall", messages=messages
    )
    assert get_text(completion) == text("en", "engine-unknown")


def test_refusal_without_any_hint_is_in_the_engines_language(tmp_path):
    with serve_engine(tmp_path, language="en") as english:
        assert get_text(english.ask("recall", "2 + 2?")) == text("en", "engine-unknown")


def test_usage_counts_words_and_punctuation(engine, tuned):
    usage = engine.ask(tuned.fine_tuned_model).usage
    assert usage.prompt_tokens == 4  # three words and a question mark
    assert usage.completion_tokens > 4
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_streamed_pieces_join_to_the_whole_answer(engine, tuned):
    chunks = list(engine.ask(tuned.fine_tuned_model, stream=True))
    pieces = [
        chunk.choices[0].delta.content
        for chunk in chunks
        if chunk.choices[0].delta.content
    ]
    assert "".join(pieces) == ANSWER
    assert len(pieces) > 2
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-2:] == [None, "stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert all("usage" not in chunk.model_fields_set for chunk in chunks)


def test_checkpoint_answers_by_its_own_weights(engine):
    job = engine.train(hyperparameters={"n_epochs": 5})
    marks = [
        engine.ask(checkpoint.fine_tuned_model_checkpoint).merlin["confidence"]
        for checkpoint in engine.jobs.checkpoints.list(job.id)
    ]
    assert len(set(marks)) == 3
    assert engine.ask(job.fine_tuned_model).merlin["confidence"] == marks[0]


def test_content_parts_and_the_developer_role_are_accepted(engine, tuned):
    messages = [
        {"role": "developer", "content": "Кратко."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    create = engine.openai.chat.completions.create
    assert get_text(create(model=tuned.fine_tuned_model, messages=messages)) == ANSWER


def test_answer_ends_at_its_limit_and_before_a_stop(engine, tuned):
    cut = engine.ask(tuned.fine_tuned_model, max_completion_tokens=3)
    assert (get_text(cut), cut.choices[0].finish_reason) == ("Очередь — это", "length")
    assert cut.usage.completion_tokens == 3
    stopped = engine.ask(tuned.fine_tuned_model, stop=[",", "это"])
    assert get_text(stopped) == "Очередь — "


def test_conversation_over_the_window_is_refused(engine, tuned):
    with pytest.raises(openai.BadRequestError) as refused:
        engine.ask(tuned.fine_tuned_model, "слово " * 8193)
    assert refused.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role"),
        ({"n": 2}, "n"),
        ({"n": True}, "n"),
        ({"top_logprobs": False}, "top_logprobs"),
        ({"temperature": 3}, "temperature"),
        ({"seed": "x"}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.type",
        ),
        ({"response_format": {"type": []}}, "response_format.type"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool"}]}, "messages[0].content"),
        ({"functions": [{"name": "x"}]}, "functions"),
    ],
)
def test_invalid_request_names_its_field(engine, options, param):
    body = {
        "model": "recall",
        "messages": [{"role": "user", "content": "q"}],
        **options,
    }
    with pytest.raises(openai.BadRequestError) as refused:
        engine.openai.post("/chat/completions", body=body, cast_to=object)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("path", "fields", "param", "message"),
    [
        (
            "/chat/completions",
            {"tools": [{}]},
            "tools",
            "only a base behind vLLM answers this",
        ),
        (
            "/completions",
            {"prompt": "q"},
            "model",
            "only a base behind vLLM answers this",
        ),
        ("/completions", {"prompt": "q", "echo": True}, "echo", "echo"),
        (
            "/responses",
            {"input": "q", "tools": [{}]},
            "tools",
            "only a base behind vLLM",
        ),
        (
            "/responses",
            {"input": "q", **SCHEMA},
            "response_format.type",
            "only a base behind vLLM",
        ),
        ("/responses", {"input": [CALL]}, "input[0].role", "only a base behind vLLM"),
        ("/responses", {"input": "q", "background": True}, "background", "background"),
        (
            "/responses",
            {"input": [CALL], "conversation": "c"},
            "conversation",
            "conversation",
        ),
        ("/responses", {"input": [PICTURE]}, "input[0].content", "must be texts"),
        (
            "/responses",
            {"input": [{**CALL, "output": PICTURE["content"]}]},
            "input[0].output",
            "must be texts",
        ),
        ("/responses", {"input": [{}]}, "input[0].role", "only a base behind vLLM"),
    ],
)
def test_only_a_base_behind_vllm_has_the_other_forms_and_none_reads_elsewhere(
    engine, path, fields, param, message
):
    messages = (
        {"messages": [{"role": "user", "content": "q"}]} if "chat" in path else {}
    )
    status, answer = engine.relay("recall", path, {**messages, **fields})
    assert (status, answer["error"]["param"]) == (400, param)
    assert message in answer["error"]["message"]


@pytest.mark.parametrize("field", ["model", "messages"])
def test_lone_surrogate_is_refused_as_a_bad_request(engine, field):
    body = {"model": "recall", "messages": [{"role": "user", "content": "q"}]}
    body[field] = (
        "\ud800" if field == "model" else [{"role": "user", "content": "\udfff"}]
    )
    with pytest.raises(openai.BadRequestError, match="whole characters"):
        engine.openai.post(
            "/chat/completions", content=json.dumps(body).encode(), cast_to=object
        )


def find_shape(value):
    """Return the names of an answer's fields at every depth."""
    if isinstance(value, dict):
        return {name: find_shape(inner) for name, inner in value.items()}
    return (
        [find_shape(inner) for inner in value[:1]] if isinstance(value, list) else None
    )


@pytest.mark.parametrize("name", RECORDED)
def test_real_clients_question_gets_the_form_that_the_client_took(engine, tuned, name):
    exchange = RECORDED[name]
    with httpx.Client(
        base_url=f"http://127.0.0.1:{engine.port}/v1",
        headers={"Authorization": f"Bearer {KEY}"},
    ) as client:
        response = replay_question(client, exchange, tuned.fine_tuned_model)
    assert response.status_code == 200, response.text
    taken = exchange["answer"]["body"]
    if exchange["request"]["body"].get("stream"):
        taken = [event for event in taken if event != "[DONE]"]
        assert [find_shape(each) for each in parse_events(response.text)] == [
            find_shape(each) for each in taken
        ]
    else:
        assert find_shape(response.json()) == find_shape(taken)
