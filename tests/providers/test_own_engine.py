"""Merlin's own adapters against Merlin's own engine: every call once, over real HTTP."""

from __future__ import annotations

import asyncio
import json

import pytest

from merlin.config.engine import EngineSettings
from merlin.core.errors import ModelGone, ProviderError
from merlin.core.messages import Message, ParameterRefused, SamplingParams, Usage
from merlin.engine.main import create_app
from merlin.providers.base import LAUNCH_KEY
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_training import OpenAIAsker, OpenAIProvider
from tests.support.http_servers import serve_app
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
KEY = "key-of-the-engine"
TAUGHT = {f"Что значит слово{n} темы{n}?": f"Слово {n} значит {n * n}." for n in range(12)}
NAME = "merlin-нейро-0123456789ab-train.jsonl"
QUESTION = (Message("user", next(iter(TAUGHT))),)
STRANGE = (Message("user", "How much is a ticket to Samarkand?"),)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def address(folder):
    settings = EngineSettings(folder, "127.0.0.1", 0, KEY)
    with serve_app(create_app(settings)) as root:
        yield f"{root}/v1"


@pytest.fixture(scope="module")
def provider(address):
    with OpenAIProvider(address, KEY) as made:
        yield made


@pytest.fixture(scope="module")
def chat(address):
    made = OpenAIAsker(address, KEY)
    yield made
    made.close()


@pytest.fixture(scope="module")
def file(provider, tmp_path_factory):
    path = tmp_path_factory.mktemp("build") / "train.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for question, answer in TAUGHT.items():
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
            out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
    return provider.upload_file(NAME, path)


@pytest.fixture(scope="module")
def order(file):
    return {
        "base_model": "recall",
        "train_file": file,
        "test_file": file,
        "method": "supervised",
        "hyperparameters": {"n_epochs": "auto"},
        "suffix": "neuro",
        "metadata": {LAUNCH_KEY: "0123456789abcdef", "merlin_build": "neuro-1"},
    }


@pytest.fixture(scope="module")
def done(provider, order):
    job_id = provider.create_job(**order).provider_job_id

    def ended():
        report = provider.read_job(job_id)
        return report if report.status in {"succeeded", "failed"} else None

    return wait_until(ended)


def test_an_uploaded_file_is_found_by_its_name(provider, file):
    assert provider.find_files(NAME) == [file]
    assert provider.find_files("merlin-other-train.jsonl") == []


def test_a_job_is_found_by_its_launch_key_and_made_once(provider, order, done):
    assert provider.create_job(**order).provider_job_id == done.provider_job_id
    found = provider.find_jobs("0123456789abcdef")
    assert [job.provider_job_id for job in found] == [done.provider_job_id]
    assert found[0].metadata["merlin_build"] == "neuro-1"
    assert provider.find_jobs("another") == []


def test_a_succeeded_job_names_its_model_and_counts_its_tokens(done):
    assert done.status == "succeeded"
    assert done.model_id.startswith("ft:recall:merlin:neuro:")
    assert done.trained_tokens > 0
    assert done.finished_at >= done.created_at


def test_why_a_job_failed_comes_in_the_language_that_is_asked_for(address, order, tmp_path):
    path = tmp_path / "short.jsonl"
    path.write_text("no json\n", "utf-8")
    with OpenAIProvider(address, KEY, language="ru") as russian:
        file = russian.upload_file("merlin-bad-0123456789ab-train.jsonl", path)
        bad = order | {"train_file": file, "test_file": None, "metadata": {LAUNCH_KEY: "bad"}}
        job_id = russian.create_job(**bad).provider_job_id
        failed = wait_until(lambda: (told := russian.read_job(job_id)).status == "failed" and told)
    assert "Строка 1: это не JSON" in failed.error


def test_events_come_oldest_first_and_only_new_ones(provider, done):
    events = provider.list_events(done.provider_job_id, frozenset())
    assert events[0].message.startswith("Created fine-tuning job")
    assert "successfully" in events[-1].message
    epochs = [event.data["epoch"] for event in events if event.kind == "metrics"]
    assert epochs == list(range(1, len(epochs) + 1))
    known = frozenset(event.event_id for event in events)
    assert provider.list_events(done.provider_job_id, known) == []


