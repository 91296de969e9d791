"""Terms of `recall`: from texts and conversations to terms.

A term is a lemma with a prefix for its kind: `f` function word, `v` verb and the like, `n` any
other word, `i` kind of question.

A follow-up («А если наоборот?») has too few words of its own, so it is also combined with the
user's earlier turns, whose terms are marked. System texts are ignored.
"""

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from unicodedata import category

import yaml

from merlin.core.messages import Message
from merlin.core.vocabulary import CONJUNCTION, fold, stem

NO_WORDS = "n:"
MAX_DEPTH = 2
# The minimum score of a follow-up's answer without the earlier turns: otherwise «спасибо» after a
# trained question would get the answer of the trained follow-up. Without them, trained follow-ups
# score at least 0.35, words of another subject at most 0.03 (on the shipped sets).
MIN_ALONE_SCORE = 0.1
EARLIER = "<"
# The prefix of the term of a whole text, which has an encoder's vector.
SENTENCE = "s:"
Terms = tuple[str, ...]
# About the input limit of encoders, in characters.
MAX_TEXT_LENGTH = 1_000

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
_VERB_LIKE = frozenset({"VERB", "INFN", "PRTF", "PRTS", "GRND", "ADVB", "ADJS", "COMP", "PRED"})
_FUNCTION_PARTS = frozenset({"PREP", "CONJ", "PRCL", "INTJ", "NPRO"})
_WORDS = {
    name: words.split()
    for name, words in yaml.safe_load(
        (Path(__file__).parent / "words.yaml").read_text("utf-8")
    ).items()
}


def _build_content_terms(words: Iterable[str]) -> frozenset[str]:
    return frozenset(f"{kind}:{word}" for word in words for kind in "vn")


_FUNCTION_NOUNS = frozenset(_WORDS["russian function nouns"])
_FUNCTION = _FUNCTION_NOUNS.union(_WORDS["russian function"])
_ENGLISH_FUNCTION = frozenset(_WORDS["english function"])
_PRONOUNS = frozenset(_WORDS["pronouns"])
_EMPTY = _build_content_terms(_WORDS["empty"]) | {NO_WORDS}
_RUSSIAN_GENERAL = _build_content_terms(_WORDS["russian general"])
_ENGLISH_GENERAL = _build_content_terms(_WORDS["english general"])
_NUMERALS = {str(number): word for number, word in enumerate(_WORDS["numerals"], 2)}
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
_KINDS = tuple((f"i:{name}", re.compile(pattern)) for name, pattern in _QUESTIONS.items())
_dictionary_lock = threading.Lock()


def extract_terms(text: str, *, question: bool = True) -> tuple[str, ...]:
    """Return the distinct terms of `text` in order, with those of the kind of question.

    The terms of a text without words are its signs («👍»), else NO_WORDS: no document is empty.
    """
    plain = fold(text)
    is_russian = _CYRILLIC.search(plain) is not None
    tokens = (token for token in _TOKEN.findall(plain) if token not in _DASHES)
    unique = dict.fromkeys(_build_term(token, is_russian=is_russian) for token in tokens)
    if not unique:
        signs = dict.fromkeys(f"f:{each}" for each in plain if category(each)[0] in "PS")
        return tuple(signs) or (NO_WORDS,)
    kinds = (kind for kind, pattern in _KINDS if question and pattern.search(plain))
    return (*unique, *kinds)


def truncate(text: str) -> str:
    """Truncate a text to the part that is encoded."""
    return text[:MAX_TEXT_LENGTH]


def extract_sentence_terms(text: str, *, question: bool = True) -> Terms:
    """Return the terms of `text` and the term of the full text."""
    return (*extract_terms(text, question=question), SENTENCE + truncate(text))


@lru_cache(maxsize=30_000)
def _build_term(token: str, *, is_russian: bool) -> str:
    token = _NUMERALS.get(token, token)
    if _CYRILLIC.match(token):
        with _dictionary_lock:
            parsed = _load_russian_dictionary().parse(token)[0]
        lemma = fold(parsed.normal_form)
        part = parsed.tag.POS
        if lemma in _FUNCTION or token in _FUNCTION or part in _FUNCTION_PARTS:
            return f"f:{lemma}"
        return f"v:{lemma}" if part in _VERB_LIKE else f"n:{lemma}"
    if token.isascii() and token.isalpha():
        # in a Russian question `for`, `if` or `with` is the subject, not a function word
        kind = "f" if token in _ENGLISH_FUNCTION and not is_russian else "n"
        return f"{kind}:{stem(token)}"
    return f"n:{token}"


@cache
def _load_russian_dictionary() -> Any:  # pymorphy3 is untyped
    import pymorphy3  # noqa: PLC0415 - reads its dictionary

    return pymorphy3.MorphAnalyzer(lang="ru")


