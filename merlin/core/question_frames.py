"""Question frames: other wordings of a question by rule, without a model.

"How much is a single visit?" is asked as "What is the price of a single visit?", too. The frames
are `question_frames.yaml`.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import yaml

# Of the question, and templates of its match.
Frame = tuple[re.Pattern[str], Sequence[str]]
LANGUAGES = ("ru", "en")
_BLANK = "…"


def reword(question: str, languages: Sequence[str] = LANGUAGES) -> tuple[str, ...]:
    """Return other wordings of a question by the first frame that fits it; none if none does."""
    bare = " ".join(question.split()).rstrip("?.! ")
    if bare[1:2].islower():
        bare = bare[0].lower() + bare[1:]
    frames = _load_frames()
    for pattern, wordings in chain.from_iterable(map(frames.__getitem__, languages)):
        if found := pattern.fullmatch(bare):
            return tuple(_fill(wording, found) for wording in wordings)
    return ()


def _fill(wording: str, found: re.Match[str]) -> str:
    text = found.expand(wording)
    return text[:1].upper() + text[1:]


@cache
def _load_frames() -> Mapping[str, Sequence[Frame]]:
    lists = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    return {language: [*map(_read_frame, lines)] for language, lines in lists.items()}


def _read_frame(line: str) -> Frame:
    pattern, *wordings = line.split(" | ")
    named = _number_blanks(pattern, "(?P<blank{}>.+?)")
    templates = [_number_blanks(wording, r"\g<blank{}>") for wording in wordings]
    return re.compile(named, re.IGNORECASE), templates


def _number_blanks(text: str, form: str) -> str:
    first, *parts = text.split(_BLANK)
    return first + "".join(
        form.format(number) + part for number, part in enumerate(parts, 1)
    )
