"""Measure how many spoilt answers the judge of tests counts as right, and how many honest ones not.

The answers are those of the sample datasets, of the blind sets and of a clinic's FAQ, as a language
model would give them. Each kind of spoiling changes a fact of an answer that has one, or adds to
it, or cuts it: at most 160 answers a kind. Pairs written by hand: tests/training/test_scores.py.
"""

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from bench.recall import BLIND, ROOT, SETS, example_files, read_yaml
from merlin.core.facts import split_sentences
from merlin.core.wordings import Judgement, adds_nothing, judge_wording
from merlin.engine.serving.exact_first import MIN_SHARE

ANSWERS = 160
Row = tuple[str, str, int, int, int, int]
BY_HAND = ROOT / "tests/training/judged_answers.yaml"
WORDS = read_yaml(ROOT / "bench/judge_words.yaml")


def read_answers() -> list[str]:
    """Return answers as they are taught, each once, in an order that mixes the sets."""
    found = [
        turn["assistant"]
        for name in SETS
        for test in (False, True)
        for example in example_files(name, test=test).values()
        for turn in example["messages"]
        if "assistant" in turn
    ]
    for path in BLIND:
        found += [taught["answer"] for taught in read_yaml(path)["taught"]]
    with (ROOT / "tests/inputs/files/faq-clinic.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        found += [row[1] for row in list(csv.reader(file, delimiter=";"))[1:]]
    unique = dict.fromkeys(answer.strip() for answer in found)
    return sorted(unique, key=lambda answer: hashlib.sha256(answer.encode()).digest())


def _change_number(text: str) -> str:
    number = re.search(
        r"(?<!\w)\d+(?![.)]\s)",
        re.sub(r"(?m)^\s*\d+[.)]", lambda m: "#" * len(m[0]), text),
    )
    if not number:
        return text
    return f"{text[: number.start()]}{int(number[0]) + 1}{text[number.end() :]}"


def _swap(pairs: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    def change(text: str) -> str:
        for one, other in (*pairs, *((b, a) for a, b in pairs)):
            changed = re.sub(
                rf"(?i)(?<!\w){re.escape(one)}(?!\w)", other, text, count=1
            )
            if changed != text:
                return changed
        return text

    return change


def _cut(text: str) -> str:
    return text[: int(len(text) * 0.8)]


def _is_russian(text: str) -> bool:
    return bool(re.search("[а-я]", text))


def _add(russian: str, english: str, *, before: bool = False) -> Callable[[str], str]:
    def change(text: str) -> str:
        more = russian if _is_russian(text) else english
        return f"{more} {text}" if before else f"{text} {more}"

    return change


SPOILT: dict[str, Callable[[str], str]] = {
    "number": _change_number,
    "yes, no, not": _swap(WORDS["opposites"]),
    "unit, day, month": _swap(WORDS["units"]),
    "name and phone": _add(
        "Звоните Ивану Петрову: +7 900 123-45-67.", "Call John Smith: +1 555 010 9999."
    ),
    "link": _add("Подробнее: https://example.com/pay", "See https://example.com/pay"),
    "code from the SMS": _add(
        "Пришлите нам код из СМС.", "Send us the code from the SMS."
    ),
    "untrue": _add("Всё это неправда.", "All this is untrue."),
    "doubt": _add("Я не уверен, но возможно:", "I'm not sure, but maybe:", before=True),
    "cut at 80 %": _cut,
}


def _change_case(text: str) -> str:
    return text.lower().rstrip(".!")


def _change_list(text: str) -> str:
    return re.sub(r"(?m)^(\s*)\d+[.)] ", r"\1- ", text)


def _turn_sentences(text: str) -> str:
    first, *rest = split_sentences(text)
    return " ".join([*rest, first]) if rest and text.count("\n") == 0 else text


def _group_digits(text: str) -> str:
    return re.sub(
        r"(?<!\d)(\d)(\d{3})(?!\d)", "\\1\u00a0\\2", text.replace(":00", ".00")
    )


HONEST: dict[str, Callable[[str], str]] = {
    "greeting": _add("Здравствуйте!", "Hello!", before=True),
    "closing": _add(
        "Если останутся вопросы, пишите.", "Feel free to ask if you have questions."
    ),
    "hope": _add("Надеюсь, это поможет!", "I hope this helps!"),
    "case and full stop": _change_case,
    "marks of a list": _change_list,
    "order of sentences": _turn_sentences,
    "digits in groups": _group_digits,
    "synonym": _swap(WORDS["synonyms"]),
    "opening": _add("Конечно! Вот ответ:", "Sure! Here is the answer:", before=True),
    "bold": lambda text: re.sub(
        r"\w{6,}", lambda word: f"**{word[0]}**", text, count=1
    ),
}


def judge_changed(
    change: Callable[[str], str], answers: Sequence[str]
) -> tuple[int, int, int, int]:
    """Return of the answers that a change concerns how many are right, unsure, shown, and all.

    Shown are those that `exact_first` with `else: model` lets pass: a shortened one is no fault.
    """
    changed = [(change(answer), answer) for answer in answers]
    changed = [pair for pair in changed if pair[0].strip() != pair[1].strip()][:ANSWERS]
    shown = sum(adds_nothing(*pair, least=MIN_SHARE) for pair in changed)
    judged = Counter(judge_wording(*pair) for pair in changed)
    return judged[Judgement.RIGHT], judged[Judgement.UNSURE], shown, len(changed)


def measure(answers: Sequence[str]) -> Iterator[Row]:
    """Yield group, kind, answers counted as right, unsure, shown, and changed."""
    for group, changes in (("spoilt", SPOILT), ("honest", HONEST)):
        for name, change in changes.items():
            yield (group, name, *judge_changed(change, answers))


def count_by_hand() -> Iterator[tuple[str, str, Counter[Judgement]]]:
    """Yield group, part and judgements of the answers written by hand."""
    for part, judged in read_yaml(BY_HAND).items():
        spoilt = [
            (text, each["taught"]) for each in judged for _, text in each["spoilt"]
        ]
        honest = [(text, each["taught"]) for each in judged for text in each["honest"]]
        for group, pairs in (("spoilt", spoilt), ("honest", honest)):
            yield group, part, Counter(judge_wording(*pair) for pair in pairs)


def run() -> None:
    """Print a row a kind, then the sums, and those of the answers written by hand."""
    print("answers | kind | right | unsure | shown by exact_first | of")
    rows = list(measure(read_answers()))
    for row in rows:
        print(" | ".join(map(str, row)))
    for group in ("spoilt", "honest"):
        sums = [
            sum(column)
            for column in zip(
                *(row[2:] for row in rows if row[0] == group), strict=True
            )
        ]
        print(group, *sums, sep=" | ")
    for group, part, judged in count_by_hand():
        print(group, part, *(f"{judged[each]} {each}" for each in Judgement), sep=" | ")
