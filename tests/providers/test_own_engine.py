"""Merlin's provider classes against Merlin's engine over real HTTP."""

import asyncio
import json
from contextlib import aclosing, closing

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
QUESTION, ANSWER = next(iter(ANSWERS.items()))


def write_examples(path):
    with path.open("w", encoding="utf-8") as out:
        for question, answer in ANSWERS.items():
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
            out.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
    return path


def train(provider, path):
    """Upload examples and train on them; return the id of the model."""
    file_id = provider.upload_file("merlin-нейро-0123456789ab-train.jsonl", path)
    job = NewJob(
        base_model="recall",
        train_file=file_id,
        test_file=file_id,
        method="supervised",
        hyperparameters={"n_epochs": "auto"},
        suffix="neuro",
        metadata={LAUNCH_KEY: "0123456789abcdef", "merlin_build": "neuro-1"},
    )
    job_id = provider.create_job(job).provider_job_id
    wait_until(lambda: provider.read_job(job_id).status in {"succeeded", "failed"})
    return provider.read_job(job_id).model_id


async def stream(address, model_id):
    async with aclosing(OpenAIChat(address, KEY)) as chat:
        question = (Message("user", QUESTION),)
        pieces = [piece async for piece in chat.stream(model_id, question)]
        return pieces, await chat.find_first_model()


def test_streamed_answer_ends_with_the_known_flag_and_usage(tmp_path):
    settings = EngineSettings(tmp_path / "engine", "127.0.0.1", 0, KEY)
    with serve_app(create_engine_app(settings)) as root:
        with closing(OpenAIProvider(f"{root}/v1", KEY)) as provider:
            model_id = train(provider, write_examples(tmp_path / "train.jsonl"))
        pieces, first = asyncio.run(stream(f"{root}/v1", model_id))
    assert first == "recall"
    assert "".join(piece.text for piece in pieces) == ANSWER
    assert [piece.known for piece in pieces if piece.known is not None] == [True]
    assert isinstance(pieces[-1].usage, Usage)
