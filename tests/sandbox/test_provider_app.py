"""The provider that the demo runs: chat answered by rules, speech, models; what it refuses."""

import base64
import json

import httpx
import pytest

from merlin.chat.prompt import wrap_document
from merlin.sandbox.provider.app import CHAT_MODEL, VOICE_MODEL, ProviderStandIn
from merlin.sandbox.speech_samples import sample_voice
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

KEY = "stand-in"
# An Ogg file without a comment.
SILENCE = b"OggS" + bytes(24)


@pytest.fixture(scope="module")
def browser():
    with ProviderStandIn(key=KEY) as standin:
        url = f"http://127.0.0.1:{standin.port}/v1/"
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=url, headers=headers, timeout=longest()) as browser:
            yield browser


def ask(browser, *messages, **fields):
    """Ask the chat model; return the response. A message is a user's content, or a whole one."""
    whole = [
        each if isinstance(each, dict) else {"role": "user", "content": each}
        for each in messages
    ]
    body = {"model": CHAT_MODEL, "messages": whole, **fields}
    return browser.post("chat/completions", json=body)


def read_choice(response):
    (choice,) = response.json()["choices"]
    return choice["message"]["content"], choice["finish_reason"]


def make_picture(url):
    return [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def encode_picture(content):
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


DOCUMENT = wrap_document("One. Two. Three. Four.", "a.txt")


@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        (["Кто ты?"], "Вы спросили: «Кто ты?»"),
        (["y" * 301], f"“{'y' * 300}…”"),
        (["What is a graph?"], "A graph is a set of vertices"),
        ([f"Summarise it.\n{DOCUMENT}"], "One. Two. Three."),
        ([{"role": "system", "content": "Summarise."}, "One. Two."], "One. Two."),
        ([f"Переведи.\n{DOCUMENT}"], "One. Two. Three. Four."),
        (["Show me a table."], "| bubble |"),
        (["Покажи формулу."], "$$"),
        ([make_picture(encode_picture(b"abc"))], "image/png, 3"),
    ],
)
def test_answer_follows_from_the_rules_for_questions(browser, messages, answer):
    assert answer in read_choice(ask(browser, *messages))[0]


def test_answer_is_cut_by_stops_and_by_the_limit_of_tokens(browser):
    whole, reason = read_choice(ask(browser, "Кто ты?"))
    assert reason == "stop"
    assert read_choice(ask(browser, "Кто ты?", stop="модель"))[0] in whole
    cut, reason = read_choice(ask(browser, "Кто ты?", max_tokens=2))
    assert (cut, reason) == (whole[: len(cut)], "length")


def test_streamed_answer_is_the_same_with_its_usage_at_the_end(browser):
    plain = ask(browser, "Кто ты?").json()
    options = {"stream": True, "stream_options": {"include_usage": True}}
    lines = ask(browser, "Кто ты?", **options).text.split("\n\n")
    *events, end = [line.removeprefix("data: ") for line in lines if line]
    chunks = [json.loads(event) for event in events]
    texts = [
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk["choices"]
    ]
    assert end == "[DONE]"
    assert "".join(texts) == plain["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"] == plain["usage"]


@pytest.mark.parametrize(
    ("fields", "status", "param"),
    [
        ({"model": "gpt-9"}, 404, "model"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"content": "a"}]}, 400, "messages.[0].role"),
        ({"response_format": {"type": "json_object"}}, 400, "response_format"),
    ],
)
def test_invalid_question_is_refused_by_its_field(browser, fields, status, param):
    response = ask(browser, "Кто ты?", **fields)
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (status, param)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/a.png", "data:image/png;base64,@@@", encode_picture(b"")],
)
def test_picture_must_be_sent_with_its_question(browser, url):
    response = ask(browser, make_picture(url))
    assert (response.status_code, response.json()["error"]["param"]) == (
        400,
        "messages",
    )


@pytest.mark.parametrize("authorization", ["", "Basic stand-in", "Bearer another"])
def test_request_without_the_key_is_refused(browser, authorization):
    response = browser.get("models", headers={"Authorization": authorization})
    assert response.status_code == 401


def test_models_are_listed_and_found_by_name(browser):
    names = [model["id"] for model in browser.get("models").json()["data"]]
    assert names == [CHAT_MODEL, VOICE_MODEL]
    assert browser.get(f"models/{VOICE_MODEL}").json()["id"] == VOICE_MODEL
    assert browser.get("models/gpt-9").status_code == 404


def transcribe(browser, content, model=VOICE_MODEL):
    data = {"model": model, "language": "en"}
    files = {"file": ("a.oga", content)}
    return browser.post("audio/transcriptions", data=data, files=files)


def test_recording_gives_its_embedded_text_or_says_that_it_has_none(browser):
    said = transcribe(browser, sample_voice("en")).json()
    assert said["text"].isascii()
    assert said["usage"]["seconds"] > 0
    assert "has no saved text" in transcribe(browser, SILENCE).json()["text"]


def test_what_is_no_recording_or_of_another_model_is_refused(browser):
    assert transcribe(browser, b"text").json()["error"]["param"] == "file"
    assert transcribe(browser, SILENCE, "gpt-9").status_code == 404
    empty = browser.post("audio/transcriptions", data={"model": VOICE_MODEL})
    assert empty.json()["error"]["param"] == "file"
