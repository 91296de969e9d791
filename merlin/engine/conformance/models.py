"""Checks of models, files and chat, streamed and not."""

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
    INVALID,
    NOT_FOUND,
    Deviation,
    NotSupported,
    Server,
    allow_missing_call,
    check,
    check_paging,
    expect_refusal,
    require,
    require_equal,
    require_error_object,
    require_one_of,
    require_refusal,
)


@check("models.list")
def list_models(server: Server) -> None:
    """Check that GET /models lists unique models, including the base."""
    cards = server.sdk.models.list().data
    for card in cards:
        require_equal("object", card.object, "model")
        require(card.created >= 0, "created", card.created, ">= 0")
    names = [card.id for card in cards]
    require_equal("data", len(set(names)), len(names))
    require(server.model in names, "data", names[:3], server.model)


@check("models.retrieve", list_models)
def retrieve_model(server: Server, _listed: None) -> None:
    """Check that GET /models/{name} returns the base."""
    with allow_missing_call("GET /models/{name}"):
        model: Model = server.sdk.models.retrieve(server.model)
    require_equal("id", model.id, server.model)
    require_equal("object", model.object, "model")


NO_MODEL = "no-such-model-of-merlin"
refuse_unknown_base = expect_refusal(
    "models.unknown", NOT_FOUND, lambda server: server.sdk.models.retrieve(NO_MODEL), retrieve_model
)


FILE_NAME = "merlin-проверка-train.jsonl"
PURPOSE = "fine-tune"
NO_FILE = "file-0000000000000000deadbeef"


def upload(
    server: Server, content: bytes, name: str = FILE_NAME, purpose: Any = PURPOSE
) -> FileObject:
    """Upload a training file; the cleanup deletes it."""
    with allow_missing_call("POST /files"):
        file = server.sdk.files.create(file=(name, content), purpose=purpose)
    server.add_cleanup("DELETE", f"/files/{file.id}")
    return file


@check("files.upload")
def upload_training_file(server: Server) -> FileObject:
    """Check that POST /files returns an OpenAIFile with the uploaded size."""
    content = harness.build_training_file(harness.FEW)
    file = upload(server, content)
    require_equal("object", file.object, "file")
    require_equal("purpose", file.purpose, PURPOSE)
    require_equal("bytes", file.bytes, len(content))
    require(file.created_at > 0, "created_at", file.created_at, "> 0")
    return file


@check("files.name", upload_training_file)
def keep_file_name(_server: Server, file: FileObject) -> None:
    """Check that the file name is returned unchanged, including Cyrillic."""
    require_equal("filename", file.filename, FILE_NAME)


@check("files.retrieve", upload_training_file)
def retrieve_file(server: Server, file: FileObject) -> None:
    """Check that GET /files/{id} returns the file."""
    retrieved = server.sdk.files.retrieve(file.id)
    require_equal("id", retrieved.id, file.id)
    require_equal("bytes", retrieved.bytes, file.bytes)


@check("files.content", upload_training_file)
def download_file(server: Server, file: FileObject) -> None:
    """Check that GET /files/{id}/content returns the uploaded bytes."""
    with allow_missing_call("GET /files/{id}/content"):
        downloaded = server.sdk.files.content(file.id).content
    require_equal("content", downloaded, harness.build_training_file(harness.FEW))


@check("files.list", upload_training_file)
def list_files(server: Server, file: FileObject) -> None:
    """Check that GET /files lists the new file."""
    with allow_missing_call("GET /files"):
        ids = [item.id for item in server.sdk.files.list(limit=100, order="desc").data]
    require(file.id in ids, "data", ids[:3], file.id)


@check("files.filter", list_files, upload_training_file)
def filter_files(server: Server, _listed: None, file: FileObject) -> None:
    """Check that `purpose` lists only the files of that purpose."""
    ids = [item.id for item in server.sdk.files.list(purpose=PURPOSE, limit=100).data]
    require(file.id in ids, "data", ids[:3], file.id)
    unrelated = server.sdk.files.list(purpose="batch", limit=100).data
    if file.id in [item.id for item in unrelated]:
        raise NotSupported("unheeded", what="purpose=batch")


@check("files.paging", list_files)
def page_files(server: Server, _listed: None) -> None:
    """Check that paging with `limit` and `after` returns every file once."""
    upload(server, harness.build_training_file(harness.FEW + 1))
    check_paging(server.sdk.files.list, 1)


refuse_unknown_file = expect_refusal(
    "files.unknown",
    NOT_FOUND,
    lambda server: server.sdk.files.retrieve(NO_FILE),
    upload_training_file,
)
refuse_purpose = expect_refusal(
    "files.purpose",
    INVALID,
    lambda server: upload(
        server, harness.build_training_file(harness.FEW), purpose="no-such-purpose"
    ),
    upload_training_file,
)
# A training file whose name does not end in .jsonl is refused on upload.
refuse_file_name = expect_refusal(
    "files.not_jsonl",
    INVALID,
    lambda server: upload(server, b"question,answer\n", "examples.csv"),
    upload_training_file,
)


