"""Azure's dated API: the key in a header of its own, the version, and the model in the path."""

import asyncio
from contextlib import aclosing, closing

import pytest

from merlin.core.errors import ProviderError
from merlin.core.messages import Message
from merlin.providers.openai_chat import OpenAIChat
from merlin.providers.openai_training import OpenAIModelClient, OpenAIProvider
from tests.support.provider_account import AzureStandIn, plant_account

pytestmark = pytest.mark.functional
MODEL = "ft:gpt-4o-mini-2024-07-18:demo::1"
VERSION = "2024-10-21"
QUESTION = "Что записано в тетради 1, где берёза?"


@pytest.fixture
def azure():
    with AzureStandIn(plant_account()[0]) as stand_in:
        yield stand_in


async def _stream(url, version):
    async with aclosing(OpenAIChat(url, "stand-in", api_version=version)) as chat:
        pieces = [
            each.text async for each in chat.stream(MODEL, [Message("user", QUESTION)])
        ]
        return "".join(pieces)


def test_models_of_azure_answer_streamed_and_whole(azure):
    assert asyncio.run(_stream(azure.base_url, VERSION)) == "Запись 1.1."
    client = OpenAIModelClient(azure.base_url, "stand-in", api_version=VERSION)
    with closing(client):
        assert client.ask(MODEL, [Message("user", QUESTION)]).text == "Запись 1.1."


def test_files_of_azure_are_listed_and_jobs_with_their_files(azure):
    service = OpenAIProvider(azure.base_url, "stand-in", api_version=VERSION)
    assert [file.file_id for file in service.list_files()][:2] == ["file-1", "file-2"]
    assert len(service.list_jobs()) == 5
    service.close()


def test_without_the_version_azure_refuses(azure):
    with pytest.raises(ProviderError):
        asyncio.run(_stream(azure.base_url, ""))


def test_name_of_a_model_is_one_part_of_the_path(server):
    server.will({"error": {"message": "no"}})

    async def ask():
        chat = OpenAIChat(server.base_url, "key", api_version=VERSION)
        try:
            async for _ in chat.stream("../x?y", [Message("user", QUESTION)]):
                pass
        finally:
            await chat.aclose()

    with pytest.raises(ProviderError):
        asyncio.run(ask())
    assert "/deployments/..%2Fx%3Fy/chat/completions" in server.calls[0].path
