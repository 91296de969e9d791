"""Facts of a text: what makes it untrue or harmful when one word of it changes.

Numbers, dates, units, negations, opposites, names, code, doubts, links, mail addresses and phones.
Measures of likeness do not see them: a text with another number has nearly the same letters. Seen:
of 160 taught answers with a changed number, unit or "not", chrF took every one for the same. The
words, and the forms in which one fact is written («2 часа дня», "2 pm"), are in `facts.yaml`.
"""

import re
from calendar import month_name
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from merlin.core.opposites import find_opposites
from merlin.core.vocabulary import fold, load_function_words, stem

_LIST_MARK = re.compile(
    r"(?:^|(?<=[.!?:;] ))[ \t]*(?:\d{1,2}[.)]|[-*•–—]|#+)[ \t]+", re.MULTILINE
)
# In this order: a mail address holds a domain, a link holds numbers, a date is no decimal.
# Names are no longer than RFC 1035 and 5321 let them be: without a bound a text of one letter takes
# the square of its length.
_ADDRESS = re.compile(
    r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}"
    r"|(?:https?://|www\.)[^\s<>\"»)\]]+"
    r"|\b(?:[a-zа-я0-9][a-zа-я0-9-]{0,62}\.){1,9}(?:[a-z]{2,63}|рф|рус)\b(?:/[^\s<>\"»)\]]*)?"
    r"|@\w{3,}"
)
_PHONE = re.compile(r"\+?\d(?:[\s()–-]*\d){6,}")
_GROUPED = re.compile(r"\b[1-9]\d{0,2}([ ,])\d{3}(?:\1\d{3})*(?![\d])")
_DATE = re.compile(
    r"\b(0?[1-9]|[12]\d|3[01])[./](0[1-9]|1[0-2])(?:[./](\d{4}|\d\d))?\b"
)
_TIME = re.compile(r"\b0?(\d{1,2})[:.]([0-5]\d)\b(?![.,]?\d)")
_AFTERNOON = re.compile(r"\b([1-9]|1[01])((?:\.\d\d)?) pm\b")
_ROMAN = re.compile(r"\b(?=[IVXL]{2})(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXL])\b")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50}
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
_FENCE = re.compile(r"```\w*")
_CODE = re.compile(
    r"```\w*\n(.*?)```|`([^`\n]+)`|(\bO\((?:[^()]|\([^()]*\))*\))", re.DOTALL
)
_UNCODED = re.compile(r"[\s`'\"«»*]|\(\)")
_INDICES = str.maketrans(
    {**dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))}
    | {power: f"^{number}" for number, power in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
)
_NEGATIVE_PREFIX = re.compile("(?:бес|без|не|un|in|im|ir|dis|non)(?=....)")
_RUSSIAN_PHONE_LENGTH = 11
# Words of a text that are compared place by place, which takes the square of their number. A longer
# one is right only with the same words in the same order.
MOST_COMPARED = 1_000
MOST_ORDERED = 300  # sentences, each of which is compared with each other one
SHORT = 2  # words of a taught answer that may stand in a sentence: «Столица Франции — Париж»