@check("files.delete", upload_training_file)
def delete_file(server: Server, _run_check: FileObject) -> None:
    """Check that DELETE confirms the deletion, and GET then returns 404."""
    spare = upload(server, harness.build_training_file(harness.FEW + 2))
    with allow_missing_call("DELETE /files/{id}"):
        deletion = server.sdk.files.delete(spare.id)
    require(deletion.deleted, "deleted", deletion.deleted, "true")
    require_equal("id", deletion.id, spare.id)
    require_refusal(lambda: server.sdk.files.retrieve(spare.id), NOT_FOUND)


FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
AT_ONCE = 8
_FEW_TOKENS = 2
_BUSY = 429
_LENGTH = "length"
# A replacement character; UTF-8 decoded as Latin-1 or as Windows-1251.
_BROKEN = re.compile("\ufffd|[\u00d0\u00d1][\u0080-\u00bf]|\u0420[\u00b0\u00b1\u00b5\u00b6]")


@check("chat.plain")
def answer_chat(server: Server) -> ChatCompletion:
    """Check that POST /chat/completions returns a ChatCompletion with one answer."""
    with allow_missing_call("POST /chat/completions"):
        completion = server.ask()
    require_equal("object", completion.object, "chat.completion")
    require(completion.id, "id", completion.id, '!= ""')
    require_equal("choices", len(completion.choices), 1)
    require_equal("choices[0].index", completion.choices[0].index, 0)
    require_equal("choices[0].message.role", completion.choices[0].message.role, "assistant")
    require(read_text(completion), "choices[0].message.content", read_text(completion), '!= ""')
    return completion


def read_text(completion: ChatCompletion) -> str:
    """Return the text of the answer."""
    return completion.choices[0].message.content or ""


@check("chat.finish_reason", answer_chat)
def name_finish_reason(_server: Server, completion: ChatCompletion) -> None:
    """Check that the answer has a valid finish reason."""
    require_one_of("finish_reason", completion.choices[0].finish_reason, FINISH_REASONS)


@check("chat.usage", answer_chat)
def count_usage(_server: Server, completion: ChatCompletion) -> None:
    """Check that `usage` has prompt and completion tokens and their sum."""
    require_usage_sum(completion.usage)


def require_usage_sum(usage: object) -> None:
    """Raise Deviation unless the total is the sum of prompt and completion tokens."""
    counts = [getattr(usage, f"{side}_tokens", None) for side in ("prompt", "completion", "total")]
    prompt_tokens, completion_tokens, total = counts
    require(all(isinstance(count, int) for count in counts), "usage", usage, "3 numbers")
    require((prompt_tokens or 0) > 0, "prompt_tokens", prompt_tokens, "> 0")
    require((completion_tokens or 0) > 0, "completion_tokens", completion_tokens, "> 0")
    require_equal("total_tokens", total, (prompt_tokens or 0) + (completion_tokens or 0))


@check("chat.max_tokens", answer_chat)
def limit_tokens(server: Server, _plain: object) -> None:
    """Check that `max_tokens` limits the answer, with the finish reason `length`."""
    completion = server.ask(most=_FEW_TOKENS)
    require_equal("finish_reason", completion.choices[0].finish_reason, _LENGTH)
    tokens = completion.usage.completion_tokens if completion.usage else 0
    require(tokens <= _FEW_TOKENS, "completion_tokens", tokens, f"<= {_FEW_TOKENS}")


@check("chat.stop", answer_chat)
def stop_at_text(server: Server, completion: ChatCompletion) -> None:
    """Check that an answer ends before a stop text."""
    parts = read_text(completion).split()
    sign = parts[1] if len(parts) > 1 else read_text(completion)[1:2]
    require(sign, "choices[0].message.content", read_text(completion), "2 words")
    cut = server.ask(stop=[sign])
    require(sign not in read_text(cut), "choices[0].message.content", read_text(cut), f"…[{sign}]")
    require_equal("finish_reason", cut.choices[0].finish_reason, "stop")


@check("chat.unicode", answer_chat)
def keep_unicode(_server: Server, completion: ChatCompletion) -> None:
    """Check that Cyrillic text is encoded correctly."""
    _require_unbroken_text(read_text(completion))


def _require_unbroken_text(text: str) -> None:
    if _BROKEN.search(text):
        raise Deviation("broken-text", words=text)


@check("chat.n", answer_chat)
def answer_several_choices(server: Server, _plain: object) -> None:
    """Check that `n` = 2 returns two choices, or is refused with an error object."""
    with _allow_refusal():
        completion = server.ask(n=2)
        if len(completion.choices) == 1:
            raise NotSupported("unheeded", what="n=2")
        require_equal("choices", [choice.index for choice in completion.choices], [0, 1])


