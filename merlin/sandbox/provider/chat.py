"""The answers of the stand-in's chat model: composed by rules, without any understanding.

- a summary: the first sentences of the documents, or of the longest text part;
- a translation: the source text, marked as such;
- an image: its media type and size in bytes;
- a question of general knowledge (`common_knowledge.yaml`): its answer;
- a table, a formula, code or a long answer: a canned one that shows the format;
- anything else: the question repeated.

Requests inside a document (`merlin.chat.prompt`) are ignored. Every answer says that it comes from
a stand-in, in the language of the question (ru, en).
"""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from merlin.chat.prompt import document_texts, text_outside_documents
from merlin.core.i18n import text
from merlin.openai_protocol.errors import bad_field

_STREAM_PIECE = re.compile(r"\s*\S+\s*?(?=\s|$)|\s+$")
SUMMARY_SENTENCES = 3
QUOTED_CHARACTERS = 300
BYTES_PER_TOKEN = 4
FRAMING_TOKENS = 3
IMAGE_TOKENS = 256
_SUMMARY = re.compile(
    r"summar|\bsum\b[\w ]* up\b|конспект|резюм|кратк|переска[зж]|сумм(?:ир|ар)",
    re.IGNORECASE,
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
_DATA_URL = re.compile(r"data:([\w/+.-]+);base64,(.*)", re.DOTALL)


def split_pieces(message: str) -> list[str]:
    """Return the pieces of a streamed answer: its words with the white space before them."""
    return _STREAM_PIECE.findall(message)


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
            raise bad_field(
                f"messages.[{number}].role", "Missing required parameter: 'role'"
            )
    return messages


def answer(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the stand-in's answer to a conversation."""
    last = _find_last_user_message(messages)
    question = find_last_question(messages)
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
        return text(
            language,
            "stand-in-summary",
            summary=" ".join(sentences[:SUMMARY_SENTENCES]),
        )
    if _TRANSLATION.search(request_text):
        return text(language, "stand-in-translation", source=source_text)
    for shape, pattern in _SHAPES.items():
        if pattern.search(question):
            return _CANNED[shape][language]
    return text(language, "stand-in-answer", question=_truncate(question))


def _find_last_user_message(messages: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(
        (message for message in reversed(messages) if message["role"] == "user"), {}
    )


def cut_answer(message: str, body: Mapping[str, Any]) -> tuple[str, str]:
    """Return an answer cut by `stop` and the token limit, and its finish reason.

    Raises ApiError for a response format: rule-based answers cannot follow one.
    """
    shape = body.get("response_format") or {"type": "text"}
    if shape != {"type": "text"}:
        raise bad_field(
            "response_format", "Invalid parameter: a stand-in answers in text alone."
        )
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        message = message.partition(str(stop))[0]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if not limit or count_tokens(message) <= limit:
        return message, "stop"
    return message.encode()[: limit * BYTES_PER_TOKEN].decode(
        "utf-8", "ignore"
    ), "length"


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
    return [
        str(part.get("text", ""))
        for part in _parts(message)
        if part.get("type") == "text"
    ]


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
        raise bad_field(
            "messages", "Invalid image: a data: URL in base64 is needed here"
        )
    return f"{match[1]}, {size}"


def _truncate(question: str) -> str:
    if len(question) <= QUOTED_CHARACTERS:
        return question
    return question[:QUOTED_CHARACTERS].rstrip() + "…"