# A number, the unit after it, and the side that it bounds: «до 5 дней» is ("5", "день…", "до…").
Amount = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a text.

    `listed` are the sides of the lists of `facts.yaml` that the text names, in order. `addresses`
    are links, mail addresses, names with @ and phones, `alien` what no answer may add. `words` are
    folded, with numbers in digits.
    """

    amounts: Sequence[Amount]
    listed: Mapping[str, Sequence[tuple[str, str]]]
    addresses: frozenset[str]
    alien: frozenset[str]
    words: Sequence[str]


def find_facts(sentences: Sequence[str]) -> Facts:
    """Return the facts of sentences in Russian or English."""
    plains = [_apply_forms(each) for each in sentences]
    text = "\n".join(each for each in plains if not _is_courtesy(each))
    addresses, plain = _take_addresses(text)
    words = _TOKEN.findall(_plain_numbers(plain))
    amounts = list[Amount]()
    listed = defaultdict[str, list[tuple[str, str]]](list)
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word[0].isdigit() or word == "one":
            amounts.append(_read_amount(before, word, after))
        is_counted = before[:1].isdigit() and before != "1"
        for kind, line, side in _find_listed(word):
            if not is_counted or kind != "units":
                listed[kind].append((line, side))
    alien = frozenset(each for each in _load_lists()["alien"] if re.search(each, text))
    return Facts(amounts, listed, addresses, alien, words)


def split_sentences(text: str) -> list[str]:
    """Return the sentences and lines of a text, without marks of lists."""
    plain = _LIST_MARK.sub("", _FENCE.sub("", text.translate(_INDICES)))
    return [each for each in _SENTENCE.split(plain) if each.strip()]


def find_changed(answer: str, reference: str) -> str:
    """Return the kind of a fact in which an answer differs from a taught one, "" if in none.

    A number more, less or in another place is a changed one. Whole sentences may stand in another
    order.
    """
    said = split_sentences(answer)
    taught = split_sentences(reference)
    items = {len(_LIST_MARK.findall(text)) for text in (answer, reference)} - {0}
    if len(items) > 1:
        return "items"
    if _has_other_code(answer, reference) or _has_other_code(reference, answer):
        return "code"
    is_short = len(list_content(reference)) <= SHORT
    if _has_other_names(taught, said) or (
        not is_short and _has_other_names(said, taught)
    ):
        return "name"
    return next(iter(list_changed(answer, reference)), "")


def list_changed(answer: str, reference: str) -> list[str]:
    """Return the kinds of facts in which an answer differs from a taught one, in its order."""
    said = split_sentences(answer)
    taught = split_sentences(reference)
    return _compare(said, taught) and _compare(_order_like(said, taught), taught)


def adds_to(text: str, taught: str) -> bool:
    """Return whether a text has a number, date, unit, link, phone or name that a taught one lacks.

    A name is any word with a capital letter that is not among the taught words.
    """
    own = find_facts(split_sentences(text))
    known = find_facts(split_sentences(taught))
    capitals = (word for word in re.findall(r"[^\W_]+", text) if word != word.lower())
    names = set(list_content(" ".join(capitals)))
    numbers = [Counter(number for number, *_ in each.amounts) for each in (own, known)]
    listed = [
        {
            entry
            for kind in ("months", "weekdays", "units")
            for entry in each.listed[kind]
        }
        | {("", unit) for _, unit, _ in each.amounts}
        for each in (own, known)
    ]
    is_listed = listed[0] <= listed[1] and own.addresses <= known.addresses
    return not (
        numbers[0] <= numbers[1] and is_listed and names <= set(list_content(taught))
    )


def list_content(text: str) -> list[str]:
    """Return the stems of a text's words and its numbers, without function words and courtesy."""
    _, plain = _take_addresses("\n".join(map(_apply_forms, split_sentences(text))))
    listed = load_function_words()
    empty = listed["russian"] | listed["english"] | _load_courtesy()
    words = re.findall(r"[^\W_]+", _plain_numbers(plain))
    return [root for word in words if (root := stem(word)) not in empty]


def _compare(said: Sequence[str], taught: Sequence[str]) -> list[str]:
    new = find_facts(said)
    known = find_facts(taught)
    differences = {
        "number": not _have_same_amounts(new, known),
        "unit": _has_other_listed(new, known),
        "address": new.addresses != known.addresses,
        "negation": _has_other_negations(new.words, known.words),
        "opposite": _has_other_side(new, known),
        "doubt": bool(new.alien - known.alien),
        "exchange": _has_exchanged(new.words, known.words),
    }
    return [kind for kind, differs in differences.items() if differs]


def _order_like(said: Sequence[str], taught: Sequence[str]) -> list[str]:
    """Return sentences in the order of the taught ones with which they share most words.

    One without words stays with the sentence before it («Терапевт: 1500»), and more than
    MOST_ORDERED stay where they are.
    """
    if max(len(said), len(taught)) > MOST_ORDERED:
        return [*said]
    known = [set(list_content(sentence)) for sentence in taught]
    place = 0
    places = list[int]()
    for sentence in said:
        own = set(filter(str.isalpha, list_content(sentence)))
        shared = [len(own & words) for words in known]
        place = shared.index(max(shared)) if any(shared) else place
        places.append(place)
    order = sorted(range(len(said)), key=places.__getitem__)
    return [said[index] for index in order]


