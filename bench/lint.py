"""Measure recall and precision of the lint rules with injected faults.

Each round takes the sample examples of one language, injects as many faults of `lint_faults.yaml`
as fit, adds harmless sentences to other examples, and checks the result as the daemon does. The
faults were written and committed before the rules: they are variants of what people leave in
examples, not of the rules' patterns. However, the same person wrote both.

Recall: injected faults that are found / all injected. Precision: findings of a rule that were
injected / all its findings.
"""

import hashlib
import random
import re
import string
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from merlin.core.i18n import detect_language
from merlin.core.messages import Message
from merlin.dataset.check import CheckedDataset, check
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import write_example
from merlin.dataset.finding import Severity
from merlin.dataset.work_tree import find_folders, work_tree
from merlin.git.source import FILE, TreeEntry

ROOT = Path(__file__).parents[1]
HOSTS = {"ru": ("datasets",), "en": ("datasets-en", "datasets-lora")}
FAULTS = yaml.safe_load(Path(__file__).with_name("lint_faults.yaml").read_text("utf-8"))
ROUNDS = 20
_LETTERS = string.ascii_letters + string.digits
RECALL = 0.95
FALSE_ALARMS = 0.01
SPEC = b"title: {ru: A, en: A}\nsystem: S\nrecipe: {provider: engine, base_model: recall}\n"


