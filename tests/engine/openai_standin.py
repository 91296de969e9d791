"""The part of the OpenAI protocol that the stand-in of vLLM uses.

A streamed answer consists of the model's name and the question, one word per chunk; tokens are
words. Requests that the real server refuses get the same error message.
"""

import asyncio
import json
import math

from starlette.responses import JSONResponse, StreamingResponse


def split_words(text):
    """Split an answer into streamed pieces: a word with the space after it."""
    words = text.split(" ")
    return [*(f"{word} " for word in words[:-1]), words[-1]]


def build_error(status, message, kind, param=None, **headers):
    body = {"error": {"message": message, "type": kind, "param": param, "code": status}}
    return JSONResponse(body, status, headers=headers or None)


class Echo:
    """The answers of one stand-in; `requests` has all bodies, `disconnects` counts lost clients."""

    def __init__(self):
        self.requests = []
        self.disconnects = 0
        self.refusals = []
        self.window = 50
        self.is_held = False
        self.is_silent = False
        self.is_broken = False
        self.is_endless = False

    def stream(self, body, name):
        """Return the streamed answer of the model `name`."""
        text = f"{name} hears: {body['messages'][-1]['content']}"
        return StreamingResponse(self._events(body, text), media_type="text/event-stream")

    def count(self, body):
        return sum(len(message["content"].split()) for message in body["messages"])

    async def _events(self, body, text):
        words, most = split_words(text), body.get("max_tokens") or math.inf
        sent, reason = _cut(words, most, body.get("stop") or [])
        is_over = False
        try:
            yield ": a comment, as servers send to keep a connection\n\n"
            yield _format_event(_build_chunk({"role": "assistant", "content": ""}))
            if self.is_silent:
                await asyncio.Event().wait()
            for word in sent:
                yield _format_event(
                    _build_chunk({"content": word}, logprobs=_build_logprobs(body, word))
                )
                if self.is_broken:
                    yield _format_event({"error": {"message": "out of memory", "code": 500}})
                    return
                while self.is_endless:
                    await asyncio.sleep(0)
                    yield "data: " + "a" * 65536
                if self.is_held:
                    # Waits until the server cancels it because the client has disconnected.
                    await asyncio.Event().wait()
            yield _format_event(_build_chunk({}, finish_reason=reason))
            if (body.get("stream_options") or {}).get("include_usage"):
                usage = {"prompt_tokens": self.count(body), "completion_tokens": len(sent)}
                yield _format_event({"choices": [], "usage": usage})
            yield "data: [DONE]\n\n"
            is_over = True
        finally:
            self.disconnects += not is_over


def _cut(words, most, stops):
    for number, word in enumerate(words):
        if number == most:
            return words[:number], "length"
        if word.strip() in stops:
            return words[:number], "stop"
    return words, "stop"


def _build_chunk(delta, finish_reason=None, logprobs=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def _build_logprobs(body, word):
    if not body.get("logprobs"):
        return None
    near = [{"token": f"{word}{n}", "logprob": -1.0 - n} for n in range(body["top_logprobs"])]
    return {
        "content": [
            {"token": word, "logprob": -0.5, "bytes": [*word.encode()], "top_logprobs": near}
        ]
    }


def _format_event(body):
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"