def _have_same_amounts(new: Facts, taught: Facts) -> bool:
    """Return whether the numbers are the same, in order. «Один» is 1 or nothing («один раз»)."""
    units = {unit for _, unit, _ in new.amounts} & {
        unit for _, unit, _ in taught.amounts
    }
    for one in ("", "1"):
        said = _read_ones(new.amounts, one)
        known = _read_ones(taught.amounts, one)
        agree = (
            _is_same_amount(*pair, units) for pair in zip(said, known, strict=False)
        )
        if len(said) == len(known) and all(agree):
            return True
    return False


def _read_ones(amounts: Sequence[Amount], one: str) -> list[Amount]:
    read = (((one if number == "one" else number), *rest) for number, *rest in amounts)
    return [(number, unit, side) for number, unit, side in read if number]


def _is_same_amount(new: Amount, taught: Amount, units: Collection[str]) -> bool:
    """Return whether two amounts are one.

    A unit may be left out where another number has it; clocks and ages need none («в 16 часов»).
    """
    optional = {"", _find_side("units", "час"), _find_side("units", "год"), *units}
    is_same_unit = new[1] == taught[1] or (
        "" in (new[1], taught[1]) and {new[1], taught[1]} <= optional
    )
    return (
        new[0] == taught[0]
        and is_same_unit
        and (new[2] == taught[2] or "" in (new[2], taught[2]))
    )


def _has_other_listed(new: Facts, taught: Facts) -> bool:
    """Return whether months, weekdays, units without a number or limits are not the same."""
    said, known = (
        [[*_drop_repeated(facts.listed[kind])] for kind in ("months", "weekdays")]
        + [sorted(facts.listed[kind]) for kind in ("units", "limits")]
        for facts in (new, taught)
    )
    return said != known


