"""Checks of models, files and chat: listed and read, answered whole and streamed, refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import openai
from openai.types import FileObject, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from merlin.engine.conformance import harness
from merlin.engine.conformance.harness import (
    BAD,
    GONE,
    Missing,
    Server,
    Wrong,
    check,
    check_paging,
    optional_call,
    refuses,
    require,
    require_equal,
    require_error_object,
    require_one_of,
    require_refusal,
)


@check("models.list")
def list_models(server: Server) -> None:
    """Prove that GET /models lists Models, the base among them, none twice."""
    cards = server.sdk.models.list().data
    for card in cards:
        require_equal("object", card.object, "model")
        require(card.created >= 0, "created", card.created, ">= 0")
    names = [card.id for card in cards]
    require_equal("data", len(set(names)), len(names))
    require(server.model in names, "data", names[:3], server.model)


@check("models.retrieve", list_models)
def retrieve_model(server: Server, _listed: None) -> None:
    """Prove that GET /models/{name} tells of the base."""
    with optional_call("GET /models/{name}"):
        model: Model = server.sdk.models.retrieve(server.model)
    require_equal("id", model.id, server.model)
    require_equal("object", model.object, "model")


NO_MODEL = "no-such-model-of-merlin"
unknown_base = refuses(
    "models.unknown", GONE, lambda server: server.sdk.models.retrieve(NO_MODEL), retrieve_model
)


NAME = "merlin-проверка-train.jsonl"
PURPOSE = "fine-tune"
NO_FILE = "file-0000000000000000deadbeef"


def upload(server: Server, content: bytes, name: str = NAME, purpose: Any = PURPOSE) -> FileObject:
    """Upload a training file, to be deleted at the end."""
    with optional_call("POST /files"):
        file = server.sdk.files.create(file=(name, content), purpose=purpose)
    server.undo_at_end("DELETE", f"/files/{file.id}")
    return file


@check("files.upload")
def uploaded(server: Server) -> FileObject:
    """Prove that POST /files answers an OpenAIFile with the size that was sent."""
    content = harness.training_file(harness.FEW)
    file = upload(server, content)
    require_equal("object", file.object, "file")
    require_equal("purpose", file.purpose, PURPOSE)
    require_equal("bytes", file.bytes, len(content))
    require(file.created_at > 0, "created_at", file.created_at, "> 0")
    return file


@check("files.name", uploaded)
def keeps_name(_server: Server, file: FileObject) -> None:
    """Prove that a file's name comes back as it was sent, Russian letters too."""
    require_equal("filename", file.filename, NAME)


@check("files.retrieve", uploaded)
def retrieve_file(server: Server, file: FileObject) -> None:
    """Prove that GET /files/{id} tells of the same file."""
    retrieved = server.sdk.files.retrieve(file.id)
    require_equal("id", retrieved.id, file.id)
    require_equal("bytes", retrieved.bytes, file.bytes)


@check("files.content", uploaded)
def content(server: Server, file: FileObject) -> None:
    """Prove that GET /files/{id}/content returns the bytes as they were sent."""
    with optional_call("GET /files/{id}/content"):
        downloaded = server.sdk.files.content(file.id).content
    require_equal("content", downloaded, harness.training_file(harness.FEW))


@check("files.list", uploaded)
def list_files(server: Server, file: FileObject) -> None:
    """Prove that GET /files has the new file."""
    with optional_call("GET /files"):
        ids = [item.id for item in server.sdk.files.list(limit=100, order="desc").data]
    require(file.id in ids, "data", ids[:3], file.id)


@check("files.filter", list_files, uploaded)
def filtered(server: Server, _listed: None, file: FileObject) -> None:
    """Prove that `purpose` lists the files of that purpose alone."""
    ids = [item.id for item in server.sdk.files.list(purpose=PURPOSE, limit=100).data]
    require(file.id in ids, "data", ids[:3], file.id)
    unrelated = server.sdk.files.list(purpose="batch", limit=100).data
    if file.id in [item.id for item in unrelated]:
        raise Missing("unheeded", what="purpose=batch")


@check("files.paging", list_files)
def paging(server: Server, _listed: None) -> None:
    """Prove that `limit` and `after` give every file once."""
    upload(server, harness.training_file(harness.FEW + 1))
    check_paging(server.sdk.files.list, 1)


unknown_file = refuses(
    "files.unknown", GONE, lambda server: server.sdk.files.retrieve(NO_FILE), uploaded
)
bad_purpose = refuses(
    "files.purpose",
    BAD,
    lambda server: upload(server, harness.training_file(harness.FEW), purpose="no-such-purpose"),
    uploaded,
)
# A file to train on whose name does not end with .jsonl is refused at once.
not_jsonl = refuses(
    "files.not_jsonl",
    BAD,
    lambda server: upload(server, b"question,answer\n", "examples.csv"),
    uploaded,
)


