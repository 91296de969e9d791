"""Facts of a text: what makes it untrue or harmful when one word of it changes.

Numbers, dates, units, negations, opposites, doubts, links, mail addresses and phones. Measures of
likeness do not see them: a text with another number has nearly the same letters. Seen: of 160
taught answers with a changed number, unit or "not", chrF took every one for the same.
"""

import re
from calendar import month_name
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import yaml

from merlin.core.opposites import find_opposites
from merlin.core.vocabulary import fold, load_function_words, stem

_LIST_MARK = re.compile(r"(?:^|(?<=[.!?:] ))[ \t]*(?:\d{1,2}[.)]|[-*•–—])[ \t]+", re.MULTILINE)
# In this order: a mail address holds a domain, a link holds numbers, a date is no decimal.
_ADDRESS = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:https?://|www\.)[^\s<>\"»)\]]+"
    r"|\b(?:[a-zа-я0-9][a-zа-я0-9-]*\.)+(?:[a-z]{2,}|рф|рус)\b(?:/[^\s<>\"»)\]]*)?"
    r"|@\w{3,}"
)
_PHONE = re.compile(r"\+?\d(?:[\s()–-]*\d){6,}")
_DATE = re.compile(r"\b(0?[1-9]|[12]\d|3[01])[./](0[1-9]|1[0-2])(?:[./](\d{4}|\d\d))?\b")
_TIME = re.compile(r"\b(\d{1,2})[:.]([0-5]\d)\b(?![.,]?\d)")
_NUMBER = re.compile(r"\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:[.,]\d+)?\b|\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|[₽€$%]")
_SENTENCE = re.compile(r"(?<=[.!?…:;])\s+|\n+")
_NEGATIONS = frozenset(
    ("не", "ни", "нет", "без", "not", "no", "never", "without", "cannot", "nor", "none")
)
_FORBIDDEN = frozenset(("нельзя", "запрещено", "запрещается", "forbidden", "prohibited"))
_NEGATIVE_PREFIX = re.compile("(?:бес|без|не|un|in|dis|non)(?=....)")
_RUSSIAN_PHONE_LENGTH = 11


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a text.

    `amounts` are the numbers of each sentence with some, in order. `named` are months, weekdays,
    units and numbers in words, as ("units", 3). `addresses` are links, mail addresses, names with
    @ and phones.
    """

    amounts: Sequence[tuple[str, ...]]
    named: frozenset[tuple[str, int]]
    addresses: frozenset[str]
    negations: int
    doubts: frozenset[tuple[str, int]]
    opposites: frozenset[tuple[str, str]]
    words: frozenset[str]


def find_facts(text: str) -> Facts:
    """Return the facts of a text in Russian or English."""
    amounts, addresses, words = list[tuple[str, ...]](), set[str](), list[str]()
    for sentence in split_sentences(text):
        if _is_courtesy(sentence):
            continue
        plain = fold(sentence).replace("n't", " not").replace("n’t", " not")
        addresses |= {_trim_address(each) for each in _ADDRESS.findall(plain)}
        plain = _ADDRESS.sub(" ", plain)
        phones = [_plain_phone(each) for each in _PHONE.findall(plain) if not _is_amount(each)]
        addresses.update(phones)
        plain = _PHONE.sub(lambda match: match[0] if _is_amount(match[0]) else " ", plain)
        plain = _DATE.sub(_name_month, plain)
        numbers = tuple(_list_numbers(plain))
        amounts += [numbers] if numbers else []
        words += _WORD.findall(plain)
    return Facts(
        amounts=amounts,
        named=frozenset(_find_listed(words, ("months", "weekdays", "units", "numerals"))),
        addresses=frozenset(addresses),
        negations=sum(word in _NEGATIONS or word in _FORBIDDEN for word in words),
        doubts=frozenset(_find_listed(words, ("doubts",))),
        opposites=find_opposites(words),
        words=frozenset(words),
    )


def split_sentences(text: str) -> list[str]:
    """Return the sentences and lines of a text, without marks of lists."""
    return [each for each in _SENTENCE.split(_LIST_MARK.sub("", text)) if each.strip()]


def find_changed(answer: str, reference: str) -> str:
    """Return the first of `list_changed`, "" without one."""
    return next(iter(list_changed(answer, reference)), "")


def list_changed(answer: str, reference: str) -> list[str]:
    """Return the kinds of facts in which an answer differs from a taught one.

    A number more, less or in another place is a changed one; a doubt only where the answer has it.
    """
    new, taught = find_facts(answer), find_facts(reference)
    differences = {
        "number": not _have_same_amounts(new, taught),
        "unit": new.named != taught.named,
        "address": new.addresses != taught.addresses,
        "negation": new.negations != taught.negations or _is_turned(new.words, taught.words),
        "opposite": _has_other_side(new.opposites, taught.opposites),
        "doubt": bool(new.doubts - taught.doubts),
    }
    return [kind for kind, differs in differences.items() if differs]


def adds_to(text: str, taught: str) -> bool:
    """Return whether a text has a number, date, unit, link, phone or name that a taught one lacks.

    A name is any word with a capital letter that is not among the taught words.
    """
    own, known = find_facts(text), find_facts(taught)
    capitals = (word for word in re.findall(r"[^\W_]+", text) if word != word.lower())
    names = set(list_content(" ".join(capitals)))
    numbers = [Counter(chain.from_iterable(each.amounts)) for each in (own, known)]
    is_listed = own.named <= known.named and own.addresses <= known.addresses
    return not (numbers[0] <= numbers[1] and is_listed and names <= set(list_content(taught)))


def list_content(text: str) -> list[str]:
    """Return the stems of a text's words and its numbers, without function words and courtesy."""
    plain = fold(_LIST_MARK.sub("", text))
    words = re.findall(r"[^\W_]+", plain)
    listed = load_function_words()
    empty = listed["russian"] | listed["english"] | _load_courtesy()
    return [root for word in words if (root := stem(word)) not in empty]


