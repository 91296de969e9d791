"""The answers of the stand-in's chat model: composed by rules, without any understanding.

- a summary: the first sentences of the documents, or of the longest text part;
- a translation: the source text, marked as such;
- an image: its media type and size in bytes;
- an answer from numbered sources (`merlin.chat.grounding`): the sentence that shares the most words
  with the question, or the marker that no source holds the answer;
- training examples in their JSON schema: for a text, drafts of up to three of its paragraphs with
  questions made of their first words; for a question, an answer that names the stand-in;
- a question of general knowledge (`common_knowledge.yaml`): its answer;
- a table, a formula, code or a long answer: a canned one that shows the format;
- anything else: the question repeated.

Requests inside a document (`merlin.chat.prompt`) are ignored. Every answer says that it comes from
a stand-in, in the language of the question (ru, en). Completions are plain or streamed; a
transcription is the text embedded in the recording.
"""

import asyncio
import json
import re
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.app.distil import PAIRS, SHAPE_NAME
from merlin.chat.prompt import document_texts, text_outside_documents
from merlin.core.file_kind import recording_extension
from merlin.core.i18n import text
from merlin.core.vocabulary import fold, split_words, stem
from merlin.openai_protocol.errors import bad_field, context_length_error, unknown_model
from merlin.openai_protocol.requests import read_body
from merlin.openai_protocol.responses import (
    DONE,
    EVENT_STREAM,
    ChatAnswer,
    Json,
    event,
    usage_object,
)
from merlin.sandbox import speech_samples

CHAT_MODEL = "stand-in-chat"
VOICE_MODEL = "stand-in-transcribe"
# Pictures are part of a question.
MAX_QUESTION_BYTES = 64_000_000
CREATED_AT = 1_790_000_000
_STREAM_PIECE = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+$")


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Behaviour:
    """The pace and the contents of answers.

    `think_s` passes before an answer's first word, `piece_s` between its words.
    `fixed_answer`, when set, is every answer, verbatim; `fixed_transcript` is the transcript of
    every recording. `cached_tokens` of each question are in the cache. `extension` is returned with
    every answer as `merlin`, as our engine does.
    """

    think_s: float = 0.0
    piece_s: float = 0.0
    context_window: int = 16_000
    fixed_answer: str = ""
    fixed_transcript: str = ""
    cached_tokens: int = 0
    extension: dict[str, Any] = field(default_factory=dict)


class Account:
    """How the models behave now. Used only by the server's thread."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()

    async def pause(self, setting: str) -> None:
        """Sleep for `think_s` or `piece_s`."""
        await asyncio.sleep(getattr(self.behaviour, setting))


async def create_completion(account: Account, request: Request) -> Response:
    """Answer POST /v1/chat/completions."""
    body = await read_body(request, MAX_QUESTION_BYTES)
    if body.get("model") != CHAT_MODEL:
        raise unknown_model(str(body.get("model", "")))
    messages = read_messages(body.get("messages"))
    return await respond(account, body, messages, compose_answer(account, body, messages))


async def respond(
    account: Account,
    body: Mapping[str, Any],
    messages: Sequence[Mapping[str, Any]],
    answer_text: str,
) -> Response:
    """Return the response with this answer, plain or streamed. Raises ApiError."""
    content, reason = cut_answer(answer_text, body)
    prompt, window = prompt_tokens(messages), account.behaviour.context_window
    if prompt > window:
        raise context_length_error(prompt, window)
    usage = usage_object(prompt, count_tokens(content), account.behaviour.cached_tokens)
    options = body.get("stream_options") or {}
    with_usage = bool(body.get("stream") and options.get("include_usage"))
    answer = ChatAnswer(body["model"], time.time(), with_usage=with_usage)
    if body.get("stream"):
        events = _stream_events(account, answer, content, usage, reason)
        return StreamingResponse(events, media_type=EVENT_STREAM)
    await account.pause("think_s")
    return JSONResponse({**answer.completion(content, reason, usage), **_extension_fields(account)})


def _extension_fields(account: Account) -> dict[str, Any]:
    extension = account.behaviour.extension
    return {"merlin": extension} if extension else {}


def compose_answer(
    account: Account, body: Mapping[str, Any], messages: list[Mapping[str, Any]]
) -> str:
    """Return the answer to a request."""
    if sources := _numbered_sources(messages):
        return _answer_from_sources(sources, find_last_question(messages))
    if account.behaviour.fixed_answer:
        return account.behaviour.fixed_answer
    if _wants_examples(body):
        return draft_examples("\n".join(_texts(_find_last_user_message(messages))))
    return answer(messages)


def _numbered_sources(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return number -> text of the sources that the answer must be composed from."""
    system_messages = (message for message in messages if message["role"] == "system")
    system_text = "\n\n".join(part for system in system_messages for part in _texts(system))
    return dict(_SOURCE.findall(system_text)) if _NO_SOURCE in system_text else {}