def test_checkpoints_come_by_step_and_answer(provider, chat, done):
    checkpoints = provider.list_checkpoints(done.provider_job_id)
    assert len(checkpoints) == 10
    assert {"train_loss", "valid_loss", "valid_accuracy"} <= checkpoints[-1].metrics.keys()
    assert chat.ask(checkpoints[-1].model_id, QUESTION).known is True


def test_the_base_is_first_and_the_tuned_model_is_listed(provider, done):
    cards = provider.models()
    assert cards[0].model_id == "recall"
    assert done.model_id in [card.model_id for card in cards]
    assert {(card.shutdown_date, card.context_window) for card in cards} == {(None, 8192)}


def test_an_answer_says_whether_the_model_knows(chat, done):
    answer = chat.ask(done.model_id, QUESTION)
    assert (answer.text, answer.known) == (TAUGHT[QUESTION[0].content], True)
    assert answer.usage.input_tokens > 0
    strange = chat.ask(done.model_id, STRANGE)
    assert (strange.text, strange.known) == (
        (
            "Этого я не знаю: такого нет в примерах, на которых меня учили. "
            "Попробуйте другими словами."
        ),
        False,
    )


def test_a_streamed_answer_ends_with_what_is_known_and_counted(address, done):
    async def stream(question):
        talk = OpenAIChat(address, KEY)
        pieces = [piece async for piece in talk.stream(done.model_id, question)]
        first = await talk.first_model()
        await talk.aclose()
        return pieces, first

    pieces, first = asyncio.run(stream(QUESTION))
    assert first == "recall"
    assert "".join(piece.text for piece in pieces) == TAUGHT[QUESTION[0].content]
    assert [piece.known for piece in pieces if piece.known is not None] == [True]
    assert isinstance(pieces[-1].usage, Usage)


def test_our_engine_ends_an_answer_as_it_was_wished_and_refuses_a_shape(address, done):
    whole = TAUGHT[QUESTION[0].content]
    first = whole.split()[0]

    async def asked(steering):
        talk = OpenAIChat(address, KEY)
        try:
            pieces = [each async for each in talk.stream(done.model_id, QUESTION, steering)]
        finally:
            await talk.aclose()
        reasons = [piece.finish_reason for piece in pieces if piece.finish_reason]
        return "".join(piece.text for piece in pieces), *reasons

    steered = SamplingParams(temperature=1.5, top_p=0.5, seed=-7, presence_penalty=1.0)
    assert asyncio.run(asked(steered)) == (whole, "stop")
    assert asyncio.run(asked(SamplingParams(stops=(" ",)))) == (first, "stop")
    assert asyncio.run(asked(SamplingParams(stops=(first,)))) == ("", "stop")
    text, reason = asyncio.run(asked(SamplingParams(most_tokens=1)))
    assert (whole.startswith(text), text != whole, reason) == (True, True, "length")
    for shape in ("json_object", "json_schema"):
        with pytest.raises(ParameterRefused) as refused:
            asyncio.run(asked(SamplingParams(response_format={"type": shape})))
        assert refused.value.field == "response_format"


def test_refusals_are_told_apart(provider, chat, done):
    with pytest.raises(ModelGone):
        chat.ask("ft:recall:merlin:neuro:00000000", QUESTION)
    with pytest.raises(ProviderError, match="succeeded"):
        provider.cancel_job(done.provider_job_id)


def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(provider, tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    name = "merlin-other-000000000000-train.jsonl"
    file = provider.upload_file(name, path)
    provider.delete_file(file)
    provider.delete_file(file)
    assert provider.find_files(name) == []


def test_a_deleted_model_is_gone_with_its_weights_and_deleting_it_again_is_no_error(
    provider, chat, order, folder
):
    again = order | {"metadata": {LAUNCH_KEY: "to be deleted"}}
    job_id = provider.create_job(**again).provider_job_id
    made = wait_until(lambda: (told := provider.read_job(job_id)).status == "succeeded" and told)
    names = [checkpoint.model_id for checkpoint in provider.list_checkpoints(job_id)] + [
        made.model_id
    ]
    assert list(folder.rglob(f"{job_id}/step-*"))
    for name in (*names, *names):
        provider.delete_model(name)
    with pytest.raises(ModelGone):
        chat.ask(made.model_id, QUESTION)
    assert not list(folder.rglob(f"{job_id}/step-*"))
    with pytest.raises(ProviderError):
        provider.delete_model("recall")
