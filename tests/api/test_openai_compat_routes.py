"""The OpenAI-compatible API, called with the real `openai` package; what a question costs."""

from datetime import datetime

import openai
import pytest

from merlin.core.clock import zone_of
from merlin.core.permissions import Role
from tests.api.chat_api import (
    MODEL,
    TWO_A_DAY,
    ask,
    chat_client,
    chat_request,
    check_error,
    count_questions_by_state,
    package_client,
    run_chat_api,
)
from tests.api.running_api import ANNA
from tests.real.recorded_clients import find_questions, replay_question
from tests.support.faults import Fault, FaultKind
from tests.support.protocol_nulls import find_wrong_nulls, parse_events
from tests.support.serving_models import SYSTEM, insert_live_model

pytestmark = pytest.mark.functional

BORIS = 1002
QUESTION = "Что такое граф?"


@pytest.fixture
def site(openai_site):
    return openai_site[0]


@pytest.fixture
def client(openai_client):
    return openai_client


def test_package_gets_a_whole_answer_with_its_origin(sdk):
    raw = sdk.chat.completions.with_raw_response.create(**chat_request(QUESTION))
    completion = raw.parse()
    assert f"«{QUESTION}»" in completion.choices[0].message.content
    origin = (completion.model, completion.system_fingerprint)
    assert origin == ("merlin/algorithms", "algorithms-1")
    assert completion.choices[0].finish_reason == "stop"
    used = completion.usage
    assert used.total_tokens == used.prompt_tokens + used.completion_tokens > 0
    extension = completion.model_extra["merlin"]
    names = [extension[name] for name in ("model_role", "model", "build")]
    assert names == ["serving", MODEL, "algorithms-1"]
    assert (extension["ending"], extension["note"]) == ("whole", "")


def test_written_answer_that_the_engine_let_pass_names_its_taught_question(
    sdk, provider
):
    near = "Что такое граф?"
    provider.behave(extension={"composed": True, "composed_from": [near]})
    completion = sdk.chat.completions.create(**chat_request(QUESTION))
    extension = completion.model_extra["merlin"]
    assert (extension["composed"], extension["known"]) == (True, None)
    assert extension["sources"] == [f"ответ на вопрос «{near}»"]
    assert extension["note"].endswith(extension["sources"][0])


def test_package_streams_the_same_answer_in_chunks(sdk, provider):
    answer = " ".join(f"слово{number}" for number in range(40))
    provider.behave(fixed_answer=f"  {answer}\n\nконец  ", piece_s=3600.0)
    request = chat_request(
        QUESTION, stream=True, stream_options={"include_usage": True}
    )
    raw = sdk.chat.completions.with_raw_response.create(**request)
    stream = raw.parse()
    # The first token arrives while the model still writes, the rest later.
    chunks = [next(stream)]
    while not chunks[-1].choices[0].delta.content:
        chunks.append(next(stream))
    assert chunks[-1].choices[0].delta.content == "слово0"
    provider.behave(piece_s=0.0)
    chunks += stream
    provider.behave(fixed_answer="")
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == f"{answer}\n\nконец"
    last, usage = chunks[-2:]
    assert last.choices[0].finish_reason == "stop"
    assert last.model_extra["merlin"]["build"] == "algorithms-1"
    assert usage.choices == []
    assert usage.usage.completion_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


def test_closed_course_is_listed_and_answers_only_for_its_teachers(tmp_path):
    with run_chat_api(tmp_path) as (site, _):
        insert_live_model(site.database, "stand-in-chat", dataset="closed")
        site.add_user(BORIS, Role.TEACHER, "closed")
        for user_id, is_there in ((ANNA, False), (BORIS, True)):
            with chat_client(site, user_id) as client:
                names = [model["id"] for model in client.get("/models").json()["data"]]
                response = ask(client, QUESTION, model="merlin/closed")
                answer = client.get("/models/merlin/closed")
            assert ("merlin/closed" in names) is is_there
            assert (response.status_code, answer.status_code) == (
                (200,) * 2 if is_there else (404,) * 2
            )