def _answer_from_sources(sources: Mapping[str, str], question: str) -> str:
    """Return the sentence that shares the most words with the question, with its source number."""
    stems = _stems(question)
    candidates = [
        (len(stems & _stems(sentence)), number, sentence)
        for number, source in sources.items()
        for sentence in _SENTENCE_END.split(" ".join(source.split()))
    ]
    overlap, number, sentence = max(candidates, key=lambda candidate: candidate[0])
    if overlap < _MIN_SHARED:
        return _NO_SOURCE
    message = text(_language_of(question), "stand-in-example-answer", answer=sentence)
    return f"[{number}] {message}"


def _stems(message: str) -> set[str]:
    return {stem(word) for word in split_words(fold(message)) if len(word) >= _MIN_STEMMED_LENGTH}


def _wants_examples(body: Mapping[str, Any]) -> bool:
    response_format = body.get("response_format")
    json_schema = response_format.get("json_schema") if isinstance(response_format, dict) else None
    return isinstance(json_schema, dict) and json_schema.get("name") == SHAPE_NAME


async def _stream_events(
    account: Account, answer: ChatAnswer, message: str, usage: Json, reason: str
) -> AsyncIterator[bytes]:
    await account.pause("think_s")
    yield event(answer.first_chunk())
    for piece in _STREAM_PIECE.findall(message):
        yield event(answer.chunk(piece))
        await account.pause("piece_s")
    yield event({**answer.last_chunk(reason), **_extension_fields(account)})
    if answer.with_usage:
        yield event(answer.usage_chunk(usage))
    yield DONE


async def transcribe(account: Account, request: Request) -> Response:
    """Answer POST /v1/audio/transcriptions with the text embedded in the file."""
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise bad_field("file", "Missing required parameter: 'file'")
        content = await file.read()
        model = str(form.get("model") or "")
        language = str(form.get("language") or "ru")
    if model != VOICE_MODEL:
        raise unknown_model(model)
    if not recording_extension(content):
        raise bad_field("file", "Invalid file format. Supported formats here: oga, mp4")
    transcript = account.behaviour.fixed_transcript or speech_samples.transcript_of(content)
    answer_text = transcript or text(language, "stand-in-no-words")
    await account.pause("think_s")
    usage = {"type": "duration", "seconds": speech_samples.seconds(content)}
    return JSONResponse({"text": answer_text, "usage": usage})


ROLES = ("developer", "system", "user", "assistant", "tool", "function")
SUMMARY_SENTENCES = 3
QUOTED_CHARACTERS = 300
BYTES_PER_TOKEN = 4
FRAMING_TOKENS = 3
IMAGE_TOKENS = 256
_SUMMARY = re.compile(
    r"summar|\bsum\b[\w ]* up\b|конспект|резюм|кратк|переска[зж]|сумм(?:ир|ар)", re.IGNORECASE
)
_TRANSLATION = re.compile(r"translat|перевед|перевод", re.IGNORECASE)
_CANNED: Mapping[str, Mapping[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "canned_answers.yaml").read_text(encoding="utf-8")
)
_SHAPES = {
    "table": re.compile(r"\btables?\b|таблиц", re.IGNORECASE),
    "formula": re.compile(r"\bformula|\bequation|формул|уравнени", re.IGNORECASE),
    "code": re.compile(r"\bcode\b|python|\bкод\b|код на |программ[уы]", re.IGNORECASE),
    "long": re.compile(r"\blong\b|in detail|длинн|подробн", re.IGNORECASE),
}
_CYRILLIC = re.compile(r"[А-Яа-яЁё]")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
_KNOWLEDGE = yaml.safe_load(
    (Path(__file__).parent / "common_knowledge.yaml").read_text(encoding="utf-8")
)
# The format of numbered sources in `merlin.chat.grounding`, and its marker for "none of them".
_SOURCE, _NO_SOURCE = (
    re.compile(r"^\[([1-9]\d*)\] (.+?)(?=\n\n\[\d|\Z)", re.DOTALL | re.MULTILINE),
    "[0]",
)
_MIN_SHARED, _MIN_STEMMED_LENGTH = 2, 4
_DATA_URL = re.compile(r"data:([\w/+.-]+);base64,(.*)", re.DOTALL)