def build_bare_key(alone: Sequence[str], back: int) -> str:
    """Return the key of a question without a content word: its words and the depth `back`.

    Returns "" for a question with a content word.
    """
    if select_content(alone):
        return ""
    return f"{back} {' '.join(sorted(_select_words(alone)))}"


def _select_words(terms: Sequence[str]) -> list[str]:
    return [term for term in terms if not term.startswith(("i:", SENTENCE))]


def select_content(terms: Sequence[str]) -> list[str]:
    """Return the words that are neither function words nor empty."""
    words = _select_words(terms)
    return [term for term in words if not term.startswith("f:") and term not in _EMPTY]


def select_subject(terms: Sequence[str]) -> Terms:
    """Return the words that are neither empty nor general, and the term of the full text."""
    is_russian = any(map(_CYRILLIC.search, _select_words(terms)))
    general = _RUSSIAN_GENERAL if is_russian else _ENGLISH_GENERAL
    return tuple(
        term
        for term in terms
        if not term.startswith(("f:", "i:")) and term not in _EMPTY and term not in general
    )


def select_topic(terms: Sequence[str]) -> Terms:
    """Return the words of the subject, and function words that can be nouns («по ответу»)."""
    subject = drop_sentences(select_subject(terms))
    return (*subject, *(term for term in terms if term[2:] in _FUNCTION_NOUNS))


def has_subject(terms: Sequence[str]) -> bool:
    """Return whether a question has a word that is neither empty nor general."""
    return bool(drop_sentences(select_subject(terms)))


def drop_sentences(terms: Sequence[str]) -> list[str]:
    """Return the terms without those of full texts."""
    return [term for term in terms if not term.startswith(SENTENCE)]


def select_user_texts(messages: Sequence[Message]) -> list[str]:
    """Return the question's text and up to two earlier turns of the user."""
    questions = [message.content for message in messages if message.role == "user"]
    return questions[: -MAX_DEPTH - 2 : -1]


def select_texts(messages: Sequence[Message]) -> list[str]:
    """Return the texts whose vectors are needed to answer the last question: at most one."""
    return [truncate(text) for text in select_user_texts(messages)[:1]]


def build_readings(messages: Sequence[Message]) -> Iterator[Terms]:
    """Yield the terms of the last question alone, then its words with one and two earlier turns.

    The term of the full text is only in the first: a follow-up means little without the turn before
    it. Yields nothing if `messages` has no user message.
    """
    joined: Terms = ()
    for back, content in enumerate(select_user_texts(messages)):
        terms = extract_sentence_terms(content)
        joined += tuple(EARLIER * back + term for term in drop_sentences(terms))
        yield joined if back else terms


def complete_question(messages: Sequence[Message]) -> tuple[Terms, str]:
    """Return the terms of the last question, and the answer before it if it is a follow-up, or "".

    A follow-up has only empty and general words («а почему?», «сколько это стоит?»), or few words
    after a conjunction («а самокат?»). It is combined with the words of the last earlier question
    that has a subject.
    """
    texts = select_user_texts(messages)
    questions = map(extract_sentence_terms, texts)
    question = next(questions, ())
    if has_subject(question) and not (
        CONJUNCTION.match(fold(texts[0])) and len(select_content(question)) <= FEW_WORDS
    ):
        return question, ""
    subject = next(filter(has_subject, questions), ())
    match [message for message in messages if message.role in ("user", "assistant")]:
        case [*_, Message("assistant", said), Message("user")] if subject:
            return tuple(dict.fromkeys(drop_sentences((*subject, *question)))), said
        case _:
            return () if build_bare_key(question, 0) else question, ""


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
        question = self.readings[0]
        return (
            has_subject(question)
            and not CONJUNCTION.match(fold(self.text))
            and _PRONOUNS.isdisjoint(term[2:] for term in question)
        )

    def drop_earlier(self) -> "Turn":
        """Return the turn with its question alone."""
        return Turn(self.text, self.readings[:1], self.answer)

    def drop_texts(self) -> "Turn":
        """Return the turn with its words alone."""
        return Turn(
            self.text, tuple(tuple(drop_sentences(terms)) for terms in self.readings), self.answer
        )


def extract_turns(conversation: Sequence[Message]) -> Iterator[Turn]:
    """Yield the training turns of one conversation.

    An assistant message of weight 0, or without text, is skipped.
    """
    for place, message in enumerate(conversation):
        if message.role != "assistant" or message.extra.get("weight") == 0:
            continue
        before = conversation[:place]
        readings = tuple(build_readings(before))
        if readings and message.content.strip():
            yield Turn(select_user_texts(before)[0], readings, message.content)
