"""The adapters against the shipped stand-in of a provider: one launch from file to model."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing

import pytest
from waiting import wait_until

from merlin.core.errors import ModelGone
from merlin.core.messages import Message
from merlin.providers.base import LAUNCH_KEY, LaunchOrder
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_training import OpenAIAsker, OpenAIProvider
from merlin.sandbox.provider.app import ProviderStandIn

pytestmark = pytest.mark.integration
KEY = "f" * 32
NAME = "merlin-нейро-0123456789ab-train.jsonl"


@pytest.fixture
def standin():
    with ProviderStandIn() as made:
        yield made


@pytest.fixture
def provider(standin):
    with OpenAIProvider(standin.base_url, "any") as made:
        yield made


def launched(provider, path):
    line = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]}
    path.write_text("".join(json.dumps(line) + "\n" for _ in range(10)), encoding="utf-8")
    stored = provider.files.upload(NAME, path)
    metadata = {LAUNCH_KEY: KEY, "merlin_build": "нейро-1", "merlin_dataset": "нейро"}
    base = "stand-in-base"
    order = LaunchOrder(
        base, stored.file_id, None, "supervised", {"n_epochs": 2}, "neuro", metadata
    )
    return stored, provider.jobs.create(order)


def finished(provider, job_id):
    def succeeded():
        report = provider.jobs.report(job_id)
        return report if report.status == "succeeded" else None

    return wait_until(succeeded)


def test_a_launch_goes_from_file_to_model(provider, tmp_path):
    stored, made = launched(provider, tmp_path / "train.jsonl")
    assert [file.file_id for file in provider.files.find(NAME)] == [stored.file_id]
    assert [job.provider_job_id for job in provider.jobs.find(KEY)] == [made.provider_job_id]
    assert provider.jobs.find("e" * 32) == []
    report = finished(provider, made.provider_job_id)
    assert report.model_id
    assert report.metadata[LAUNCH_KEY] == KEY
    events = provider.jobs.events(made.provider_job_id, frozenset())
    assert events
    known = frozenset(event.event_id for event in events)
    assert provider.jobs.events(made.provider_job_id, known) == []
    assert provider.jobs.checkpoints(made.provider_job_id)
    provider.files.delete(stored.file_id)
    provider.files.delete(stored.file_id)
    assert provider.files.find(NAME) == []


def test_surplus_jobs_of_one_key_are_all_found_and_can_be_cancelled(provider, tmp_path):
    made = [launched(provider, tmp_path / "train.jsonl")[1].provider_job_id for _ in range(2)]
    found = [job.provider_job_id for job in provider.jobs.find(KEY)]
    assert sorted(found) == sorted(made)
    assert provider.jobs.cancel(found[1]).status == "cancelled"


def test_the_first_model_answers_whole_and_in_pieces(standin):
    question = [Message("user", "Что такое типаж?")]

    async def read():
        chat = OpenAIChat(standin.base_url, "any")
        try:
            model = await chat.first_model()
            pieces = [piece async for piece in chat.stream(model, question)]
            return model, pieces
        finally:
            await chat.aclose()

    model, pieces = asyncio.run(read())
    with closing(OpenAIAsker(standin.base_url, "any")) as asker:
        whole = asker.ask(model, question)
    assert "".join(piece.text for piece in pieces) == whole.text
    assert whole.text
    assert pieces[-1].usage == whole.usage


def test_a_model_that_was_never_there_is_gone(standin):
    with closing(OpenAIAsker(standin.base_url, "any")) as asker, pytest.raises(ModelGone):
        asker.ask("ft:nobody", [Message("user", "?")])