def count_tokens(text_: str) -> int:
    """Return the stand-in's token count: one per four bytes of UTF-8, rounded up."""
    return -(-len(text_.encode()) // BYTES_PER_TOKEN)


def prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return a conversation's token count, with three tokens of framing per message."""
    return sum(
        FRAMING_TOKENS
        + sum(count_tokens(part) for part in _texts(message))
        + IMAGE_TOKENS * len(_images(message))
        for message in messages
    )


def read_messages(messages: object) -> list[Mapping[str, Any]]:
    """Return the messages of a request. Raises ApiError when they are invalid."""
    if not isinstance(messages, list) or not messages:
        raise bad_field("messages", "[] is too short - 'messages'")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or "role" not in message:
            raise bad_field(f"messages.[{number}].role", "Missing required parameter: 'role'")
        if message["role"] not in ROLES:
            description = (
                f"'{message['role']}' is not one of {list(ROLES)} - 'messages.{number}.role'"
            )
            raise bad_field(f"messages.[{number}].role", description)
    return messages


def answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the stand-in's answer to a conversation."""
    last, question = _find_last_user_message(messages), find_last_question(messages)
    system_messages = [
        message for message in messages if message["role"] in {"system", "developer"}
    ]
    request_text = "\n".join(
        [*(part for system in system_messages for part in _texts(system)), question]
    )
    language = _language_of(question or request_text)
    if images := [_describe_image(part) for part in _images(last)]:
        arguments = {"images": "; ".join(images), "question": _truncate(question)}
        return text(language, "stand-in-image", **arguments)
    is_instruction = _SUMMARY.search(question) or _TRANSLATION.search(question)
    known_answer = "" if is_instruction else _KNOWLEDGE.get(question, "")
    if known_answer:
        return text(language, "stand-in-example-answer", answer=known_answer)
    texts = _texts(last)
    documents = [document for part in texts for document in document_texts(part)]
    source_text = "\n\n".join(documents) or max(texts, key=len, default="")
    if _SUMMARY.search(request_text):
        sentences = _SENTENCE_END.split(source_text.strip())
        return text(language, "stand-in-summary", summary=" ".join(sentences[:SUMMARY_SENTENCES]))
    if _TRANSLATION.search(request_text):
        return text(language, "stand-in-translation", source=source_text)
    for shape, pattern in _SHAPES.items():
        if pattern.search(question):
            return _CANNED[shape][language]
    return text(language, "stand-in-answer", question=_truncate(question))


def _find_last_user_message(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next((message for message in reversed(messages) if message["role"] == "user"), {})


def cut_answer(message: str, body: Mapping[str, Any]) -> tuple[str, str]:
    """Return an answer cut by `stop` and the token limit, and its finish reason.

    Raises ApiError for a response format: rule-based answers cannot follow one.
    """
    shape = body.get("response_format") or {"type": "text"}
    if shape != {"type": "text"} and not _wants_examples(body):
        raise bad_field("response_format", "Invalid parameter: a stand-in answers in text alone.")
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        message = message.partition(str(stop))[0]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if not limit or count_tokens(message) <= limit:
        return message, "stop"
    return message.encode()[: limit * BYTES_PER_TOKEN].decode("utf-8", "ignore"), "length"


def find_last_question(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the user's last message without the contents of its documents."""
    texts = _texts(_find_last_user_message(messages))
    return "\n".join(text_outside_documents(part) for part in texts).strip()


def _language_of(message: str) -> str:
    return "ru" if _CYRILLIC.search(message) else "en"


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    if isinstance(content, list):
        return [part for part in content if isinstance(part, dict)]
    return [{"type": "text", "text": str(content or "")}]


def _texts(message: Mapping[str, Any]) -> list[str]:
    return [str(part.get("text", "")) for part in _parts(message) if part.get("type") == "text"]


def _images(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for part in _parts(message) if part.get("type") == "image_url"]


def _describe_image(part: Mapping[str, Any]) -> str:
    image = part.get("image_url")
    url = str(image.get("url", "") if isinstance(image, dict) else image)
    match = _DATA_URL.fullmatch(url)
    try:
        size = len(b64decode(match[2], validate=True)) if match else 0
    except ValueError:
        size = 0
    if match is None or not size:
        raise bad_field("messages", "Invalid image: a data: URL in base64 is needed here")
    return f"{match[1]}, {size}"


def _truncate(question: str) -> str:
    if len(question) <= QUOTED_CHARACTERS:
        return question
    return question[:QUOTED_CHARACTERS].rstrip() + "…"


_CODE = re.compile(r"```.*?```", re.DOTALL)
_MIN_WORDS, _TOPIC_WORDS = 8, 4
_WORDINGS = (1, 2, 3)


def draft_examples(request: str) -> str:
    """Return training example drafts, as JSON, from the request's document or its last line."""
    documents = document_texts(request)
    if not documents:
        question = request.strip().splitlines()[-1]
        drafts = [_draft_from_question(question)]
    else:
        blocks = _CODE.sub("", documents[0]).split("\n\n")
        paragraphs = [
            " ".join(paragraph.split()) for paragraph in blocks if paragraph.strip()[:1].isalnum()
        ]
        usable = [
            paragraph
            for paragraph in paragraphs
            if len(paragraph.split()) >= _MIN_WORDS and paragraph[-1] == "."
        ]
        drafts = [_draft_from_paragraph(paragraph) for paragraph in usable[:PAIRS]]
    return json.dumps({"examples": drafts}, ensure_ascii=False)


def _draft_from_paragraph(paragraph: str) -> dict[str, object]:
    topic = " ".join(paragraph.split()[:_TOPIC_WORDS]).strip(" .,:;—«»")
    keys = [f"stand-in-teacher-asks-{number}" for number in _WORDINGS]
    return {
        "questions": [text(_language_of(paragraph), key, topic=topic) for key in keys],
        "answer": paragraph,
    }


def _draft_from_question(question: str) -> dict[str, object]:
    language = _language_of(question)
    keys = [f"stand-in-teacher-rewords-{number}" for number in _WORDINGS[1:]]
    questions = [text(language, key, question=question) for key in keys]
    return {
        "questions": questions,
        "answer": text(language, "stand-in-teacher-answers", question=question),
    }
