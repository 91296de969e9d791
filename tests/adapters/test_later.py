"""Clients that are made when somebody asks: once, beside the loop, and again where that failed."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest

from merlin.adapters.later import LaterAudio, LaterChat
from merlin.chat.answerer import Piece
from merlin.core.errors import ProviderBusy
from merlin.core.message import Message, Usage

pytestmark = pytest.mark.functional
QUESTION = (Message("user", "Что такое очередь?"),)
ANSWER = {
    "choices": [{"message": {"content": "Очередь"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3},
}


def test_a_chat_answers_in_pieces_or_at_once_and_lists_its_models(server, reply):
    begun = {"choices": [{"delta": {"content": "Очередь"}}]}
    ended = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    stream = [f"data: {json.dumps(one)}\n\n".encode() for one in (begun, ended)]
    server.will({"data": [{"id": "ft:x"}]}, {"data": [{"id": "ft:x"}]}, reply(stream), ANSWER)

    async def story():
        chat = LaterChat(server.base_url, "sk-key")
        at_once = LaterChat(server.base_url, "sk-key", in_pieces=False)
        try:
            assert await chat.first_model() == "ft:x"
            assert [card.model_id for card in await chat.models()] == ["ft:x"]
            told = [piece async for piece in chat.stream("ft:x", QUESTION)]
            assert told == [Piece("Очередь"), Piece(finish_reason="stop")]
            told = [piece async for piece in at_once.stream("ft:x", QUESTION)]
            assert told == [Piece("Очередь", Usage(12, 3), finish_reason="stop")]
        finally:
            await chat.aclose()
            await at_once.aclose()

    asyncio.run(story())


def test_many_who_ask_at_first_share_one_client(server):
    server.will({"data": [{"id": "ft:x"}]})

    async def story():
        chat = LaterChat(server.base_url, "sk-key")
        asked = [asyncio.create_task(chat.first_model()) for _ in range(20)]
        asked.pop().cancel()
        assert await asyncio.gather(*asked) == ["ft:x"] * 19
        await chat.aclose()

    asyncio.run(story())


def test_a_client_that_could_not_be_made_is_tried_again():
    async def story():
        chat = LaterChat("http://host:port/v1", "sk-key")
        for _ in range(2):
            with pytest.raises(httpx2.InvalidURL):
                await chat.first_model()
        await chat.aclose()

    asyncio.run(story())


def test_what_was_never_asked_closes_quietly(server):
    async def story():
        await LaterChat(server.base_url, "sk-key").aclose()
        await LaterAudio(server.base_url, "sk-key", "whisper").aclose()

    asyncio.run(story())
    assert server.calls == []


def test_a_transcriber_hears_and_tells_what_goes_wrong(server, reply):
    server.will({"text": " да ", "duration": 2.5}, reply(status=500))

    async def story():
        audio = LaterAudio(server.base_url, "sk-key", "whisper")
        heard = await audio.transcribe(b"sound", "voice.oga", "ru")
        assert (heard.text, heard.seconds) == ("да", 2.5)
        with pytest.raises(ProviderBusy):
            await audio.transcribe(b"sound", "voice.oga")
        await audio.aclose()

    asyncio.run(story())