def _drop_repeated(entries: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return (
        each
        for each, before in zip(entries, [None, *entries], strict=False)
        if each != before
    )


def _has_other_negations(new: Sequence[str], taught: Sequence[str]) -> bool:
    """Return whether a "not" is more or less, or before another word that both texts have."""
    count = [
        sum(bool(_find_side("negations", word)) for word in each)
        for each in (new, taught)
    ]
    said = _mark_negated(new)
    known = _mark_negated(taught)
    common = [word for word in said if len(said[word]) == len(known.get(word, ()))]
    moved = [word for word in common if said[word] != known[word]]
    is_moved = sum(sum(said[word]) for word in moved) == sum(
        sum(known[word]) for word in moved
    )
    return (
        count[0] != count[1]
        or _is_turned({*new, *said}, {*taught, *known})
        or (bool(moved) and is_moved)
    )


def _mark_negated(words: Sequence[str]) -> Mapping[str, list[bool]]:
    """Return of each word's stem, in order, whether "not" stands before it."""
    marks = defaultdict[str, list[bool]](list)
    for before, word in zip(["", *words], words, strict=False):
        marks[stem(word)].append(before in ("не", "not"))
    return marks


def _is_turned(new: Collection[str], taught: Collection[str]) -> bool:
    """Return whether one of the texts has a word with a negative prefix and the other without."""
    return any(
        prefix and prefix.string[prefix.end() :] in other - own
        for own, other in ((set(new), set(taught)), (set(taught), set(new)))
        for prefix in map(_NEGATIVE_PREFIX.match, own - other)
    )


def _has_other_side(new: Facts, taught: Facts) -> bool:
    """Return whether an answer names another side of what the taught one says."""
    said = find_opposites(new.words)
    known = find_opposites(taught.words)
    kinds = {kind for kind, _ in said - known}
    if any(kind in kinds for kind, _ in known - said):
        return True
    sides = _list_sides(new)
    taught_sides = _list_sides(taught)
    common = [
        (sides[line], taught_sides[line]) for line in sides.keys() & taught_sides.keys()
    ]
    return any(
        one != other
        and (
            len(one) == len(other)
            or (not {*one} <= {*other} and not {*other} <= {*one})
        )
        for one, other in common
    )


def _list_sides(facts: Facts) -> Mapping[str, list[str]]:
    sides = defaultdict[str, list[str]](list)
    for line, side in facts.listed["opposites"]:
        sides[line].append(side)
    return sides


def _has_exchanged(new: Sequence[str], taught: Sequence[str]) -> bool:
    """Return whether two words stand in each other's place."""
    said, known = ([_plain_word(word) for word in words] for words in (new, taught))
    if max(len(said), len(known)) > MOST_COMPARED:
        return said != known
    empty = load_function_words()
    pairs = {
        pair
        for kind, *ends in SequenceMatcher(
            None, said, known, autojunk=False
        ).get_opcodes()
        if kind == "replace"
        for pair in zip(said[slice(*ends[:2])], known[slice(*ends[2:])], strict=False)
        if not {*pair} & (empty["russian"] | empty["english"])
    }
    return any((other, one) in pairs for one, other in pairs)


def _plain_word(word: str) -> str:
    """Return a word's stem; `sort` and `sorted` are two names."""
    return word if word.isascii() else stem(word)


def _has_other_code(text: str, other: str) -> bool:
    """Return whether a text has code or O(…) that the other has not, however it is marked."""
    squeezed = _squeeze(other)
    return any(
        _squeeze("".join(match)) not in squeezed for match in _CODE.findall(text)
    )


def _squeeze(code: str) -> str:
    return _UNCODED.sub("", fold(code.translate(_INDICES)))


def _has_other_names(said: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether a text names what the other does not: «Соколовой», and `qwerty` in Russian."""
    known = {
        stem(word) for sentence in other for word in _LETTERS.findall(fold(sentence))
    }
    is_russian = _is_russian(" ".join(said))
    for sentence in said:
        first, *words = [
            *_LETTERS.findall(_ADDRESS.sub(" ", _ROMAN.sub("", sentence))),
            "",
        ]
        latin = [
            word
            for word in (first, *words)
            if is_russian and word.isascii() and word[1:]
        ]
        capital = [
            word
            for word in words
            if word[:1].isupper() and not any(_find_listed(fold(word)))
        ]
        names = {stem(fold(word)) for word in (*capital, *latin)}
        if names - known - load_function_words()["english"]:
            return True
    return False


def _is_russian(text: str) -> bool:
    return bool(re.search("[а-яё]", text.casefold()))


def _take_addresses(text: str) -> tuple[frozenset[str], str]:
    """Return the addresses and phones of a folded text, and the text without them."""
    addresses = {_trim_address(each) for each in _ADDRESS.findall(text)}
    plain = _ADDRESS.sub(" ", text)
    addresses |= {
        _plain_phone(each) for each in _PHONE.findall(plain) if not _is_amount(each)
    }
    plain = _PHONE.sub(lambda match: match[0] if _is_amount(match[0]) else " ", plain)
    return frozenset(addresses), plain


def _trim_address(address: str) -> str:
    plain = re.sub(r"^(?:https?://)?(?:www\.)?", "", address)
    return plain.rstrip("/.,;:!?*_`'")


def _is_amount(text: str) -> bool:
    """Return whether digits are a number in groups («1 000 000») and no phone."""
    return _GROUPED.fullmatch(text) is not None


def _plain_phone(phone: str) -> str:
    digits = re.sub(r"\D", "", phone)
    if len(digits) == _RUSSIAN_PHONE_LENGTH and digits.startswith("8"):
        return f"7{digits[1:]}"  # the way of dialling within Russia
    return digits


def _apply_forms(sentence: str) -> str:
    """Return a folded sentence where each fact is written in one form («14 часов» for «2 pm»)."""
    text = fold(_ROMAN.sub(_read_roman, sentence))
    for pattern, form in _load_forms():
        text = pattern.sub(form, text)
    return text


def _read_roman(number: re.Match[str]) -> str:
    digits = [_ROMAN_DIGITS[letter] for letter in number[0]]
    pairs = zip(digits, [*digits[1:], 0], strict=False)
    return str(sum(-one if one < following else one for one, following in pairs))


def _plain_numbers(text: str) -> str:
    """Return a folded text with its numbers in digits: «9:00» as 9, «двадцать один» as 21."""
    numbers = _load_numbers()
    text = _DATE.sub(_name_month, text)
    text = _TIME.sub(
        lambda match: match[1] if match[2] == "00" else f"{match[1]}.{match[2]}", text
    )
    text = _AFTERNOON.sub(lambda match: f"{int(match[1]) + 12}{match[2]}", text)
    text = _GROUPED.sub(lambda match: re.sub("[ ,]", "", match[0]), text)
    return _WRITTEN.sub(
        _read_written, _LETTERS.sub(lambda word: numbers.get(word[0], word[0]), text)
    )


def _read_written(words: re.Match[str]) -> str:
    """Return «<20> <5> <1000>» as 25000; a single «один» stays a word, as many mean no number."""
    total = 0.0
    part = float((words[1] or "0").replace(",", "."))
    for number in map(float, re.findall(r"[\d.]+", words[2])):
        is_thousand = number >= _THOUSAND
        total += (part or 1) * number if is_thousand else 0
        part = 0 if is_thousand else part + number
    return "one" if total + part == 1 else f"{total + part:.12g}"


def _name_month(date: re.Match[str]) -> str:
    """Return «15.03.2026» as "15 march 2026"."""
    return f" {date[1]} {month_name[int(date[2])].casefold()} {date[3] or ''} "


def _read_amount(before: str, number: str, after: str) -> Amount:
    letters = number.lstrip("0123456789.,")
    digits = number.removesuffix(letters)
    unit = _find_side("units", f"={letters or after}") or _find_side(
        "units", letters or after
    )
    whole = _plain_number(digits) if unit or not letters or not digits else ""
    value = "one" if whole == "1" and unit else f"{whole or number}"
    return value, unit, _find_side("bounds", before)


def _is_courtesy(plain: str) -> bool:
    """Return whether a sentence is courtesy alone («Хорошего дня!»)."""
    words = set(re.findall(r"[^\W_]+", plain))
    listed = load_function_words()
    says_something = any(
        _find_side("negations", word) or word.isdigit() for word in words
    )
    roots = set(map(stem, words))
    rest = roots - _load_courtesy() - listed["russian"] - listed["english"]
    return bool(roots & _load_courtesy()) and not rest and not says_something


def _plain_number(text: str) -> str:
    """Return «1,50» as 1.5; room 015 is not room 15."""
    whole, point, fraction = text.replace(",", ".").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{point if fraction else ''}{fraction}"


def _find_side(kind: str, word: str) -> str:
    """Return the side of a list that has the word, "" if none."""
    return next((side for found, _, side in _find_listed(word) if found == kind), "")


@lru_cache(maxsize=65536)
def _find_listed(word: str) -> Sequence[tuple[str, str, str]]:
    """Return list, line and side of each entry of `facts.yaml` that is the word."""
    exact, beginnings = _load_words()
    found = (places for begin, places in beginnings.items() if word.startswith(begin))
    return [*exact.get(word, ()), *(place for places in found for place in places)]


Places = Mapping[str, list[tuple[str, str, str]]]


@cache
def _load_lists() -> Mapping[str, Any]:
    content = (Path(__file__).parent / "facts.yaml").read_text("utf-8")
    lists: Mapping[str, Any] = yaml.safe_load(content)
    return lists


@cache
def _load_words() -> tuple[Places, Places]:
    """Return the places of each whole word, and of each beginning of a word."""
    exact = defaultdict[str, list[tuple[str, str, str]]](list)
    beginnings = defaultdict[str, list[tuple[str, str, str]]](list)
    for kind in (
        "months",
        "weekdays",
        "units",
        "limits",
        "opposites",
        "negations",
        "bounds",
    ):
        for line in _load_lists()[kind]:
            for side in line.split("|"):
                for word in side.split():
                    place = beginnings if word.endswith("*") else exact
                    place[word.rstrip("*")].append((kind, line, side))
    return exact, beginnings


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