def test_model_merlin_means_the_default_dataset(tmp_path):
    with (
        run_chat_api(tmp_path, default_dataset="other") as (site, _),
        chat_client(site) as client,
    ):
        insert_live_model(site.database, "stand-in-chat", dataset="other")
        response = ask(client, QUESTION, model="merlin")
        assert response.json()["merlin"]["build"] == "other-1"


def test_prompt_has_the_form_used_in_training(client, provider):
    ask(client, "Первый вопрос", "Первый ответ", QUESTION)
    assert provider.calls("chat.create")[-1].body["messages"] == [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Первый вопрос"},
        {"role": "assistant", "content": "Первый ответ"},
        {"role": "user", "content": QUESTION},
    ]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_small_talk_is_answered_without_a_model_and_without_a_charge(
    tmp_path, is_streamed
):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        response = ask(client, "Hello!", stream=is_streamed)
        plain = response.text.replace(" ", "")
        assert "Askaquestion" in plain
        assert '"known":null,"nearest":[],"if_meant":false,"model_role":null' in plain
        assert count_questions_by_state(site) == {}
        assert provider.calls("chat.create") == []


def test_custom_system_prompt_is_answered_by_a_general_model(client, provider):
    messages = [
        {"role": "developer", "content": "Отвечай стихами."},
        {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
    ]
    response = client.post(
        "/chat/completions", json={"model": "merlin", "messages": messages}
    )
    assert response.json()["merlin"]["model_role"] == "chosen"
    assert response.json()["merlin"]["build"] is None
    request = provider.calls("chat.create")[-1].body
    assert request["messages"][0] == {"role": "system", "content": "Отвечай стихами."}
    assert request["model"] == "stand-in-chat"


def test_course_without_a_model_is_answered_by_a_general_model_with_a_note(client):
    body = ask(client, QUESTION, model="merlin/networks").json()
    assert body["merlin"]["model_role"] == "alone"
    assert "stand-in-chat" in body["merlin"]["note"]


def test_responses_contain_no_null_that_the_protocol_does_not_allow(client):
    body = chat_request(QUESTION, model="merlin/networks")
    document = client.post("/chat/completions", json=body).json()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    streamed = parse_events(
        client.post("/chat/completions", json={**body, **options}).text
    )
    assert len(streamed) > 2
    assert find_wrong_nulls([document, *streamed]) == set()


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4o",
        "merlin/",
        "merlin/nowhere",
        "merlin/closed",
        "merlin/a\0b",
        "merlin/../x",
    ],
)
def test_unknown_model_is_refused_with_a_list_of_the_known_ones(client, name):
    response = ask(client, QUESTION, model=name)
    fields = {"code": "model_not_found", "param": "model"}
    check_error(response, 404, "merlin/algorithms", **fields)


def user(content=QUESTION, role="user"):
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": [user()] * 201}, "messages"),
        ({"messages": ["text"]}, "messages[0]"),
        ({"messages": [user(role="tool")]}, "messages[0].role"),
        ({"messages": [user(role="system")]}, "messages[0].role"),
        ({"messages": [user(), user("да", "assistant")]}, "messages[1].role"),
        ({"messages": [user("  ")]}, "messages[0].content"),
        ({"messages": [user("\u200b\u2800")]}, "messages[0].content"),
        ({"messages": [user(None)]}, "messages[0].content"),
        ({"messages": [user(5)]}, "messages[0].content"),
        (
            {"messages": [user([{"type": "image_url", "image_url": {}}])]},
            "messages[0].content",
        ),
        ({"messages": [user([{"type": "audio"}])]}, "messages[0].content"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"response_format": "json"}, "response_format"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"seed": 2**63}, "seed"),
        ({"seed": True}, "seed"),
        ({"stop": ["1", "2", "3", "4", "5"]}, "stop"),
        ({"stop": ["x" * 501]}, "stop"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_invalid_field_is_named_in_the_error(client, change, param):
    response = ask(client, QUESTION, **change)
    check_error(response, 400, param=param, type="invalid_request_error")
    assert response.json()["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff", b'{"model": "\\ud800"}', b"[" * 9000]
)
def test_body_that_is_not_a_json_object_is_refused(client, body):
    response = client.post("/chat/completions", content=body)
    check_error(response, 400, code="invalid_value")


