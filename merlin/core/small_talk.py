"""Small talk: greetings, thanks, goodbyes, "who are you?". Its phrases are in `small_talk.yaml`."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from merlin.core.vocabulary import fold

# The kinds that a dataset answers; "filler" and an "introduction" may stand beside their phrases.
KINDS = ("greeting", "thanks", "who", "bye")
_WORD = re.compile("[^\\W_]+|[👋👍🙏❤]")
# A longer message, in characters, is no small talk.
_MAX_LENGTH = 100


@cache
def read_phrases() -> Mapping[str, list[str]]:
    """Return the phrases of each section of `small_talk.yaml`."""
    content = (Path(__file__).parent / "small_talk.yaml").read_text("utf-8")
    return {
        section: lines.splitlines()
        for section, lines in yaml.safe_load(content).items()
    }


def split_phrase(text: str) -> tuple[str, ...]:
    """Return the folded words of a text, and its signs that are phrases."""
    return tuple(_WORD.findall(fold(text)))


@cache
def _kinds_by_phrase() -> Mapping[tuple[str, ...], str]:
    sections = [("filler", ""), *zip(KINDS, KINDS, strict=True)]
    phrases = read_phrases()
    return {
        split_phrase(each): kind for name, kind in sections for each in phrases[name]
    }


@cache
def _introduction() -> re.Pattern[str]:
    phrases = "|".join(read_phrases()["introduction"])
    return re.compile(rf"\b(?i:{phrases})\s+[\w-]+(?:\s+[A-ZА-ЯЁ][\w-]+)?")


def find_small_talk(text: str) -> str:
    """Return the kind of the last phrase of a text of small talk only, "" for any other text."""
    if len(text) > _MAX_LENGTH:
        return ""
    text = _introduction().sub("", text)
    words = split_phrase(text)
    kind = ""
    kinds = _kinds_by_phrase()
    while words:
        length = next((n for n in range(len(words), 0, -1) if words[:n] in kinds), 0)
        if not length:
            return ""
        kind = kinds[words[:length]] or kind
        words = words[length:]
    return kind
