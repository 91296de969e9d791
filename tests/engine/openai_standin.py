"""The part of the OpenAI protocol that stand-ins of vLLM and llama.cpp share: a streamed echo.

The model "says" who it is and what it was asked, a word a piece. Tokens are words. What a real
server would refuse, this one does too, in that server's own words.
"""

from __future__ import annotations

import asyncio
import json
import math

from starlette.responses import JSONResponse, StreamingResponse


def split_words(text):
    """Split an answer as it is streamed: a word with the space after it."""
    words = text.split(" ")
    return [*(f"{word} " for word in words[:-1]), words[-1]]


def error(status, message, kind, param=None, **headers):
    body = {"error": {"message": message, "type": kind, "param": param, "code": status}}
    return JSONResponse(body, status, headers=headers or None)


class Echo:
    """Answers of one stand-in; `asked` keeps every body, `left` counts who hung up early."""

    def __init__(self):
        self.asked = []
        self.left = 0
        self.refusals = []
        self.window = 50
        self.is_held = False
        self.is_silent = False
        self.is_broken = False
        self.is_endless = False

    def stream(self, asked, name):
        """Return the answer to a chat completion by the model `name`."""
        text = f"{name} hears: {asked['messages'][-1]['content']}"
        return StreamingResponse(self._events(asked, text), media_type="text/event-stream")

    def count(self, asked):
        return sum(len(message["content"].split()) for message in asked["messages"])

    async def _events(self, asked, text):
        words, most = split_words(text), asked.get("max_tokens") or math.inf
        said, reason = _until(words, most, asked.get("stop") or [])
        is_over = False
        try:
            yield ": a comment, as servers send to keep a connection\n\n"
            yield _event(_chunk({"role": "assistant", "content": ""}))
            if self.is_silent:
                await asyncio.Event().wait()
            for word in said:
                yield _event(_chunk({"content": word}, logprobs=_logprobs(asked, word)))
                if self.is_broken:
                    yield _event({"error": {"message": "out of memory", "code": 500}})
                    return
                while self.is_endless:
                    await asyncio.sleep(0)
                    yield "data: " + "a" * 65536
                if self.is_held:
                    # Until the server sees that nobody listens any more, and cancels this.
                    await asyncio.Event().wait()
            yield _event(_chunk({}, finish_reason=reason))
            if (asked.get("stream_options") or {}).get("include_usage"):
                usage = {"prompt_tokens": self.count(asked), "completion_tokens": len(said)}
                yield _event({"choices": [], "usage": usage})
            yield "data: [DONE]\n\n"
            is_over = True
        finally:
            self.left += not is_over


def _until(words, most, stops):
    for number, word in enumerate(words):
        if number == most:
            return words[:number], "length"
        if word.strip() in stops:
            return words[:number], "stop"
    return words, "stop"


def _chunk(delta, finish_reason=None, logprobs=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def _logprobs(asked, word):
    if not asked.get("logprobs"):
        return None
    near = [{"token": f"{word}{n}", "logprob": -1.0 - n} for n in range(asked["top_logprobs"])]
    return {"content": [{"token": word, "logprob": -0.5, "bytes": None, "top_logprobs": near}]}


def _event(body):
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def embeddings(asked):
    """Return CreateEmbeddingResponse: a vector is the text's length and its words."""
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    rows = [
        {
            "object": "embedding",
            "index": n,
            "embedding": [float(len(text)), len(text.split()) + 0.5],
        }
        for n, text in enumerate(texts)
    ]
    used = sum(len(text.split()) for text in texts)
    # The order is the server's own; what counts is the index.
    body = {"object": "list", "data": rows[::-1]}
    return {**body, "usage": {"prompt_tokens": used, "total_tokens": used}}
