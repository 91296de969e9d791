"""What a text says, word by word, in one form for all ways of writing it.

A token is a stem («сервер»), an amount with its unit in a common one («полтора часа» and "90 min"
are the same), a day, a word of the lists in `facts.yaml`, or a phone. Its marks say where it
stands: after «не», «до» or «с», in the clause of an «если», in the dative. Words that say
nothing, and sentences of courtesy, are no tokens. `merlin.core.wordings` compares tokens.
"""

import re
from calendar import month_name
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from merlin.core.vocabulary import fold, stem

_LIST_MARK = re.compile(
    r"(?:^|(?<=[.!?:;] ))[ \t]*(?:\d{1,2}[.)]|[-*•–—]|#+)[ \t]+", re.MULTILINE
)
_PHONE = re.compile(r"\+?\d(?:[\s()–-]*\d){6,}")
_GROUPED = re.compile(r"\b[1-9]\d{0,2}([ ,])\d{3}(?:\1\d{3})*(?![\d])")
_DATE = re.compile(
    r"\b(0?[1-9]|[12]\d|3[01])[./](0[1-9]|1[0-2])(?:[./](\d{4}|\d\d))?\b"
)
_TIME = re.compile(r"\b0?(\d{1,2})[:.]([0-5]\d)\b(?![.,]?\d)")
_AFTERNOON = re.compile(r"\b([1-9]|1[01])((?:\.\d\d)?) pm\b")
# «5 <1000>», «<20> <1>»: numbers in words, read one by one.
_BELOW_THOUSAND = r"(?:<\d00>[ -])?(?:<[2-9]0>[ -])?<[\d.]+>"
_WRITTEN = re.compile(
    r"(?:\b(\d+(?:[.,]\d+)?) (?=<10{3,}>))?"
    rf"({_BELOW_THOUSAND}(?: <10{{3,}}>(?: {_BELOW_THOUSAND})?)?)"
)
_THOUSAND = 1000
_LETTERS = re.compile(r"[^\W\d_]+")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*[^\W\d_]*|[^\W\d_]+|[₽€$£%°]")
# No sentence ends with an initial or «т. е.».
_SENTENCE = re.compile(r"(?<=[.!?…:;])(?<!\b[^\W\d_]\.)\s+|\n+")
_CLAUSE = re.compile(r"[,;:()!?]\s|\s[–—-]\s")
_PASSIVE = re.compile(
    r"^([^,;:]+?) (?:is|are|was|were) (\w+)\b([^,;:]*?) by ((?:the|an?|our|your|its) [^,;:.]+)"
)
_FENCE = re.compile(r"```\w*")
_INDICES = str.maketrans(
    {**dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))}
    | {power: f"^{number}" for number, power in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
)
_VERB = re.compile(
    "(?:[еиуюая]т|[аеы]ст|ть|ся|сь|ешь|ишь|[йь]те|ите|[аияуе]л[аио]?|[аеи]но?ы?|[ае]ем|ing|ed)$"
)
_CASES = {
    "dative": re.compile("(?:у|ю|[ая]м|[ое]му)$"),
    "instrumental": re.compile("(?:[ое][мй]|[аяы]ми)$"),
}
_RUSSIAN_PHONE_LENGTH = 11


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text that says something.

    `word` is as it was written, folded, and an amount without its unit. `is_fact`: a number, date,
    phone, name, or a word of the lists, for which no other one may stand. `is_verb`: it looks
    like one. `marks`: where it stands.
    """

    root: str
    word: str
    is_fact: bool = True
    is_verb: bool = False
    marks: frozenset[str] = frozenset()

    @property
    def unit(self) -> str:
        """Return the unit of an amount, "" for any other token."""
        return self.root.partition(" ")[2] if "unit" in self.marks else ""


def read_tokens(text: str) -> list[list[Token]]:
    """Return the tokens of each sentence of a text in Russian or English."""
    sentences = []
    for sentence in split_sentences(text):
        phones, plain = _take_phones(fold(sentence))
        plain = _apply_forms(plain)
        if _is_courtesy(plain) and not phones:
            continue
        plain = _PASSIVE.sub(r"\4 \2 \1 \3", _plain_numbers(plain))
        names = _list_names(sentence)
        clauses = (_read_clause(clause, names) for clause in _CLAUSE.split(plain))
        found = map(Token, sorted(phones), sorted(phones))
        sentences.append([*chain.from_iterable(clauses), *found])
    return sentences


def _read_clause(clause: str, names: frozenset[str]) -> list[Token]:
    """Return the tokens of a clause; «если» marks all after it, «не» and «до» the next one."""
    words = _TOKEN.findall(clause)
    lists = _load_words()
    tokens = list[Token]()
    always = set[str]()
    once = set[str]()
    while words:
        word = words.pop(0)
        if word in lists["clauses"]:
            always.add(lists["clauses"][word])
        elif word in lists["sides"]:
            once.add(lists["sides"][word])
        elif word not in lists["empty"]:
            token = _read_word(word, words, names)
            if "with" in once:  # «с 9 до 18» or «с молоком»
                once = once - {"with"} | ({"from"} if token.is_fact else set())
            tokens.append(replace(token, marks=token.marks | always | once))
            once = set()
            tokens[-2:] = _add_up(tokens[-2:])
    if once and tokens:  # "three hours at most"
        tokens[-1] = replace(tokens[-1], marks=tokens[-1].marks | once)
    return tokens or [Token(each, each) for each in sorted(once)]


def _add_up(tokens: list[Token]) -> list[Token]:
    """Return two amounts of one kind as one, the smaller unit after the greater («1 ч 30 мин»)."""
    units = [token.unit for token in tokens]
    if not all(units) or units != units[:1] * 2:
        return tokens
    one, more = (float(token.root.partition(" ")[0]) for token in tokens)
    if more * float(tokens[0].word) >= one:
        return tokens
    total = f"{one + more:.12g}"
    return [Token(f"{total} {tokens[0].unit}", total, marks=tokens[0].marks)]


def _read_word(word: str, rest: list[str], names: frozenset[str]) -> Token:
    """Return the token of a word, and take the unit of a number out of the rest."""
    if word[0].isdigit():
        letters = word.lstrip("0123456789.,")
        unit = _look_up("units", f"={letters or ''.join(rest[:1])}")
        unit = unit or _look_up("units", letters or "".join(rest[:1]))
        if unit and not letters:
            rest.pop(0)
        if letters and not unit:
            return Token(word, word)
        return _read_amount(_plain_number(word.removesuffix(letters)), unit)
    if unit := _look_up("units", word):
        return _read_amount("1", unit)
    if listed := _look_up("days", word) or _look_up("limits", word):
        return Token(listed, word)
    if word in names:
        return Token(word if word.isascii() else stem(word), word)
    root = _look_up("same", word) or stem(word)
    is_verb = root != stem(word) or bool(_VERB.search(word))
    forms = () if is_verb or word.isascii() else _CASES.items()
    marks = frozenset(name for name, ending in forms if ending.search(word))
    return Token(root, word, is_fact=False, is_verb=is_verb, marks=marks)


def _read_amount(value: str, unit: str) -> Token:
    """Return an amount in the smallest unit of its kind."""
    if not unit:
        return Token(value, value)
    factor, base = _load_scales().get(unit, (1, unit))
    scaled = float(value.rstrip(".")) * factor
    return Token(f"{scaled:.12g} {base}", value, marks=frozenset({"unit"}))


def split_sentences(text: str) -> list[str]:
    """Return the sentences and lines of a text, without marks of lists."""
    plain = _LIST_MARK.sub("", _FENCE.sub("", text.translate(_INDICES)))
    return [each for each in _SENTENCE.split(plain) if each.strip()]


def _list_names(sentence: str) -> frozenset[str]:
    """Return the names of a sentence, folded.

    They have a capital letter and are not its first word, or are English among Russian ones.
    """
    words = re.findall(r"[^\W\d_]+", sentence)
    is_russian = bool(re.search("[а-яё]", sentence))
    return frozenset(
        fold(word)
        for at, word in enumerate(words)
        if (at and word[:1].isupper()) or (is_russian and word.isascii())
    )


def _take_phones(text: str) -> tuple[set[str], str]:
    """Return the phones of a folded text, and the text without them."""
    found = [each for each in _PHONE.findall(text) if not _is_amount(each)]
    plain = _PHONE.sub(lambda match: match[0] if _is_amount(match[0]) else " ", text)
    return set(map(_plain_phone, found)), plain


def _is_amount(text: str) -> bool:
    """Return whether digits are a number in groups («1 000 000») and no phone."""
    return _GROUPED.fullmatch(text) is not None


def _plain_phone(phone: str) -> str:
    digits = re.sub(r"\D", "", phone)
    if len(digits) == _RUSSIAN_PHONE_LENGTH and digits.startswith("8"):
        return f"7{digits[1:]}"  # the way of dialling within Russia
    return digits


def _apply_forms(text: str) -> str:
    """Return a folded text where each fact is written in one form («14 часов» for «2 pm»)."""
    for pattern, form in _load_forms():
        text = pattern.sub(form, text)
    return text


def _plain_numbers(text: str) -> str:
    """Return a folded text with its numbers in digits: «9:00» as 9, «двадцать один» as 21."""
    numbers = _load_numbers()
    text = _LETTERS.sub(lambda word: numbers.get(word[0], word[0]), text)
    text = _apply_forms(_WRITTEN.sub(_read_written, text))
    text = _TIME.sub(
        lambda match: match[1] if match[2] == "00" else f"{match[1]}.{match[2]}",
        _DATE.sub(_name_month, text),
    )
    text = _AFTERNOON.sub(lambda match: f"{int(match[1]) + 12}{match[2]}", text)
    return _GROUPED.sub(lambda match: re.sub("[ ,]", "", match[0]), text)


def _read_written(words: re.Match[str]) -> str:
    """Return «<20> <5> <1000>» as 25000."""
    total = 0.0
    part = float((words[1] or "0").replace(",", "."))
    for number in map(float, re.findall(r"[\d.]+", words[2])):
        is_thousand = number >= _THOUSAND
        total += (part or 1) * number if is_thousand else 0
        part = 0 if is_thousand else part + number
    return f"{total + part:.12g}"


def _name_month(date: re.Match[str]) -> str:
    """Return «15.03.2026» as "15 march 2026"."""
    return f" {int(date[1])} {month_name[int(date[2])].casefold()} {date[3] or ''} "


def _plain_number(text: str) -> str:
    """Return «1,50» as 1.5."""
    whole, point, fraction = text.replace(",", ".").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{point if fraction else ''}{fraction}"


def _is_courtesy(plain: str) -> bool:
    """Return whether a sentence is courtesy alone («Хорошего дня!»)."""
    words = re.findall(r"[^\W_]+", plain)
    rest = [word for word in words if stem(word) not in _load_courtesy()]
    return len(rest) < len(words) and all(
        word in _load_words()["empty"] for word in rest
    )


@lru_cache(maxsize=65536)
def _look_up(kind: str, word: str) -> str:
    """Return the line of a list that has the word, "" if none."""
    exact, beginnings = _load_lines(kind)
    if word in exact:
        return exact[word]
    return next((line for begin, line in beginnings if word.startswith(begin)), "")


@cache
def _load_lists() -> Mapping[str, Any]:
    content = (Path(__file__).parent / "facts.yaml").read_text("utf-8")
    lists: Mapping[str, Any] = yaml.safe_load(content)
    return lists


@cache
def _load_lines(kind: str) -> tuple[Mapping[str, str], Sequence[tuple[str, str]]]:
    """Return the line of each whole word of a list, and of each beginning of a word."""
    pairs = [(word, line) for line in _load_lists()[kind] for word in line.split()]
    exact = {word: line for word, line in pairs if not word.endswith("*")}
    return exact, [(word[:-1], line) for word, line in pairs if word.endswith("*")]


@cache
def _load_words() -> Mapping[str, Mapping[str, str]]:
    """Return the mark that each word of a list sets."""
    lists = defaultdict[str, dict[str, str]](dict)
    for kind in ("clauses", "sides"):
        for mark, line in _load_lists()[kind].items():
            lists[kind] |= dict.fromkeys(line.split(), mark)
    lists["empty"] = dict.fromkeys(_load_lists()["empty"].split(), "")
    return lists


@cache
def _load_scales() -> Mapping[str, tuple[float, str]]:
    """Return factor and base unit of each line of units that another one measures."""
    return {
        _look_up("units", name): (float(factor), _look_up("units", base))
        for name, (factor, base) in _load_lists()["scales"].items()
    }


@cache
def _load_forms() -> Sequence[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(pattern), form) for pattern, form in _load_lists()["forms"].items()
    ]


@cache
def _load_numbers() -> Mapping[str, str]:
    """Return numbers in words as «<5>»; «~» stands for each ending of an adjective."""
    endings = _load_lists()["endings"].split()
    return {
        word.replace("~", ending): f"<{number}>"
        for number, line in _load_lists()["numbers"].items()
        for word in line.split()
        for ending in (endings if "~" in word else [""])
    }


@cache
def _load_courtesy() -> frozenset[str]:
    return frozenset(map(stem, _load_lists()["courtesy"].split()))