def test_errors_below_v1_have_the_openai_shape(site, client):
    check_error(client.get("/embeddings"), 404, code="not_found")
    check_error(client.get("/chat/completions"), 405, code="wrong_method")
    for path in ("/chat/completions", "/v1/v1/responses", "/models"):
        words = site.client.get(path, headers={"Accept-Language": "en"}).text
        assert "ends with /v1, once" in words
    elsewhere = site.client.get("/api/nowhere")
    assert elsewhere.json()["type"] == "urn:merlin:problem:not-found"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic bWU6bWU=", "mrl_bare"])
def test_call_without_a_key_says_how_to_send_one(site, header):
    headers = {"Accept-Language": "en"} | (
        {} if header is None else {"Authorization": header}
    )
    response = site.client.get("/v1/models", headers=headers)
    said = "Authorization: Bearer KEY"
    check_error(response, 401, said, code="invalid_api_key")
    problem = site.client.get("/api/user", headers=headers).json()
    code = "sign-in" if header is None else "no-key"
    assert problem["type"] == f"urn:merlin:problem:{code}"
    page = site.client.get("/me", headers=headers, follow_redirects=False)
    assert page.headers["location"] == "/sign-in?next=%2Fme"


def test_question_is_charged_once_and_an_exhausted_plan_says_when_it_resets(tmp_path):
    moscow = {"plans": (TWO_A_DAY,), "timezone": "Europe/Moscow"}
    with run_chat_api(tmp_path, **moscow) as (site, _):
        with chat_client(site) as client:
            assert ask(client, QUESTION).status_code == 200
            assert ask(client, QUESTION, stream=True).text.endswith("data: [DONE]\n\n")
            response = ask(client, QUESTION)
            english = client.post(
                "/chat/completions",
                json=chat_request(QUESTION),
                headers={"Accept-Language": "en"},
            )
        fields = {"code": "insufficient_quota", "type": "insufficient_quota"}
        check_error(response, 429, "Вопросы на сегодня закончились", **fields)
        check_error(english, 429, "Questions for today are used up")
        assert 0 < int(response.headers["retry-after"]) <= 24 * 3600
        assert response.headers["x-should-retry"] == "false"
        assert count_questions_by_state(site) == {"charged": 2}
        with site.key_client(ANNA) as program:
            usage = program.get("/api/user/usage").json()["formats"]["text"]
        resets = datetime.fromisoformat(usage["resets_at"])
        assert resets.astimezone(zone_of("Europe/Moscow")).hour == 0
        with package_client(site) as client, pytest.raises(openai.RateLimitError):
            client.chat.completions.create(**chat_request(QUESTION))
        site.add_user(BORIS)
        with chat_client(site, BORIS) as other:
            assert ask(other, QUESTION).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_failed_question_is_not_charged_and_returns_its_status(tmp_path, stream):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.faults.add(
            Fault("chat.create", FaultKind.STATUS, times=None, status=503)
        )
        response = ask(client, QUESTION, stream=stream)
        check_error(response, 503, code="model_busy", type="server_error")
        assert response.headers["retry-after"] == "5"
        assert count_questions_by_state(site) == {"returned": 1}


def test_interrupted_answer_is_returned_as_cut_and_charged(tmp_path):
    with (
        run_chat_api(tmp_path, plans=(TWO_A_DAY,)) as (site, provider),
        chat_client(site) as client,
    ):
        provider.faults.add(Fault("chat.create", FaultKind.CUT))
        provider.behave(fixed_answer="Начало ответа и его конец.", piece_s=0.02)
        body = ask(client, QUESTION).json()
        assert body["choices"][0]["message"]["content"].startswith("Начало")
        assert body["choices"][0]["finish_reason"] == "length"
        assert body["merlin"]["ending"] == "cut"
        assert "оборвался" in body["merlin"]["note"]
        assert count_questions_by_state(site) == {"charged": 1}


RECORDED = find_questions()


# What real clients sent to an engine, asked again of Merlin.
@pytest.mark.parametrize("name", RECORDED)
def test_real_clients_question_is_answered(client, name):
    exchange = RECORDED[name]
    response = replay_question(client, exchange, "merlin/algorithms")
    assert response.status_code == 200, response.text
    if exchange["request"]["body"].get("stream"):
        assert len(parse_events(response.text)) > 2