def _have_same_amounts(new: Facts, taught: Facts) -> bool:
    """Return whether the numbers are the same; whole sentences may stand in another order."""
    in_order = [list(chain.from_iterable(each.amounts)) for each in (new, taught)]
    return in_order[0] == in_order[1] or Counter(new.amounts) == Counter(taught.amounts)


def _is_turned(new: frozenset[str], taught: frozenset[str]) -> bool:
    """Return whether one of the texts has a word with a negative prefix and the other without."""
    return any(
        prefix and prefix.string[prefix.end() :] in other - own
        for own, other in ((new, taught), (taught, new))
        for prefix in map(_NEGATIVE_PREFIX.match, own - other)
    )


def _has_other_side(new: frozenset[tuple[str, str]], taught: frozenset[tuple[str, str]]) -> bool:
    """Return whether an answer has an opposite of what the taught one says, and not that itself."""
    kinds = {kind for kind, _ in new - taught}
    return any(kind in kinds for kind, _ in taught - new)


def _trim_address(address: str) -> str:
    plain = re.sub(r"^(?:https?://)?(?:www\.)?", "", address)
    return plain.rstrip("/.,;:!?*_`'")


def _is_amount(text: str) -> bool:
    """Return whether digits are a number in groups («1 000 000») and no phone."""
    return _NUMBER.fullmatch(text) is not None and not text.startswith("+")


def _plain_phone(phone: str) -> str:
    digits = re.sub(r"\D", "", phone)
    if len(digits) == _RUSSIAN_PHONE_LENGTH and digits.startswith("8"):
        return f"7{digits[1:]}"  # the way of dialling within Russia
    return digits


def _list_numbers(text: str) -> Iterator[str]:
    """Yield the numbers of a folded sentence: «9:00» as 9, «1 000,50» as 1000.5."""
    text = _TIME.sub(lambda match: match[1] if match[2] == "00" else f"{match[1]}.{match[2]}", text)
    for match in _NUMBER.finditer(text):
        yield _plain_number(match[0])


def _name_month(date: re.Match[str]) -> str:
    """Return «15.03.2026» as "15 march 2026"."""
    return f" {date[1]} {month_name[int(date[2])].casefold()} {date[3] or ''} "


def _is_courtesy(sentence: str) -> bool:
    """Return whether a sentence is courtesy alone («Хорошего дня!»)."""
    words = set(re.findall(r"[^\W_]+", fold(sentence)))
    listed = load_function_words()
    says_something = words & (_NEGATIONS | _FORBIDDEN) or any(map(str.isdigit, words))
    roots = set(map(stem, words))
    rest = roots - _load_courtesy() - listed["russian"] - listed["english"]
    return bool(roots & _load_courtesy()) and not rest and not says_something


def _plain_number(text: str) -> str:
    digits = re.sub(r"[ \u00a0\u202f]", "", text).replace(",", ".")
    whole, point, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole.lstrip('0') or '0'}{point if fraction else ''}{fraction}"


def _find_listed(words: Sequence[str], lists: Sequence[str]) -> Iterator[tuple[str, int]]:
    exact, beginnings = _load_words()
    for word in words:
        kind, number = exact.get(word, ("", 0))
        if not kind:
            found = (each for each in beginnings if word.startswith(each))
            kind, number = beginnings.get(next(found, ""), ("", 0))
        if kind in lists:
            yield kind, number


WordPlaces = Mapping[str, tuple[str, int]]


@cache
def _load_lists() -> Mapping[str, list[str]]:
    content = (Path(__file__).parent / "facts.yaml").read_text("utf-8")
    lists: Mapping[str, list[str]] = yaml.safe_load(content)
    return lists


@cache
def _load_words() -> tuple[WordPlaces, WordPlaces]:
    """Return list and line of each whole word, and of each beginning of a word."""
    exact, beginnings = dict[str, tuple[str, int]](), dict[str, tuple[str, int]]()
    for kind, lines in _load_lists().items():
        if kind == "courtesy":
            continue
        for number, line in enumerate(lines, 1):
            for word in line.split():
                place = beginnings if word.endswith("*") else exact
                place[word.rstrip("*")] = kind, number
    return exact, beginnings


@cache
def _load_courtesy() -> frozenset[str]:
    return frozenset(map(stem, "".join(_load_lists()["courtesy"]).split()))
