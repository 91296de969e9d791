"""What the stand-in of a general chat model answers: by rule, never as if it understood.

- asked for a summary: the leading sentences of the documents, else of the longest text it was
  given;
- asked for a translation: the source, marked as what it is;
- shown an image: its kind and size in bytes;
- told to answer from numbered sources (`merlin.chat.grounding`): the sentence that shares the most
  words with the question, or that none holds the answer;
- asked for examples by their schema: drafts, of a text up to three of its paragraphs with
  questions made of their first words, of a question an answer that says who gives it;
- shown, before the question, conversations of which one asks nearly the same: its answer;
- asked what every model knows (`common_knowledge.yaml`): that;
- asked for a table, a formula, code or a long answer: a canned one, so that the shape can be seen;
- asked anything else: the question back.

What stands within a document (`merlin.chat.prompt`) is material: no wish is read out of it.
Every answer says that a stand-in speaks, in the language of the question (ru, en). Completions are
plain or streamed; a transcription is the words kept in the recording's file.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from rapidfuzz import fuzz, process
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from merlin.app.distil import PAIRS, SHAPE_NAME
from merlin.chat.prompt import document_texts, text_outside_documents
from merlin.core.file_kind import is_recording
from merlin.core.i18n import text
from merlin.core.vocabulary import fold, split_words, stem
from merlin.openai_protocol.errors import ApiError, bad_field, context_exceeded, unknown_model
from merlin.openai_protocol.responses import (
    DONE,
    EVENT_STREAM,
    ChatAnswer,
    event,
    model_object,
    usage_object,
)
from merlin.sandbox import speech_samples
from merlin.sandbox.provider.training import Account

CHAT_MODEL = "stand-in-chat"
VOICE_MODEL = "stand-in-transcribe"
BASE_MODEL = "stand-in-base"
MADE_AT = 1_790_000_000  # so are those that nobody tuned
_WORD = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+$")


def model_objects(account: Account) -> list[dict[str, Any]]:
    """Return every model that can be asked; the chat model first."""
    tuned = account.models()
    names = [CHAT_MODEL, VOICE_MODEL, BASE_MODEL, *tuned]
    window = account.behaviour.context_window
    return [
        model_object(
            name,
            tuned[name].created_at if name in tuned else MADE_AT,
            "stand-in",
            context_window=window,
        )
        for name in names
    ]


def find_model(account: Account, name: str) -> dict[str, Any]:
    """Return one model that can be asked. Raises ApiError 404."""
    for model in model_objects(account):
        if model["id"] == name:
            return model
    raise unknown_model(name)


async def create_completion(account: Account, request: Request) -> Response:
    """Answer POST /v1/chat/completions."""
    body = await json_object(request)
    messages = read_messages(body.get("messages"))
    whole = _answer(account, body, messages)
    content, reason = cut_answer(whole, body)
    prompt, window = prompt_tokens(messages), account.behaviour.context_window
    if prompt > window:
        raise context_exceeded(prompt, window)
    usage = usage_object(prompt, count_tokens(content))
    options = body.get("stream_options") or {}
    with_usage = bool(body.get("stream") and options.get("include_usage"))
    answer = ChatAnswer(body["model"], time.time(), with_usage=with_usage)
    if body.get("stream"):
        events = _stream(account, answer, content, usage, reason)
        return StreamingResponse(events, media_type=EVENT_STREAM)
    await account.pause("think_s")
    return JSONResponse({**answer.completion(content, reason, usage), **_extended(account)})


def _extended(account: Account) -> dict[str, Any]:
    extension = account.behaviour.extension
    return {"merlin": extension} if extension else {}


def _answer(account: Account, body: Mapping[str, Any], messages: list[Mapping[str, Any]]) -> str:
    model = str(body.get("model", ""))
    maker = account.maker(model)
    if maker is None and model not in {CHAT_MODEL, BASE_MODEL}:
        raise unknown_model(model)
    if model != CHAT_MODEL and any(_images(message) for message in messages):
        words = "Invalid content type. image_url is only supported by certain models."
        raise bad_field("messages", words)
    if sources := _sources(messages):
        return _composed(sources, last_question(messages))
    if account.behaviour.fixed_answer:
        return account.behaviour.fixed_answer
    if maker is not None:
        known = account.taught_answer(maker, last_question(messages))
        if known:
            return text(_language_of(known), "stand-in-taught", answer=known)
    if _is_for_examples(body):
        return draft_examples("\n".join(_texts(_last_of_user(messages))))
    return answer(messages)


def _sources(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return number -> text of the sources that an answer is to be composed from."""
    systems = (message for message in messages if message["role"] == "system")
    system_text = "\n\n".join(words for system in systems for words in _texts(system))
    return dict(_SOURCE.findall(system_text)) if _NO_SOURCE in system_text else {}


