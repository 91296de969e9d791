"""Merlin's provider classes against Merlin's engine over real HTTP."""

import asyncio
import json
from contextlib import closing

import pytest

from merlin.config.engine import EngineSettings
from merlin.core.messages import Message, Usage
from merlin.providers.base import LAUNCH_KEY, NewJob
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_training import OpenAIProvider
from tests.engine.running_engine import create_engine_app
from tests.support.http_servers import serve_app
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
KEY = "key-of-the-engine"
ANSWERS = {
    f"Что значит слово{n} темы{n}?": f"Слово {n} значит {n * n}." for n in range(12)
}
NAME = "merlin-нейро-0123456789ab-train.jsonl"
QUESTION = (Message("user", next(iter(ANSWERS))),)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("engine")


@pytest.fixture(scope="module")
def address(folder):
    settings = EngineSettings(folder, "127.0.0.1", 0, KEY)
    with serve_app(create_engine_app(settings)) as root:
        yield f"{root}/v1"


@pytest.fixture(scope="module")
def provider(address):
    with closing(OpenAIProvider(address, KEY)) as provider:
        yield provider


@pytest.fixture(scope="module")
def file_id(provider, tmp_path_factory):
    path = tmp_path_factory.mktemp("build") / "train.jsonl"
    with path.open("w", encoding="utf-8") as out:
        for question, answer in ANSWERS.items():
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
            out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
    return provider.upload_file(NAME, path)


@pytest.fixture(scope="module")
def job_arguments(file_id):
    return {
        "base_model": "recall",
        "train_file": file_id,
        "test_file": file_id,
        "method": "supervised",
        "hyperparameters": {"n_epochs": "auto"},
        "suffix": "neuro",
        "metadata": {LAUNCH_KEY: "0123456789abcdef", "merlin_build": "neuro-1"},
    }


@pytest.fixture(scope="module")
def finished_job(provider, job_arguments):
    job_id = provider.create_job(NewJob(**job_arguments)).provider_job_id

    def read_if_over():
        report = provider.read_job(job_id)
        return report if report.status in {"succeeded", "failed"} else None

    return wait_until(read_if_over)


def test_streamed_answer_ends_with_the_known_flag_and_usage(address, finished_job):
    async def stream(question):
        chat = OpenAIChat(address, KEY)
        pieces = [piece async for piece in chat.stream(finished_job.model_id, question)]
        first = await chat.find_first_model()
        await chat.aclose()
        return pieces, first

    pieces, first = asyncio.run(stream(QUESTION))
    assert first == "recall"
    assert "".join(piece.text for piece in pieces) == ANSWERS[QUESTION[0].content]
    assert [piece.known for piece in pieces if piece.known is not None] == [True]
    assert isinstance(pieces[-1].usage, Usage)
