"""What a general model composes for Merlin: an answer from numbered sources, drafts of examples."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from merlin.app.distil import PAIRS, SHAPE_NAME
from merlin.chat.prompt import document_texts
from merlin.core.i18n import detect_language
from merlin.core.vocabulary import fold, split_words, stem
from merlin.sandbox.provider.chat import find_last_question

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+")
# The format of numbered sources in `merlin.chat.grounding`, and its marker for "none of them".
_SOURCE = re.compile(r"^\[([1-9]\d*)\] (.+?)(?=\n\n\[\d|\Z)", re.DOTALL | re.MULTILINE)
_NO_SOURCE = "[0]"
_MIN_SHARED = 2
_MIN_STEMMED_LENGTH = 4


def answer_from_sources(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return the sentence that shares the most words with the question, with its source's number.

    "" where there are no sources.
    """
    system = "\n\n".join(
        str(each["content"]) for each in messages if each["role"] == "system"
    )
    if _NO_SOURCE not in system:
        return ""
    question = find_last_question(messages)
    stems = _stems(question)
    candidates = [
        (len(stems & _stems(sentence)), number, sentence)
        for number, source in _SOURCE.findall(system)
        for sentence in _SENTENCE_END.split(" ".join(source.split()))
    ]
    overlap, number, sentence = max(candidates, key=lambda candidate: candidate[0])
    return f"[{number}] {sentence}" if overlap >= _MIN_SHARED else _NO_SOURCE


def _stems(message: str) -> set[str]:
    return {
        stem(word)
        for word in split_words(fold(message))
        if len(word) >= _MIN_STEMMED_LENGTH
    }


def wants_examples(body: Mapping[str, Any]) -> bool:
    """Return whether a request is one of `merlin distil`."""
    shape = (body.get("response_format") or {}).get("json_schema")
    return isinstance(shape, dict) and shape.get("name") == SHAPE_NAME


_CODE = re.compile(r"```.*?```", re.DOTALL)
_MIN_WORDS = 8
_TOPIC_WORDS = 4
_ASKED = {
    "ru": (
        "Что значит «{}»?",
        "Повтори своими словами: {}",
        "Чему учит курс в месте «{}»?",
    ),
    "en": (
        "What does “{}” mean?",
        "Say in your own words: {}",
        "What does the course teach where it says “{}”?",
    ),
}
_REWORDED = {
    "ru": ("Помоги разобраться: {}", "{} Приведи пример из жизни."),
    "en": ("Help me understand this: {}", "{} Give an example from life too."),
}
_ANSWERED = {
    "ru": "Отвечает демо-учитель: настоящий объяснил бы здесь «{}».",
    "en": "A demo teacher answers: a real one would explain “{}” here.",
}


def draft_examples(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return drafts, as JSON, of paragraphs of the request's document or of its last line."""
    request = str(messages[-1]["content"])
    documents = document_texts(request)
    if not documents:
        drafts = [_draft_from_question(request.strip().splitlines()[-1])]
    else:
        blocks = _CODE.sub("", documents[0]).split("\n\n")
        paragraphs = [
            " ".join(paragraph.split())
            for paragraph in blocks
            if paragraph.strip()[:1].isalnum()
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
    asked = _ASKED[detect_language(paragraph) or "ru"]
    return {"questions": [words.format(topic) for words in asked], "answer": paragraph}


def _draft_from_question(question: str) -> dict[str, object]:
    language = detect_language(question) or "ru"
    questions = [words.format(question) for words in _REWORDED[language]]
    return {"questions": questions, "answer": _ANSWERED[language].format(question)}