@contextmanager
def _allow_refusal() -> Iterator[None]:
    """Accept that the block's call is refused with an error object."""
    try:
        yield
    except openai.APIStatusError as error:
        require_error_object(error.response, INVALID)


@check("chat.temperature", answer_chat)
def accept_temperature(server: Server, _plain: object) -> None:
    """Check that a temperature is accepted, or refused with an error object."""
    with _allow_refusal():
        require_equal("object", server.ask(temperature=0.5).object, "chat.completion")


refuse_unknown_model = expect_refusal(
    "chat.unknown_model", NOT_FOUND, lambda server: server.ask(model=NO_MODEL), answer_chat
)
refuse_empty_messages = expect_refusal(
    "chat.empty", INVALID, lambda server: server.ask(messages=[]), answer_chat
)
refuse_role = expect_refusal(
    "chat.role",
    INVALID,
    lambda server: server.ask(messages=[{"role": "boss", "content": "?"}]),
    answer_chat,
)


@check("chat.concurrent", answer_chat)
def answer_concurrently(server: Server, _plain: object) -> None:
    """Check that eight concurrent requests are answered or get 429 with an error object."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(_ask_unless_busy, [server] * AT_ONCE))
    require(sum(answers) > 0, "choices", sum(answers), ">= 1")


def _ask_unless_busy(server: Server) -> bool:
    try:
        completion = server.ask()
    except openai.RateLimitError as error:
        require_error_object(error.response, (_BUSY,))
        return False
    require(read_text(completion), "choices[0].message.content", read_text(completion), '!= ""')
    return True


END_OF_STREAM = "[DONE]"


def join_chunks(chunks: Iterable[ChatCompletionChunk]) -> str:
    """Return the text of a streamed answer."""
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


@check("stream.chunks", answer_chat)
def stream_chunks(server: Server, _plain: object) -> list[ChatCompletionChunk]:
    """Check that all chunks of a streamed answer have one id, and the first one the role."""
    received = server.stream()
    require(received, "data", received, ">= 1")
    for chunk in received:
        require_equal("object", chunk.object, "chat.completion.chunk")
        require_equal("id", chunk.id, received[0].id)
    deltas = [choice.delta for chunk in received for choice in chunk.choices]
    require_equal("delta.role", deltas[0].role if deltas else None, "assistant")
    require(join_chunks(received), "delta.content", join_chunks(received), '!= ""')
    return received


@check("stream.unicode", stream_chunks)
def keep_streamed_unicode(_server: Server, received: list[ChatCompletionChunk]) -> None:
    """Check that Cyrillic text is encoded correctly in all chunks."""
    _require_unbroken_text(join_chunks(received))


@check("stream.finish_reason", stream_chunks)
def stream_finish_reason(_server: Server, received: list[ChatCompletionChunk]) -> None:
    """Check that only the last chunk with a choice has a finish reason."""
    reasons = [choice.finish_reason for chunk in received for choice in chunk.choices]
    require_one_of("finish_reason", reasons[-1], FINISH_REASONS)
    require_equal("finish_reason", [reason for reason in reasons[:-1] if reason], [])


@check("stream.done", stream_chunks)
def end_stream(server: Server, _chunks: object) -> None:
    """Check that the stream consists of JSON events followed by [DONE]."""
    with server.open_stream() as response:
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


@check("stream.usage", stream_chunks)
def stream_usage(server: Server, _chunks: object) -> None:
    """Check that with `include_usage` the last chunk has the usage and no choice."""
    received = server.stream(stream_options={"include_usage": True})
    counted = [chunk for chunk in received if chunk.usage]
    if not counted:
        raise NotSupported("unheeded", what="stream_options.include_usage")
    require_equal("choices", [choice.index for choice in counted[-1].choices], [])
    require_equal("usage", received[-1].usage, counted[-1].usage)
    require_usage_sum(counted[-1].usage)


@check("stream.max_tokens", stream_chunks)
def limit_streamed_tokens(server: Server, _chunks: object) -> None:
    """Check that `max_tokens` limits a streamed answer."""
    received = server.stream(most=_FEW_TOKENS)
    reasons = [choice.finish_reason for chunk in received for choice in chunk.choices]
    require_equal("finish_reason", reasons[-1] if reasons else None, _LENGTH)


@check("stream.disconnect", stream_chunks)
def survive_disconnect(server: Server, _chunks: object) -> None:
    """Check that the server still answers after a client has closed a stream early."""
    with server.open_stream() as response:
        first = next(response.iter_bytes(), b"")
    require(first, "data", first, '!= ""')
    require(read_text(server.ask()), "choices[0].message.content", "", '!= ""')