def _composed(sources: Mapping[str, str], question: str) -> str:
    """Return the sentence that shares the most words with the question, its source named."""
    stems = _stems(question)
    shared = [
        (len(stems & _stems(sentence)), number, sentence)
        for number, words in sources.items()
        for sentence in _SENTENCE_END.split(" ".join(words.split()))
    ]
    best, number, sentence = max(shared, key=lambda each: each[0])
    if best < _MIN_SHARED:
        return _NO_SOURCE
    message = text(_language_of(question), "stand-in-known", answer=sentence)
    return f"[{number}] {message}"


def _stems(words: str) -> set[str]:
    return {
        stem(split_word) for split_word in split_words(fold(words)) if len(split_word) >= _LONG_WORD
    }


def _is_for_examples(body: Mapping[str, Any]) -> bool:
    shape = body.get("response_format")
    named = shape.get("json_schema") if isinstance(shape, dict) else None
    return isinstance(named, dict) and named.get("name") == SHAPE_NAME


async def _stream(
    account: Account, answer: ChatAnswer, message: str, usage: Mapping[str, int], reason: str
) -> AsyncIterator[bytes]:
    await account.pause("think_s")
    yield event(answer.first_chunk())
    for piece in _WORD.findall(message):
        yield event(answer.chunk(piece))
        await account.pause("piece_s")
    yield event({**answer.last_chunk(reason), **_extended(account)})
    if answer.with_usage:
        yield event(answer.usage_chunk(usage))
    yield DONE


async def transcribe(account: Account, request: Request) -> Response:
    """Answer POST /v1/audio/transcriptions with the words kept in the file."""
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise bad_field("file", "Missing required parameter: 'file'")
        content = await file.read()
        model = str(form.get("model") or "")
        language = str(form.get("language") or "ru")
    if model != VOICE_MODEL:
        raise unknown_model(model)
    if not is_recording(content):
        raise bad_field("file", "Invalid file format. Supported formats here: oga, mp4")
    kept = account.behaviour.fixed_transcript or speech_samples.transcript_of(content)
    words = kept or text(language, "stand-in-no-words")
    await account.pause("think_s")
    used = {"type": "duration", "seconds": speech_samples.seconds(content)}
    return JSONResponse({"text": words, "usage": used})