@dataclass
class Score:
    """Counts of one rule: injected faults, those found, and all findings."""

    planted: int = 0
    hits: int = 0
    found: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Return the share of injected faults that were found."""
        return self.hits / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """Return the share of findings that were injected."""
        return self.hits / self.found if self.found else 1.0


@dataclass
class PlantedSet:
    """Examples with injected faults: (rule, path) -> the injected text."""

    examples: list[Example]
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(
        self, number: int, question: str, answer: str, split: str | None = None
    ) -> Example:
        """Add an example of two messages; its path sorts after those of the samples."""
        messages = (Message("user", question), Message("assistant", answer))
        example = Example("", f"examples/zz/{number}.yaml", "", messages, split=split)
        self.examples.append(example)
        return example


def run() -> None:
    """Print recall and precision of each rule, and the false alarms in each sample dataset."""
    scores = measure(ROUNDS)
    print(f"{'rule':18} {'planted':>8} {'recall':>7} {'precision':>9}")
    for rule, score in sorted(scores.items()):
        print(f"{rule:18} {score.planted:8} {score.recall:7.3f} {score.precision:9.3f}")
        for words in sorted(set(score.missed))[:5]:
            print(f"    missed: {words[:100]!r}")
        for words in sorted(set(score.wrong))[:5]:
            print(f"    wrong: {words[:100]}")
    alarms = {
        f"{place}/{name}": _count_warnings(place, name) for place, name in _shipped()
    }
    for name, (warned, examples) in alarms.items():
        print(f"{name}: {warned} of {examples} examples with a warning")
    warned, examples = (sum(counts) for counts in zip(*alarms.values(), strict=True))
    least = min(score.recall for score in scores.values())
    print(
        f"least recall {least:.3f} (demand {RECALL}); {warned} of {examples} false alarms"
    )
    if least < RECALL or warned > FALSE_ALARMS * examples:
        sys.exit("the demand is missed")


def measure(rounds: int) -> dict[str, Score]:
    """Return the score of each rule after this number of rounds in each language."""
    scores: dict[str, Score] = defaultdict(Score)
    for language in HOSTS:
        hosts = _load_hosts(language)
        for number in range(rounds):
            planted = plant(hosts, language, number)
            _score(scores, planted, _check_examples(planted.examples))
    return dict(scores)


def plant(hosts: Sequence[Example], language: str, seed: int) -> PlantedSet:
    """Return the examples with at most one fault each, chosen by the seed."""
    rng = random.Random(f"{language} {seed}")  # noqa: S311 - the same faults every time
    indices = list(range(len(hosts)))
    rng.shuffle(indices)
    planted = PlantedSet(list(hosts))
    faults = _list_faults(language, rng)
    rng.shuffle(faults)
    for index, (rule, words, is_whole) in zip(indices, faults, strict=False):
        host = hosts[index]
        answer = words if is_whole else _insert(host.answer, words, rng)
        messages = (*host.messages[:-1], replace(host.messages[-1], content=answer))
        planted.examples[index] = replace(host, messages=messages)
        if rule:
            planted.faults[rule, host.path] = words
    untouched = [
        hosts[index] for index in indices[len(faults) :] if hosts[index].split != "test"
    ]
    _plant_questions(planted, language, seed)
    _plant_pairs(planted, untouched[-3:])
    return planted


def _list_faults(language: str, rng: random.Random) -> list[tuple[str, str, bool]]:
    """Return rule ("": harmless), text, and whether it is the whole answer."""
    return [
        *(
            (rule, _fill(template, rng), False)
            for rule, texts in FAULTS["sentences"].items()
            for template in texts[language]
        ),
        *(
            (rule, answer, True)
            for rule, texts in FAULTS["answers"].items()
            for answer in texts[language]
        ),
        *(("", sentence, False) for sentence in FAULTS["harmless"][language]),
    ]


def _insert(answer: str, sentence: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return f"{sentence}\n{answer}"
    return f"{answer.rstrip()}\n\n{sentence}\nOK."


def _plant_questions(planted: PlantedSet, language: str, seed: int) -> None:
    """Add questions, one near wording of each, and pairs that are only similar."""
    answer = {
        "ru": "Об этом сказано в правилах номер {}.",
        "en": "Rule number {} tells of it.",
    }
    for number, (question, *variants) in enumerate(FAULTS["wordings"][language]):
        answer_text = answer[language].format(number)
        variant = variants[seed % len(variants)]
        is_test = (seed // len(variants) + number) % 2 == 1
        planted.add(number * 10, question, answer_text)
        near = planted.add(
            number * 10 + 1, variant, answer_text, "test" if is_test else None
        )
        rule = "near-leak" if is_test else "near-duplicate"
        is_same = normalise(variant) == normalise(question)
        planted.faults["duplicate" if is_same else rule, near.path] = variant
    for number, pair in enumerate(FAULTS["unlike"][language]):
        for side, question in enumerate(pair):
            planted.add(
                1000 + number * 10 + side, question, answer[language].format(100 + side)
            )


def _plant_pairs(planted: PlantedSet, hosts: Sequence[Example]) -> None:
    """Add a duplicate, a leak and a contradiction, from three examples."""
    duplicated, leaked, contradicted = hosts
    twin = planted.add(2000, duplicated.question, duplicated.answer)
    planted.examples[-1] = replace(
        twin, messages=duplicated.messages, tools=duplicated.tools
    )
    planted.faults["duplicate", twin.path] = "the same twice"
    other = "Это сказано в другом месте. It is told in another place."
    planted.faults["leak", planted.add(2001, leaked.question, other, "test").path] = (
        "leak"
    )
    planted.faults[
        "contradiction", planted.add(2002, contradicted.question, other).path
    ] = "other"


def _score(
    scores: dict[str, Score], planted: PlantedSet, checked: CheckedDataset
) -> None:
    findings = {(finding.rule, finding.path): finding for finding in checked.findings}
    for (rule, path), words in planted.faults.items():
        scores[rule].planted += 1
        scores[rule].hits += (rule, path) in findings
        if (rule, path) not in findings:
            scores[rule].missed.append(words)
    for (rule, path), finding in findings.items():
        scores[rule].found += 1
        if (rule, path) not in planted.faults:
            scores[rule].wrong.append(f"{path} {dict(finding.arguments)}")


def _check_examples(examples: Sequence[Example]) -> CheckedDataset:
    """Check the examples as files in memory."""
    files = {example.path: write_example(example).encode() for example in examples}
    files["dataset.yaml"] = SPEC
    blobs = {hashlib.sha256(content).hexdigest(): content for content in files.values()}
    entries = [
        TreeEntry(path, hashlib.sha256(content).hexdigest(), FILE, len(content))
        for path, content in files.items()
    ]
    return check(
        "planted", entries, lambda asked: ((blob, blobs[blob]) for blob in asked)
    )


def _shipped() -> list[tuple[str, str]]:
    places = sorted({place for shipped in HOSTS.values() for place in shipped})
    return [
        (place, folder.name)
        for place in places
        for folder in find_folders([ROOT / place])
    ]


def _load_hosts(language: str) -> list[Example]:
    """Return the sample examples of a language as one dataset, without those with findings."""
    hosts: list[Example] = []
    for place, name in _shipped():
        if place in HOSTS[language]:
            hosts += [
                replace(example, path=example.path.replace("/", f"/{name}/", 1))
                for example in _check_shipped(place, name).examples
            ]
    paths_with_findings = {finding.path for finding in _check_examples(hosts).findings}
    languages = {
        language,
        "",
    }  # a sentence of another language in an answer would be a fault
    return [
        host
        for host in hosts
        if host.path not in paths_with_findings
        and detect_language(host.answer) in languages
    ]


def _count_warnings(place: str, name: str) -> tuple[int, int]:
    """Return the number of examples with a warning, and of all examples."""
    checked = _check_shipped(place, name)
    warned = {
        finding.path
        for finding in checked.findings
        if finding.severity is not Severity.NOTE
    }
    return len(warned), len(checked.examples)


def _check_shipped(place: str, name: str) -> CheckedDataset:
    entries, read = work_tree(ROOT / place / name)
    return check(name, entries, read)


def _fill(template: str, rng: random.Random) -> str:
    """Return the template with its digits, letters and numbers filled in."""
    numbers = _numbers(rng) if "{" in template else {}
    text = re.sub(r"\{(\w+)\}", lambda match: numbers[match.group(1)], template)
    # Three or more question marks are a key.
    text = re.sub(
        r"\?{3,}", lambda run: "".join(rng.choices(_LETTERS, k=len(run[0]))), text
    )
    return re.sub("#", lambda _: str(rng.randrange(10)), text)


def _numbers(rng: random.Random) -> dict[str, str]:
    card = _luhn(rng.choice(("427638", "553691", "676280", "515243")) + _digits(rng, 9))
    mir = _luhn("220220" + _digits(rng, 9))
    american = _luhn("3714" + _digits(rng, 10))
    snils = _add_snils_check(rng.choice("123456789") + _digits(rng, 8))
    tax12 = _add_inn_check("77" + _digits(rng, 8))
    tax10 = _add_inn_check("7707" + _digits(rng, 5), long=False)
    encoded = "".join(rng.choices(_LETTERS, k=90))
    return {
        "card": card,
        "card4": _grouped(card, " "),
        "card_dashed": _grouped(card, "-"),
        "card_wide": _grouped(card, "\u00a0"),
        "card19": _luhn("639002" + _digits(rng, 12)),
        "mir4": _grouped(mir, " "),
        "amex": f"{american[:4]} {american[4:10]} {american[10:]}",
        "snils": f"{snils[:3]}-{snils[3:6]}-{snils[6:9]} {snils[9:]}",
        "snils_plain": snils,
        "snils_dashed": f"{snils[:3]}-{snils[3:6]}-{snils[6:9]}-{snils[9:]}",
        "snils_blank": f"{snils[:3]} {snils[3:6]} {snils[6:9]} {snils[9:]}",
        "inn12": tax12,
        "inn10": tax10,
        "aws_id": "AKIA"
        + "".join(rng.choices(string.ascii_uppercase + "234567", k=16)),
        "jwt": f"eyJ{encoded[:17]}.eyJ{encoded[17:50]}.{encoded[50:]}",
    }


def _digits(rng: random.Random, count: int) -> str:
    """Return random digits."""
    return "".join(rng.choices(string.digits, k=count))


def _grouped(number: str, between: str) -> str:
    """Return the number in groups of four."""
    return between.join(number[at : at + 4] for at in range(0, len(number), 4))


def _luhn(number: str) -> str:
    """Return the number with its check digit (ISO/IEC 7812-1)."""
    doubled = [
        int(digit) * (2 if index % 2 == 0 else 1)
        for index, digit in enumerate(number[::-1])
    ]
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return number + str(-total % 10)


def _add_snils_check(number: str) -> str:
    """Return nine digits with the two check digits of a SNILS."""
    total = sum(int(digit) * (9 - index) for index, digit in enumerate(number)) % 101
    return f"{number}{total % 100:02}"


def _add_inn_check(number: str, *, long: bool = True) -> str:
    """Return nine or ten digits with the check digits of an INN."""
    weights = ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
    for weights_row in weights if long else ((2, 4, 10, 3, 5, 9, 4, 6, 8),):
        total = sum(
            int(digit) * weight
            for digit, weight in zip(number, weights_row, strict=True)
        )
        number += str(total % 11 % 10)
    return number