@check("files.delete", uploaded)
def deleted(server: Server, _run_check: FileObject) -> None:
    """Prove that a deleted file is gone: DELETE says so, GET is 404."""
    spare = upload(server, harness.training_file(harness.FEW + 2))
    with optional_call("DELETE /files/{id}"):
        deletion = server.sdk.files.delete(spare.id)
    require(deletion.deleted, "deleted", deletion.deleted, "true")
    require_equal("id", deletion.id, spare.id)
    require_refusal(lambda: server.sdk.files.retrieve(spare.id), GONE)


REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
AT_ONCE = 8
_FEW = 2
_BUSY = 429
_ENDS_EARLY = "length"
# A letter that was lost; UTF-8 that was taken for Latin-1, or for Windows-1251.
_BROKEN = re.compile("\ufffd|[\u00d0\u00d1][\u0080-\u00bf]|\u0420[\u00b0\u00b1\u00b5\u00b6]")


@check("chat.plain")
def plain(server: Server) -> ChatCompletion:
    """Prove that POST /chat/completions answers a ChatCompletion of the base model."""
    with optional_call("POST /chat/completions"):
        completion = server.ask()
    require_equal("object", completion.object, "chat.completion")
    require(completion.id, "id", completion.id, '!= ""')
    require_equal("choices", len(completion.choices), 1)
    require_equal("choices[0].index", completion.choices[0].index, 0)
    require_equal("choices[0].message.role", completion.choices[0].message.role, "assistant")
    require(text_of(completion), "choices[0].message.content", text_of(completion), '!= ""')
    return completion


def text_of(chat_completion: ChatCompletion) -> str:
    """Return what was answered."""
    return chat_completion.choices[0].message.content or ""


@check("chat.finish_reason", plain)
def finish_reason(_server: Server, completion: ChatCompletion) -> None:
    """Prove that the answer says why it ended."""
    require_one_of("finish_reason", completion.choices[0].finish_reason, REASONS)


@check("chat.usage", plain)
def usage(_server: Server, completion: ChatCompletion) -> None:
    """Prove that `usage` counts both sides, and its sum is their sum."""
    require_usage_sum(completion.usage)


def require_usage_sum(usage: object) -> None:
    """Raise Wrong unless figures of usage add up."""
    counts = [getattr(usage, f"{side}_tokens", None) for side in ("prompt", "completion", "total")]
    prompt_tokens, completion_tokens, total = counts
    require(all(isinstance(count, int) for count in counts), "usage", usage, "3 numbers")
    require((prompt_tokens or 0) > 0, "prompt_tokens", prompt_tokens, "> 0")
    require((completion_tokens or 0) > 0, "completion_tokens", completion_tokens, "> 0")
    require_equal("total_tokens", total, (prompt_tokens or 0) + (completion_tokens or 0))


@check("chat.max_tokens", plain)
def most_tokens(server: Server, _plain: object) -> None:
    """Prove that `max_tokens` cuts the answer, which says so by `length`."""
    completion = server.ask(most=_FEW)
    require_equal("finish_reason", completion.choices[0].finish_reason, _ENDS_EARLY)
    tokens = completion.usage.completion_tokens if completion.usage else 0
    require(tokens <= _FEW, "completion_tokens", tokens, f"<= {_FEW}")


@check("chat.stop", plain)
def stopped(server: Server, completion: ChatCompletion) -> None:
    """Prove that an answer ends before a text of `stop`."""
    parts = text_of(completion).split()
    sign = parts[1] if len(parts) > 1 else text_of(completion)[1:2]
    require(sign, "choices[0].message.content", text_of(completion), "2 words")
    cut = server.ask(stop=[sign])
    require(sign not in text_of(cut), "choices[0].message.content", text_of(cut), f"…[{sign}]")
    require_equal("finish_reason", cut.choices[0].finish_reason, "stop")


@check("chat.unicode", plain)
def answers_russian(_server: Server, completion: ChatCompletion) -> None:
    """Prove that Russian letters come whole."""
    _require_unbroken_text(text_of(completion))


def _require_unbroken_text(text: str) -> None:
    if _BROKEN.search(text):
        raise Wrong("broken-text", words=text)


@check("chat.n", plain)
def several(server: Server, _plain: object) -> None:
    """Prove that `n` = 2 gives two choices, or is refused with an error object."""
    with _may_refuse():
        completion = server.ask(n=2)
        if len(completion.choices) == 1:
            raise Missing("unheeded", what="n=2")
        require_equal("choices", [choice.index for choice in completion.choices], [0, 1])


@contextmanager
def _may_refuse() -> Iterator[None]:
    """Let a call be refused by an error object."""
    try:
        yield
    except openai.APIStatusError as error:
        require_error_object(error.response, BAD)