async def json_object(request: Request) -> dict[str, Any]:
    """Return a request's JSON object. Raises ApiError 400 when it is none."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request.")
    return body


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
_OWN = re.compile("(stand-in|demo) model|(подставная |демо-)модель", re.IGNORECASE)
_ALIKE = 50.0  # of 100, by rapidfuzz: from here on two questions are nearly one
# As `merlin.chat.grounding` numbers them, and how it has none of them named.
_SOURCE, _NO_SOURCE = (
    re.compile(r"^\[([1-9]\d*)\] (.+?)(?=\n\n\[\d|\Z)", re.DOTALL | re.MULTILINE),
    "[0]",
)
_MIN_SHARED, _LONG_WORD = 2, 4
_DATA_URL = re.compile(r"data:([\w/+.-]+);base64,(.*)", re.DOTALL)


def count_tokens(text_: str) -> int:
    """Return the stand-in's own count: a token for four bytes of UTF-8, rounded up."""
    return -(-len(text_.encode()) // BYTES_PER_TOKEN)


def prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    """Return what a conversation counts, with three tokens of framing a message."""
    return sum(
        FRAMING_TOKENS
        + sum(count_tokens(part) for part in _texts(message))
        + IMAGE_TOKENS * len(_images(message))
        for message in messages
    )


def read_messages(messages: object) -> list[Mapping[str, Any]]:
    """Return the messages of a request. Raises ApiError when they are none."""
    if not isinstance(messages, list) or not messages:
        raise bad_field("messages", "[] is too short - 'messages'")
    for number, message in enumerate(messages):
        if not isinstance(message, dict) or "role" not in message:
            raise bad_field(f"messages.[{number}].role", "Missing required parameter: 'role'")
        if message["role"] not in ROLES:
            words = f"'{message['role']}' is not one of {list(ROLES)} - 'messages.{number}.role'"
            raise bad_field(f"messages.[{number}].role", words)
    return messages


def answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what the stand-in says to this conversation."""
    last, question = _last_of_user(messages), last_question(messages)
    systems = [message for message in messages if message["role"] in {"system", "developer"}]
    wish = "\n".join([*(words for system in systems for words in _texts(system)), question])
    language = _language_of(question or wish)
    if images := [_described(part) for part in _images(last)]:
        arguments = {"images": "; ".join(images), "question": _short(question)}
        return text(language, "stand-in-image", **arguments)
    is_order = _SUMMARY.search(question) or _TRANSLATION.search(question)
    known = "" if is_order else _shown_answer(messages, question) or _KNOWLEDGE.get(question, "")
    if known:
        return text(language, "stand-in-known", answer=known)
    texts = _texts(last)
    documents = [document for each in texts for document in document_texts(each)]
    material = "\n\n".join(documents) or max(texts, key=len, default="")
    if _SUMMARY.search(wish):
        sentences = _SENTENCE_END.split(material.strip())
        return text(language, "stand-in-summary", summary=" ".join(sentences[:SUMMARY_SENTENCES]))
    if _TRANSLATION.search(wish):
        return text(language, "stand-in-translation", source=material)
    for shape, words in _SHAPES.items():
        if words.search(question):
            return _CANNED[shape][language]
    return text(language, "stand-in-answer", question=_short(question))


def _shown_answer(messages: Sequence[Mapping[str, Any]], question: str) -> str:
    """Return the answer to the most similar question before the last one, "" where none is alike.

    What the stand-in itself said before is no answer.
    """
    shown = {}
    for one, other in pairwise(messages):
        if (one["role"], other["role"]) == ("user", "assistant"):
            question_text, answer_text = (" ".join(_texts(each)).strip() for each in (one, other))
            if not _OWN.search(answer_text):
                shown[question_text] = answer_text
    found = process.extractOne(
        question,
        list(shown),
        scorer=fuzz.token_sort_ratio,
        processor=str.casefold,
        score_cutoff=_ALIKE,
    )
    return shown[found[0]] if found else ""


def _last_of_user(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next((message for message in reversed(messages) if message["role"] == "user"), {})


def cut_answer(message: str, body: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is left of an answer by `stop` and the limit of tokens, and why it ends.

    Raises ApiError for a shape: what is composed by rule keeps to none.
    """
    shape = body.get("response_format") or {"type": "text"}
    if shape != {"type": "text"} and not _is_for_examples(body):
        raise bad_field("response_format", "Invalid parameter: a stand-in answers in text alone.")
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        message = message.partition(str(stop))[0]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if not limit or count_tokens(message) <= limit:
        return message, "stop"
    return message.encode()[: limit * BYTES_PER_TOKEN].decode("utf-8", "ignore"), "length"


def last_question(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the last message of the user without what its documents say."""
    texts = _texts(_last_of_user(messages))
    return "\n".join(text_outside_documents(each) for each in texts).strip()


def _language_of(words: str) -> str:
    return "ru" if _CYRILLIC.search(words) else "en"


def _parts(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    content = message.get("content")
    if isinstance(content, list):
        return [part for part in content if isinstance(part, dict)]
    return [{"type": "text", "text": str(content or "")}]


def _texts(message: Mapping[str, Any]) -> list[str]:
    return [str(part.get("text", "")) for part in _parts(message) if part.get("type") == "text"]


def _images(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for part in _parts(message) if part.get("type") == "image_url"]


def _described(part: Mapping[str, Any]) -> str:
    image = part.get("image_url")
    url = str(image.get("url", "") if isinstance(image, dict) else image)
    found = _DATA_URL.fullmatch(url)
    try:
        size = len(b64decode(found[2], validate=True)) if found else 0
    except ValueError:
        size = 0
    if found is None or not size:
        raise bad_field("messages", "Invalid image: a data: URL in base64 is needed here")
    return f"{found[1]}, {size}"


def _short(question: str) -> str:
    if len(question) <= QUOTED_CHARACTERS:
        return question
    return question[:QUOTED_CHARACTERS].rstrip() + "…"


_CODE = re.compile(r"```.*?```", re.DOTALL)
_MIN_WORDS, _TOPIC_WORDS = 8, 4
_WORDINGS = (1, 2, 3)


def draft_examples(request: str) -> str:
    """Return the drafts, as JSON, about what stands in the words of whoever asks."""
    documents = document_texts(request)
    if not documents:
        question = request.strip().splitlines()[-1]
        drafts = [_of_question(question)]
    else:
        parts = _CODE.sub("", documents[0]).split("\n\n")
        sentences = [" ".join(part.split()) for part in parts if part.strip()[:1].isalnum()]
        whole = [part for part in sentences if len(part.split()) >= _MIN_WORDS and part[-1] == "."]
        drafts = [_of_paragraph(part) for part in whole[:PAIRS]]
    return json.dumps({"examples": drafts}, ensure_ascii=False)


def _of_paragraph(words: str) -> dict[str, object]:
    topic = " ".join(words.split()[:_TOPIC_WORDS]).strip(" .,:;—«»")
    keys = [f"stand-in-teacher-asks-{number}" for number in _WORDINGS]
    return {
        "questions": [text(_language_of(words), key, topic=topic) for key in keys],
        "answer": words,
    }


def _of_question(question: str) -> dict[str, object]:
    language = _language_of(question)
    keys = [f"stand-in-teacher-rewords-{number}" for number in _WORDINGS[1:]]
    questions = [text(language, key, question=question) for key in keys]
    return {
        "questions": questions,
        "answer": text(language, "stand-in-teacher-answers", question=question),
    }
