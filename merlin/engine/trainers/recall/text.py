"""Terms of `recall`: from texts and conversations to terms.

A term is a stem with a prefix for its kind: `f` function word, `v` Russian verb, `n` any other
word, `i` kind of question.

A follow-up («А если наоборот?») has too few words of its own, so it is also combined with the
user's earlier turns, whose terms are marked. System texts are ignored.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from merlin.core.messages import Message
from merlin.core.vocabulary import CONJUNCTION, fold, load_function_words, stem

NO_WORDS = "n:"
MAX_DEPTH = 2
# The minimum score of a follow-up's answer without the earlier turns: otherwise «спасибо» after a
# trained question would get the answer of the trained follow-up. Without them, trained follow-ups
# score at least 0.35, words of another subject at most 0.03 (on the shipped sets).
MIN_ALONE_SCORE = 0.1
EARLIER = "<"
Terms = tuple[str, ...]
# What of a text is encoded, in characters. More of an answer takes time and changes nothing.
MAX_TEXT_LENGTH = 150

_TOKEN = re.compile(
    r"\*{1,2}[a-z_]\w*"  # *args, **kwargs
    r"|__\w+__"  # __name__
    r"|\d+[.,]\d+"
    r"|[a-z0-9]+|[а-я0-9]+|[^\W_]+"
    r"|\[\]|\{\}|\(\)"
    r"|[=!<>+*/%&|^~:-]{2,}"  # ==, //, **, :=, ->
    r"|(?<=\s)[=<>+*/%@&|^~](?=[\s?.,!]|$)"  # a lone sign between spaces
)
# A question of up to FEW_WORDS content words after a conjunction can leave out the earlier subject.
FEW_WORDS = 2
_DASHES = frozenset({"--", "---"})
_CYRILLIC = re.compile("[а-я]")
_VERB = re.compile(
    "(?:ть|ться|ет|ит|ют|ят|ут|тся|ешь|ишь|ете|ите|лся|лась|лись|ти|тись|чь)$"
)
_WORDS = {
    name: frozenset(map(stem, words.split()))
    for name, words in yaml.safe_load(
        (Path(__file__).parent / "words.yaml").read_text("utf-8")
    ).items()
}
_QUESTIONS = {
    "diff": r"отлич|различ|разниц|сравни|что общего|против|differ|\bvs\b|versus|compare",
    "list": r"\bкаки[ех]\b|перечисл|\bназови|сколько|\bсписок|\bвиды\b|\blist\b|\bname\b",
    "def": r"что (?:такое|значит|означа|назыв|понима)|что за\b|кого назыв|определени"
    r"|what (?:is|are|does)|define",
    "why": r"почему|зачем|отчего|из-за чего|для чего|\bwhy\b",
    "who": r"\bк(?:то|ого|ому|ем)\b|\bч(?:ей|ья)\b|автор|\bwho\b",
    "how": r"^(?:а |и )?как\b(?! назыв)|\bкак (?:\w+ )?\w+(?:ть|ти)\b|каким образом|\bhow\b",
    "yesno": r"\bли\b|\bправда\b|\bверно\b|\bможно\b|\bразве\b|^(?:is|are|can|does|do)\b",
}
_KINDS = tuple(
    (f"i:{name}", re.compile(pattern)) for name, pattern in _QUESTIONS.items()
)


def extract_terms(text: str, *, question: bool = True) -> tuple[str, ...]:
    """Return the distinct terms of `text` in order, with those of the kind of question.

    A text without words has the term NO_WORDS: no document is empty.
    """
    plain = fold(text)
    is_russian = _CYRILLIC.search(plain) is not None
    tokens = (token for token in _TOKEN.findall(plain) if token not in _DASHES)
    unique = dict.fromkeys(build_term(token, is_russian=is_russian) for token in tokens)
    kinds = (kind for kind, pattern in _KINDS if question and pattern.search(plain))
    return (*unique, *kinds) if unique else (NO_WORDS,)


def select_encoded(text: str) -> str:
    """Return the beginning of a text that is encoded: the only key of its vector.

    Looked up by the whole text, a question of 151 characters ended each training.
    """
    return text[:MAX_TEXT_LENGTH]


@lru_cache(maxsize=30_000)
def build_term(token: str, *, is_russian: bool) -> str:
    """Return the term of a folded word in a text that is Russian or not."""
    word = stem(token) if token.isalpha() else token
    if _CYRILLIC.match(token):
        is_function = word in load_function_words()["russian"]
        return f"{'f' if is_function else 'v' if _VERB.search(token) else 'n'}:{word}"
    # in a Russian question `for`, `if` or `with` is the subject, not a function word
    is_function = not is_russian and word in load_function_words()["english"]
    return f"{'f' if is_function else 'n'}:{word}"


def build_key(terms: Sequence[str], back: int) -> str:
    """Return the key of a question read with `back` earlier turns: its words in any order."""
    return f"{back} {' '.join(sorted(_select_words(terms)))}"


def _select_words(terms: Sequence[str]) -> list[str]:
    return [term for term in terms if not term.startswith("i:")]


def select_content(terms: Sequence[str]) -> Terms:
    """Return the words that are neither function words nor empty."""
    content = (
        term for term in terms if not term.startswith(("f:", "i:")) and term != NO_WORDS
    )
    return tuple(term for term in content if term[2:] not in _WORDS["empty"])


def select_subject(terms: Sequence[str]) -> Terms:
    """Return the content words that are not general."""
    is_russian = any(map(_CYRILLIC.search, _select_words(terms)))
    general = _WORDS["russian general" if is_russian else "english general"]
    return tuple(term for term in select_content(terms) if term[2:] not in general)


def select_user_texts(messages: Sequence[Message]) -> list[str]:
    """Return the question's text and up to two earlier turns of the user."""
    questions = [message.content for message in messages if message.role == "user"]
    return questions[: -MAX_DEPTH - 2 : -1]


