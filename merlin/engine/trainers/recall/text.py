"""From a question's text to the terms it is compared by, and how heavy each term is.

A term is a lemma with its kind in front: `f` function word, `v` verb and the like, `n` any
other word, `i` kind of question. The weights say which words carry the subject: without them
"what", "is" and "create" join questions that share nothing else.
"""

from __future__ import annotations

import re
import threading
from functools import cache, lru_cache
from typing import Any

WEIGHTS = {"f": 0.2, "v": 0.35, "n": 1.0, "i": 0.7}
NO_WORDS = "n:"

_TOKEN = re.compile(
    r"\*{1,2}[a-z_]\w*"  # *args, **kwargs
    r"|__\w+__"  # __name__
    r"|\d+[.,]\d+"
    r"|[a-z0-9]+|[а-я0-9]+|[^\W_]+"
    r"|\[\]|\{\}|\(\)"
    r"|[=!<>+*/%&|^~:-]{2,}"  # ==, //, **, :=, ->
    r"|(?<=\s)[=<>+*/%@&|^~](?=[\s?.,!]|$)"  # a lone sign between spaces
)
_DASHES = frozenset({"--", "---"})
_CYRILLIC = re.compile("[а-я]")
# ruff: noqa: SIM905 - lists of words read best as words
_NUMERALS = dict(
    zip(
        (str(number) for number in range(2, 17)),
        (
            "два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать "
            "тринадцать четырнадцать пятнадцать шестнадцать"
        ).split(),
        strict=True,
    )
)
_VERB_LIKE = frozenset({"VERB", "INFN", "PRTF", "PRTS", "GRND", "ADVB", "ADJS", "COMP", "PRED"})
_FUNCTION_PARTS = frozenset({"PREP", "CONJ", "PRCL", "INTJ", "NPRO"})
# Particles, prepositions, pronouns, question words, and the words around a question.
_FUNCTION = frozenset(
    """
    а без бы быть в весь во вот все всего вы где да для до его ее если есть еще же за здесь и из
    или им иметь их к как какой какова каков ко когда кому который кто куда ли либо лишь между
    меня мне мой можно мы на над надо наш не него нее нет ни них но ну нужно нужный о об он она
    они оно от отчего перед по под почему при про разве с сам самый свой сколько со так также
    такой там твой тем то тогда тоже только тот тут ты у уж уже через чего чей чем что чтобы чуть
    это этот я

    бывать входить дать делать делаться думать знать значить казаться кажется мочь называть
    называться назвать объяснить означать ответить отличаться перечислить подробный подсказать
    помочь понимать пониматься понять пояснить привести путать путаться пытаться различаться
    разобраться рассказать расшифровать сделать сказать считаться хотеть хотеться являться

    вещь вопрос вообще дело кратко короткий лучше никак определение отличие ответ пожалуйста
    пример принцип просто простой разница различие слово смысл тема хороший штука
    """.split()
)
_ENGLISH_FUNCTION = frozenset(
    """
    a about an and are as at be been between by can could describe did difference do does explain
    for from give had has have how i if in into is it its list me mean means my name of on or our
    please should tell than that the their them then there these they this those to us was we were
    what when where which who whom whose why will with would you your
    """.split()
)
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
# The stemmer keeps the word it works on in itself.
_one_at_a_time = threading.Lock()


def normal(text: str) -> str:
    """Return `text` in lower case with ё as е, as terms are read from it."""
    return text.lower().replace("ё", "е")


def terms(text: str, *, question: bool = True) -> tuple[str, ...]:
    """Return the distinct terms of `text` in order, with its kinds of question if it is one.

    A text without a single word gives the one term NO_WORDS, so that no document is empty.
    """
    plain = normal(text)
    is_russian = _CYRILLIC.search(plain) is not None
    tokens = (token for token in _TOKEN.findall(plain) if token not in _DASHES)
    found = dict.fromkeys(_term(token, is_russian=is_russian) for token in tokens)
    if not found:
        return (NO_WORDS,)
    kinds = (kind for kind, pattern in _KINDS if question and pattern.search(plain))
    return (*found, *kinds)


@lru_cache(maxsize=200_000)
def _term(token: str, *, is_russian: bool) -> str:
    token = _NUMERALS.get(token, token)
    if _CYRILLIC.match(token):
        return _russian(token)
    if token.isascii() and token.isalpha():
        # in a Russian question `for`, `if` or `with` is the subject, not a function word
        kind = "f" if token in _ENGLISH_FUNCTION and not is_russian else "n"
        with _one_at_a_time:
            return f"{kind}:{_english().stemWord(token)}"
    return f"n:{token}"


def _russian(token: str) -> str:
    with _one_at_a_time:
        parsed = _russian_dictionary().parse(token)[0]
    lemma = normal(parsed.normal_form)
    part = parsed.tag.POS
    if lemma in _FUNCTION or token in _FUNCTION or part in _FUNCTION_PARTS:
        return f"f:{lemma}"
    return f"v:{lemma}" if part in _VERB_LIKE else f"n:{lemma}"


@cache
def _russian_dictionary() -> Any:  # pymorphy3 is untyped
    import pymorphy3  # noqa: PLC0415 - reads its dictionary

    return pymorphy3.MorphAnalyzer(lang="ru")


@cache
def _english() -> Any:  # snowballstemmer is untyped
    import snowballstemmer  # noqa: PLC0415 - needed for Latin words only

    return snowballstemmer.stemmer("english")
