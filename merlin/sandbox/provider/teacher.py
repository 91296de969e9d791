"""What the stand-in answers when it is asked to draft examples (`merlin.app.distil`): by rule.

Of a text: up to three of its paragraphs, each an answer, with questions made of its first words. Of
a question: an answer that says who gives it. As JSON, in the language of the text.
"""

from __future__ import annotations

import json
import re

from merlin.app.distil import PAIRS
from merlin.chat.prompt import document_texts
from merlin.core.i18n import text

_CODE = re.compile(r"```.*?```", re.DOTALL)
_CYRILLIC = re.compile(r"[А-Яа-яЁё]")
_FEWEST_WORDS, _TOPIC_WORDS = 8, 4
_WORDINGS = (1, 2, 3)


def draft_examples(asked: str) -> str:
    """Return the drafts, as JSON, about what stands in the words of whoever asks."""
    documents = document_texts(asked)
    if not documents:
        question = asked.strip().splitlines()[-1]
        drafts = [_of_question(question)]
    else:
        parts = _CODE.sub("", documents[0]).split("\n\n")
        told = [" ".join(part.split()) for part in parts if part.strip()[:1].isalnum()]
        whole = [part for part in told if len(part.split()) >= _FEWEST_WORDS and part[-1] == "."]
        drafts = [_of_paragraph(part) for part in whole[:PAIRS]]
    return json.dumps({"examples": drafts}, ensure_ascii=False)


def _of_paragraph(words: str) -> dict[str, object]:
    topic = " ".join(words.split()[:_TOPIC_WORDS]).strip(" .,:;—«»")
    keys = [f"stand-in-teacher-asks-{number}" for number in _WORDINGS]
    return {
        "questions": [text(_language(words), key, topic=topic) for key in keys],
        "answer": words,
    }


def _of_question(question: str) -> dict[str, object]:
    language = _language(question)
    keys = [f"stand-in-teacher-rewords-{number}" for number in _WORDINGS[1:]]
    questions = [text(language, key, question=question) for key in keys]
    return {
        "questions": questions,
        "answer": text(language, "stand-in-teacher-answers", question=question),
    }


def _language(words: str) -> str:
    return "ru" if _CYRILLIC.search(words) else "en"
