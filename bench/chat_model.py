"""A fast stand-in of a provider: an answer of 400 characters after a delay, plain or streamed."""

import asyncio
import json
import re

from bench.chat_http import Connection

CHUNKS = 20
FIRST_S = 0.2
LENGTH = 400
# A question contains its number; the end of its answer repeats it.
_NUMBER = re.compile(rb"q-(\d+)-q")
END = re.compile(r"a-(\d+)-a")
_WORDS = (
    "Очередь отдаёт первым того, кто пришёл первым, а стек того, кто пришёл последним. "
)


def question(number: int) -> str:
    """Return the question of this number."""
    return f"Чем очередь отличается от стека? q-{number}-q"


def answer(number: int) -> str:
    """Return the answer to the question of this number."""
    end = f" a-{number}-a"
    return (_WORDS * LENGTH)[: LENGTH - len(end)] + end


class Provider:
    """The list of models and chat completions; `seconds` is the duration of an answer."""

    def __init__(self) -> None:
        self.seconds = 1.0

    def handle(self, target: bytes, body: bytes, connection: Connection) -> None:
        """Answer one call."""
        if target.endswith(b"/models"):
            connection.reply(
                b'{"object":"list","data":[{"id":"bench","object":"model"}]}'
            )
            return
        numbers = _NUMBER.findall(body)
        number = int(numbers[-1]) if numbers else 0

        if b'"stream":true' in body.replace(b" ", b""):
            self._stream(number, connection)
            return
        body_bytes = _completion(answer(number))
        asyncio.get_running_loop().call_later(
            self.seconds, connection.reply, body_bytes
        )

    def _stream(self, number: int, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.begin()
        text = answer(number)
        size = LENGTH // CHUNKS
        first = min(FIRST_S, self.seconds)
        gap = (self.seconds - first) / (CHUNKS - 1)
        for index in range(CHUNKS):
            piece = _chunk({"content": text[index * size : (index + 1) * size]})
            loop.call_later(first + index * gap, connection.piece, piece)
        loop.call_later(self.seconds, _finish, connection)


def _finish(connection: Connection) -> None:
    connection.piece(_chunk({}, "stop"))
    connection.piece(_sse({**_HEAD, "choices": [], "usage": _USAGE}))
    connection.piece(b"data: [DONE]\n\n")
    connection.end()


_HEAD = {
    "id": "chatcmpl-1",
    "created": 1795000000,
    "model": "bench",
    "system_fingerprint": None,
}
_USAGE = {"prompt_tokens": 20, "completion_tokens": 100, "total_tokens": 120}


def _chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    return _sse({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def _sse(value: object) -> bytes:
    return b"data: %s\n\n" % json.dumps(value).encode()


def _completion(text: str) -> bytes:
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    values = {
        **_HEAD,
        "object": "chat.completion",
        "choices": [choice],
        "usage": _USAGE,
    }
    return json.dumps(values).encode()
