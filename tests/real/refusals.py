"""What real servers refuse in words of their own, and what Merlin makes of it.

Each row was answered by the program itself (`tests/real/test_*_as_provider.py`), is kept in
`recorded`, and is replayed where no program is (`tests/providers/test_recorded_refusals.py`).
"""

import asyncio
from contextlib import closing

import pytest

from merlin.core.errors import ModelGone, ProviderBusy, ProviderError, ProviderUnknown
from merlin.core.messages import Message, ParameterRefused, SamplingParams
from merlin.openai_protocol.errors import (
    BAD_KEY,
    NO_CREDIT,
    NO_MODEL,
    TOO_LONG,
    UNSUPPORTED,
)
from merlin.providers.base import LAUNCH_KEY, NewJob
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_training import OpenAIModelClient, OpenAIProvider

UNKNOWN = "no-such-model"
LONG = "Where is Anna? " * 400
NO_FORMAT = {"type": "nonsense"}
# Of no JSON schema vLLM speaks when the stream has begun.
NO_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "a", "schema": {"type": "nonsense"}},
}
_JOB = NewJob(
    base_model="tiny",
    train_file="file-1",
    test_file=None,
    method="supervised",
    hyperparameters={},
    suffix="",
    metadata={LAUNCH_KEY: "k"},
)


def ask(url, key, model, text="Where is Anna?", response_format=None):
    """Ask a question, streamed as the bot does."""
    parameters = SamplingParams(most_tokens=8, response_format=response_format)

    async def read():
        chat = OpenAIChat(f"{url}/v1", key)
        try:
            messages = [Message("user", text)]
            return [piece async for piece in chat.stream(model, messages, parameters)]
        finally:
            await chat.aclose()

    return asyncio.run(read())


def ask_whole(url, key, model):
    """Ask a question as the tests of a model do."""
    parameters = SamplingParams(most_tokens=8)
    with closing(OpenAIModelClient(f"{url}/v1", key, parameters)) as client:
        return client.ask(model, [Message("user", "Where is Anna?")])


def upload(url, key, path):
    """Upload a training file."""
    with closing(OpenAIProvider(f"{url}/v1", key)) as provider:
        return provider.upload_file("a.jsonl", path)


def create_job(url, key):
    """Create a job."""
    with closing(OpenAIProvider(f"{url}/v1", key)) as provider:
        return provider.create_job(_JOB)


# By program and story: the error, its code, and the call of `CALLS` that it answers.
REFUSALS = {
    ("litellm", "unknown-model"): (ModelGone, NO_MODEL, "ask"),
    ("litellm", "unknown-model-whole"): (ModelGone, NO_MODEL, "ask_whole"),
    ("litellm", "model-gone-behind"): (ModelGone, "", "ask"),
    ("litellm", "model-cools-down"): (ProviderBusy, "", "ask"),
    ("litellm", "wrong-key"): (ProviderError, BAD_KEY, "ask"),
    ("litellm", "too-long"): (ProviderError, TOO_LONG, "ask"),
    ("litellm", "no-credit"): (ProviderError, NO_CREDIT, "ask"),
    ("litellm", "no-files"): (ProviderError, UNSUPPORTED, "upload"),
    ("litellm", "no-jobs"): (ProviderError, UNSUPPORTED, "create_job"),
    ("transformers", "other-model"): (ModelGone, NO_MODEL, "ask"),
    ("transformers", "unknown-model"): (ProviderUnknown, "", "ask_whole"),
    ("transformers", "no-files"): (ProviderError, "", "upload"),
    ("vllm", "unknown-model"): (ModelGone, "", "ask"),
    ("vllm", "wrong-key"): (ProviderError, "", "ask"),
    ("vllm", "too-long"): (ProviderError, TOO_LONG, "ask"),
    ("vllm", "no-format"): (ParameterRefused, "", "ask"),
    ("vllm", "no-schema"): (ParameterRefused, "", "ask"),
    ("vllm", "no-files"): (ProviderError, "", "upload"),
}


def check_refusal(program, story, call):
    """Make a call that the program refuses; fail unless Merlin understands it as the table says."""
    kind, code, _ = REFUSALS[program, story]
    with pytest.raises(ProviderError) as caught:
        call()
    assert (type(caught.value), caught.value.code) == (kind, code), caught.value