def build_readings(texts: Sequence[str]) -> Iterator[Terms]:
    """Yield the terms of a question alone, then with those of one and of two earlier turns.

    `texts` are those of `select_user_texts`.
    """
    joined: Terms = ()
    for back, text in enumerate(texts):
        joined += tuple(EARLIER * back + term for term in extract_terms(text))
        yield joined


def complete_follow_up(messages: Sequence[Message]) -> tuple[Terms, str]:
    """Return the terms of a follow-up and of its subject, and the answer before it; else nothing.

    A follow-up has only empty and general words («а почему?», «сколько это стоит?»), or few words
    after a conjunction («а самокат?»). It is combined with the words of the last earlier question
    that has a subject.
    """
    texts = select_user_texts(messages)
    question, *earlier = map(extract_terms, texts)
    if select_subject(question) and not (
        CONJUNCTION.match(fold(texts[0])) and len(select_content(question)) <= FEW_WORDS
    ):
        return (), ""
    subject = next(filter(select_subject, earlier), ())
    match [message for message in messages if message.role in ("user", "assistant")]:
        case [*_, Message("assistant", said), Message("user")] if subject:
            return tuple(dict.fromkeys((*subject, *question))), said
        case _:
            return (), ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One training turn: the question's text, its terms, and its answer.

    `readings[d]` combines the question with d earlier turns; the last of them is trained.
    """

    text: str
    readings: tuple[Terms, ...]
    answer: str

    @property
    def back(self) -> int:
        """Return the number of earlier turns in the trained question."""
        return len(self.readings) - 1

    @property
    def is_complete(self) -> bool:
        """Return whether the question is understood without the earlier turns."""
        return bool(select_subject(self.readings[0])) and not CONJUNCTION.match(
            fold(self.text)
        )

    def drop_earlier(self) -> "Turn":
        """Return the turn with its question alone."""
        return Turn(self.text, self.readings[:1], self.answer)


def extract_turns(conversation: Sequence[Message]) -> Iterator[Turn]:
    """Yield the training turns of one conversation.

    An assistant message of weight 0, or without text, is skipped.
    """
    for place, message in enumerate(conversation):
        if message.role != "assistant" or message.extra.get("weight") == 0:
            continue
        before = conversation[:place]
        texts = select_user_texts(before)
        if texts and message.content.strip():
            yield Turn(texts[0], tuple(build_readings(texts)), message.content)