@check("chat.temperature", plain)
def temperature(server: Server, _plain: object) -> None:
    """Prove that a temperature is taken, or refused with an error object."""
    with _may_refuse():
        require_equal("object", server.ask(temperature=0.5).object, "chat.completion")


unknown_model = refuses(
    "chat.unknown_model", GONE, lambda server: server.ask(model=NO_MODEL), plain
)
empty = refuses("chat.empty", BAD, lambda server: server.ask(messages=[]), plain)
role = refuses(
    "chat.role", BAD, lambda server: server.ask(messages=[{"role": "boss", "content": "?"}]), plain
)


@check("chat.concurrent", plain)
def concurrent(server: Server, _plain: object) -> None:
    """Prove that eight questions at once are answered, or put off with 429 and an error object."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(_answered, [server] * AT_ONCE))
    require(sum(answers) > 0, "choices", sum(answers), ">= 1")


def _answered(server: Server) -> bool:
    try:
        completion = server.ask()
    except openai.RateLimitError as error:
        require_error_object(error.response, (_BUSY,))
        return False
    require(text_of(completion), "choices[0].message.content", text_of(completion), '!= ""')
    return True


END_OF_STREAM = "[DONE]"


def text_of_chunks(chat_completion_chunks: Iterable[ChatCompletionChunk]) -> str:
    """Return what was answered."""
    return "".join(
        choice.delta.content or "" for chunk in chat_completion_chunks for choice in chunk.choices
    )


@check("stream.chunks", plain)
def chunks(server: Server, _plain: object) -> list[ChatCompletionChunk]:
    """Prove that a streamed answer comes in chunks of one id, the first of which names the role."""
    received = server.stream()
    require(received, "data", received, ">= 1")
    for chunk in received:
        require_equal("object", chunk.object, "chat.completion.chunk")
        require_equal("id", chunk.id, received[0].id)
    deltas = [choice.delta for chunk in received for choice in chunk.choices]
    require_equal("delta.role", deltas[0].role if deltas else None, "assistant")
    require(text_of_chunks(received), "delta.content", text_of_chunks(received), '!= ""')
    return received


@check("stream.unicode", chunks)
def streams_russian(_server: Server, received: list[ChatCompletionChunk]) -> None:
    """Prove that Russian letters come whole in a stream, wherever it is cut."""
    _require_unbroken_text(text_of_chunks(received))


@check("stream.finish_reason", chunks)
def streamed_finish_reason(_server: Server, received: list[ChatCompletionChunk]) -> None:
    """Prove that the last chunk with a choice says why the answer ended, and no other does."""
    reasons = [choice.finish_reason for chunk in received for choice in chunk.choices]
    require_one_of("finish_reason", reasons[-1], REASONS)
    require_equal("finish_reason", [reason for reason in reasons[:-1] if reason], [])


@check("stream.done", chunks)
def done(server: Server, _chunks: object) -> None:
    """Prove that the wire has events of JSON, then [DONE], then nothing."""
    with server.streamed() as response:
        kind = response.headers.get("content-type", "")
        lines = [line for line in response.iter_lines() if line.startswith("data:")]
    require(kind.startswith("text/event-stream"), "content-type", kind, "text/event-stream")
    events = [line.partition(":")[2].strip() for line in lines]
    require_equal("data", events[-1] if events else "", END_OF_STREAM)
    for event in events[:-1]:
        try:
            is_object = isinstance(json.loads(event), dict)
        except ValueError:
            is_object = False
        require(is_object, "data", event, "{…}")


@check("stream.usage", chunks)
def streamed_usage(server: Server, _chunks: object) -> None:
    """Prove that with `include_usage` the last chunk has figures that add up, and no choice."""
    received = server.stream(stream_options={"include_usage": True})
    counted = [chunk for chunk in received if chunk.usage]
    if not counted:
        raise Missing("unheeded", what="stream_options.include_usage")
    require_equal("choices", [choice.index for choice in counted[-1].choices], [])
    require_equal("id", received[-1].usage, counted[-1].usage)
    require_usage_sum(counted[-1].usage)


@check("stream.max_tokens", chunks)
def streamed_most_tokens(server: Server, _chunks: object) -> None:
    """Prove that `max_tokens` cuts a streamed answer too."""
    received = server.stream(most=_FEW)
    reasons = [choice.finish_reason for chunk in received for choice in chunk.choices]
    require_equal("finish_reason", reasons[-1] if reasons else None, _ENDS_EARLY)


@check("stream.disconnect", chunks)
def disconnect(server: Server, _chunks: object) -> None:
    """Prove that a client that goes away in mid-stream leaves the server well."""
    with server.streamed() as response:
        first = next(response.iter_bytes(), b"")
    require(first, "data", first, '!= ""')
    require(text_of(server.ask()), "choices[0].message.content", "", '!= ""')
