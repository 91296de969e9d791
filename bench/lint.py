"""Measure recall and precision of the lint rules with injected faults.

Each round takes the sample examples of one language, injects as many faults of `bench.lint_faults`
as fit, adds harmless sentences to other examples, and checks the result as the daemon does. The
faults were written and committed before the rules: they are variants of what people leave in
examples, not of the rules' patterns. However, the same person wrote both.

Recall: injected faults that are found / all injected. Precision: findings of a rule that were
injected / all its findings.
"""

import hashlib
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.dataset import make_turns
from bench.figures import line
from bench.lint_faults import ANSWERS, HARMLESS, SENTENCES, UNLIKE, WORDINGS, fill
from merlin.core.i18n import detect_language
from merlin.core.messages import Message
from merlin.dataset.check import CheckedDataset, check
from merlin.dataset.example import Example, normalise, write_example
from merlin.dataset.finding import Severity
from merlin.dataset.lint import lint_example
from merlin.dataset.work_tree import find_folders, work_tree
from merlin.git.source import FILE, Entry

ROOT = Path(__file__).parents[1]
HOSTS = {"ru": ("datasets",), "en": ("datasets-en", "datasets-lora")}
ROUNDS = 20
RECALL, FALSE_ALARMS = 0.95, 0.01
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

    def add(self, number: int, question: str, answer: str, split: str | None = None) -> Example:
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
    alarms = {f"{place}/{name}": _count_warnings(place, name) for place, name in _shipped()}
    for name, (warned, examples) in alarms.items():
        print(f"{name}: {warned} of {examples} examples with a warning")
    warned, examples = (sum(counts) for counts in zip(*alarms.values(), strict=True))
    _print_times()
    least = min(score.recall for score in scores.values())
    print(f"least recall {least:.3f} (demand {RECALL}); {warned} of {examples} false alarms")
    if least < RECALL or warned > FALSE_ALARMS * examples:
        sys.exit("the demand is missed")


def _print_times() -> None:
    """Print the time of the lint on generated examples (those of `bench.dataset`)."""
    examples = [
        Example(
            f"e{number}",
            f"examples/e{number}.yaml",
            "",
            (Message("user", question), Message("assistant", answer)),
            marks=((2, 5), (3, 5)),
        )
        for number, (question, answer) in enumerate(make_turns(100_000))
    ]
    per_example_us = []
    for _ in range(5):
        started_at = time.perf_counter()
        for example in examples[:10_000]:
            lint_example(example)
        per_example_us.append((time.perf_counter() - started_at) * 100)
    print(line("lint_example, an example of 10,000", per_example_us, "µs"))


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
    faults = [*_sentences(language, rng), *_answers(language), *_harmless(language)]
    rng.shuffle(faults)
    for index, (rule, words, is_whole) in zip(indices, faults, strict=False):
        host = hosts[index]
        answer = words if is_whole else _insert(host.answer, words, rng)
        messages = (*host.messages[:-1], replace(host.messages[-1], content=answer))
        planted.examples[index] = replace(host, messages=messages)
        if rule:
            planted.faults[rule, host.path] = words
    untouched = [hosts[index] for index in indices[len(faults) :] if hosts[index].split != "test"]
    _plant_questions(planted, language, seed)
    _plant_pairs(planted, untouched[-3:])
    return planted


def _sentences(language: str, rng: random.Random) -> Iterator[tuple[str, str, bool]]:
    for rule, texts in SENTENCES.items():
        for template in texts[language]:
            yield rule, fill(template, rng), False


def _answers(language: str) -> Iterator[tuple[str, str, bool]]:
    for rule, texts in ANSWERS.items():
        for answer in texts[language]:
            yield rule, answer, True


def _harmless(language: str) -> Iterator[tuple[str, str, bool]]:
    for sentence in HARMLESS[language]:
        yield "", sentence, False


def _insert(answer: str, sentence: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return f"{sentence}\n{answer}"
    return f"{answer.rstrip()}\n\n{sentence}\nOK."


def _plant_questions(planted: PlantedSet, language: str, seed: int) -> None:
    """Add questions, one near wording of each, and pairs that are only similar."""
    answer = {"ru": "Об этом сказано в правилах номер {}.", "en": "Rule number {} tells of it."}
    for number, (question, *variants) in enumerate(WORDINGS[language]):
        answer_text = answer[language].format(number)
        variant = variants[seed % len(variants)]
        is_test = (seed // len(variants) + number) % 2 == 1
        planted.add(number * 10, question, answer_text)
        near = planted.add(number * 10 + 1, variant, answer_text, "test" if is_test else None)
        rule = "near-leak" if is_test else "near-duplicate"
        is_same = normalise(variant) == normalise(question)
        planted.faults["duplicate" if is_same else rule, near.path] = variant
    for number, pair in enumerate(UNLIKE[language]):
        for side, question in enumerate(pair):
            planted.add(1000 + number * 10 + side, question, answer[language].format(100 + side))


def _plant_pairs(planted: PlantedSet, hosts: Sequence[Example]) -> None:
    """Add a duplicate, a leak and a contradiction, from three examples."""
    duplicated, leaked, contradicted = hosts
    twin = planted.add(2000, duplicated.question, duplicated.answer)
    planted.examples[-1] = replace(twin, messages=duplicated.messages, tools=duplicated.tools)
    planted.faults["duplicate", twin.path] = "the same twice"
    other = "Это сказано в другом месте. It is told in another place."
    planted.faults["leak", planted.add(2001, leaked.question, other, "test").path] = "leak"
    planted.faults["contradiction", planted.add(2002, contradicted.question, other).path] = "other"


def _score(scores: dict[str, Score], planted: PlantedSet, checked: CheckedDataset) -> None:
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
        Entry(path, hashlib.sha256(content).hexdigest(), FILE, len(content))
        for path, content in files.items()
    ]
    return check("planted", entries, lambda asked: ((blob, blobs[blob]) for blob in asked))


def _shipped() -> list[tuple[str, str]]:
    places = sorted({place for shipped in HOSTS.values() for place in shipped})
    return [(place, folder.name) for place in places for folder in find_folders([ROOT / place])]


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
    languages = {language, ""}  # a sentence of another language in an answer would be a fault
    return [
        host
        for host in hosts
        if host.path not in paths_with_findings and detect_language(host.answer) in languages
    ]


def _count_warnings(place: str, name: str) -> tuple[int, int]:
    """Return the number of examples with a warning, and of all examples."""
    checked = _check_shipped(place, name)
    warned = {finding.path for finding in checked.findings if finding.severity is not Severity.NOTE}
    return len(warned), len(checked.examples)


def _check_shipped(place: str, name: str) -> CheckedDataset:
    entries, read = work_tree(ROOT / place / name)
    return check(name, entries, read)
