"""What the lint finds of planted faults, and what it finds where there are none.

Each round takes the shipped examples of one language, plants every fault of `bench.lint_faults`
that it has room for, puts harmless sentences into others, and checks the set as the daemon does.
The faults were written and committed before the rules that look for them: they are variants of
what people leave in examples, not of the rules' patterns. Still one person wrote both lists.

Recall: planted faults that are found / planted. Precision: findings of a rule that were planted /
all its findings in the set.
"""

from __future__ import annotations

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
from merlin.core.messages import Message
from merlin.dataset.check import CheckedDataset, check
from merlin.dataset.example import Example, normalise, write_example
from merlin.dataset.finding import Severity
from merlin.dataset.lint import lint_dataset, lint_example
from merlin.dataset.work_tree import folders, work_tree
from merlin.git.source import FILE, Entry

ROOT = Path(__file__).parents[1]
HOSTS = {"ru": ("datasets",), "en": ("datasets-en", "datasets-lora")}
ROUNDS = 20
RECALL, FALSE_ALARMS = 0.95, 0.01
SPEC = b"title: {ru: A, en: A}\nsystem: S\nrecipe: {provider: engine, base_model: recall}\n"
# Of all of a set: planted apart (`_plant_habits`).
HABITS = ("one-sided-tags", "single-tags", "single-wordings")


@dataclass
class Score:
    """Of one rule: how many were planted, found of these, and found in all."""

    planted: int = 0
    hits: int = 0
    found: int = 0
    missed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Return the share of the planted that was found."""
        return self.hits / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """Return the share of the found that was planted."""
        return self.hits / self.found if self.found else 1.0


@dataclass
class PlantedSet:
    """Examples, and what must be found in them: (rule, path) -> the planted words."""

    examples: list[Example]
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, number: int, question: str, answer: str, split: str | None = None) -> Example:
        """Add an example of two messages; it comes after the shipped ones by its path."""
        said = (Message("user", question), Message("assistant", answer))
        example = Example("", f"examples/zz/{number}.yaml", "", said, split=split)
        self.examples.append(example)
        return example


def run() -> None:
    """Print recall and precision of each rule, and the false alarms of each shipped set."""
    scores = measure(ROUNDS)
    print(f"{'rule':18} {'planted':>8} {'recall':>7} {'precision':>9}")
    for rule, score in sorted(scores.items()):
        print(f"{rule:18} {score.planted:8} {score.recall:7.3f} {score.precision:9.3f}")
        for words in sorted(set(score.missed))[:5]:
            print(f"    missed: {words[:100]!r}")
        for words in sorted(set(score.wrong))[:5]:
            print(f"    wrong: {words[:100]}")
    alarms = {f"{place}/{name}": _alarms(place, name) for place, name in _shipped()}
    for name, (warned, examples) in alarms.items():
        print(f"{name}: {warned} of {examples} examples with a warning")
    warned, examples = (sum(each) for each in zip(*alarms.values(), strict=True))
    _time()
    least = min(score.recall for score in scores.values())
    print(f"least recall {least:.3f} (demand {RECALL}); {warned} of {examples} false alarms")
    if least < RECALL or warned > FALSE_ALARMS * examples:
        sys.exit("the demand is missed")


def _time() -> None:
    """Print what the lint costs on made-up examples (those of `bench.dataset`)."""
    many = [
        Example(
            f"e{number}",
            f"examples/e{number}.yaml",
            "",
            (Message("user", question), Message("assistant", answer)),
            marks=((2, 5), (3, 5)),
        )
        for number, (question, answer) in enumerate(make_turns(100_000))
    ]
    index = _checked(many).index
    assert index is not None
    alone, together = [], []
    for _ in range(5):
        started_at = time.perf_counter()
        for example in many[:10_000]:
            lint_example(example)
        alone.append((time.perf_counter() - started_at) * 100)
        started_at = time.perf_counter()
        assert len(list(lint_dataset(index, None))) < len(many)
        together.append(time.perf_counter() - started_at)
    print(line("lint_example, an example of 10,000", alone, "µs"))
    print(line(f"lint_dataset, {len(many)} examples", together))


def measure(rounds: int) -> dict[str, Score]:
    """Return the score of each rule over so many rounds in each language."""
    scores: dict[str, Score] = defaultdict(Score)
    for language in HOSTS:
        hosts = _hosts(language)
        for number in range(rounds):
            planted = plant(hosts, language, number)
            _score(scores, planted, _checked(planted.examples))
            _score_habits(scores, language, number)
    return dict(scores)


def plant(hosts: Sequence[Example], language: str, seed: int) -> PlantedSet:
    """Return the hosts with faults, each at most one, by the seed."""
    rng = random.Random(f"{language} {seed}")  # noqa: S311 - the same faults every time
    places = list(range(len(hosts)))
    rng.shuffle(places)
    planted = PlantedSet(list(hosts))
    faults = [*_sentences(language, rng), *_answers(language), *_harmless(language)]
    rng.shuffle(faults)
    for place, (rule, words, is_whole) in zip(places, faults, strict=False):
        host = hosts[place]
        answer = words if is_whole else _insert(host.answer, words, rng)
        said = (*host.messages[:-1], replace(host.messages[-1], content=answer))
        planted.examples[place] = replace(host, messages=said)
        if rule:
            planted.faults[rule, host.path] = words
    untouched = [hosts[place] for place in places[len(faults) :] if hosts[place].split != "test"]
    _plant_questions(planted, language, seed)
    _plant_pairs(planted, untouched[-4:])
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
    """Add questions, one near wording of each, and pairs that only look alike."""
    answer = {"ru": "Об этом сказано в правилах номер {}.", "en": "Rule number {} tells of it."}
    for number, (question, *variants) in enumerate(WORDINGS[language]):
        told = answer[language].format(number)
        variant = variants[seed % len(variants)]
        is_test = (seed // len(variants) + number) % 2 == 1
        planted.add(number * 10, question, told)
        near = planted.add(number * 10 + 1, variant, told, "test" if is_test else None)
        rule = "near-leak" if is_test else "near-duplicate"
        is_same = normalise(variant) == normalise(question)
        planted.faults["duplicate" if is_same else rule, near.path] = variant
    for number, pair in enumerate(UNLIKE[language]):
        for side, question in enumerate(pair):
            planted.add(1000 + number * 10 + side, question, answer[language].format(100 + side))


def _plant_pairs(planted: PlantedSet, hosts: Sequence[Example]) -> None:
    """Add a duplicate, a leak, a contradiction and a foreign system text of four hosts."""
    same, taught, answered, told = hosts
    twin = planted.add(2000, same.question, same.answer)
    planted.examples[-1] = replace(twin, messages=same.messages, tools=same.tools)
    planted.faults["duplicate", twin.path] = "the same twice"
    other = "Это сказано в другом месте. It is told in another place."
    planted.faults["leak", planted.add(2001, taught.question, other, "test").path] = "leak"
    planted.faults["contradiction", planted.add(2002, answered.question, other).path] = "other"
    place = next(at for at, each in enumerate(planted.examples) if each.path == told.path)
    said = (Message("system", "Answer in verse."), *told.messages)
    planted.examples[place] = replace(told, messages=said)
    planted.faults["own-system", told.path] = "verse"


def _score(scores: dict[str, Score], planted: PlantedSet, checked: CheckedDataset) -> None:
    found = {(each.rule, each.path): each for each in checked.findings}
    for (rule, path), words in planted.faults.items():
        scores[rule].planted += 1
        scores[rule].hits += (rule, path) in found
        if (rule, path) not in found:
            scores[rule].missed.append(words)
    for (rule, path), finding in found.items():
        if rule not in HABITS:
            scores[rule].found += 1
            if (rule, path) not in planted.faults:
                scores[rule].wrong.append(f"{path} {dict(finding.arguments)}")


def _score_habits(scores: dict[str, Score], language: str, seed: int) -> None:
    """Check sets that have a habit of their own or have none, by turns."""
    rng = random.Random(f"{language} {seed} habits")  # noqa: S311 - the same sets every time
    for rule in ("", *HABITS):
        size = rng.randrange(60, 120)
        subject = {"ru": "Правило", "en": "Rule"}[language]
        planted = PlantedSet([])
        for number in range(size):
            is_alone = rule == "single-wordings" and rng.random() < 0.5
            answer = f"{subject} {number if is_alone else 1000 + number // 2}."
            example = planted.add(number, f"{subject} {number}?", answer)
            tag = "one" if rule == "one-sided-tags" and number % 10 else f"tag{number % 4}"
            tag = "lonely" if rule == "single-tags" and number == 7 else tag
            planted.examples[-1] = replace(example, tags=(tag,))
        found = {finding.rule for finding in _checked(planted.examples).findings} & set(HABITS)
        for habit in HABITS:
            scores[habit].planted += habit == rule
            scores[habit].found += habit in found
            scores[habit].hits += habit == rule and habit in found


def _checked(examples: Sequence[Example]) -> CheckedDataset:
    """Return what the check says of the examples as files in memory."""
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
    return [(place, folder.name) for place in places for folder in folders(ROOT / place)]


def _hosts(language: str) -> list[Example]:
    """Return the shipped examples of the language as one dataset, without what twins make."""
    hosts: list[Example] = []
    for place, name in _shipped():
        if place in HOSTS[language]:
            hosts += [
                replace(example, path=example.path.replace("/", f"/{name}/", 1))
                for example in _check_shipped(place, name).examples
            ]
    found = {finding.path for finding in _checked(hosts).findings}
    return [host for host in hosts if host.path not in found]


def _alarms(place: str, name: str) -> tuple[int, int]:
    """Return how many examples have a warning, and how many there are."""
    checked = _check_shipped(place, name)
    warned = {finding.path for finding in checked.findings if finding.severity is not Severity.NOTE}
    return len(warned), len(checked.examples)


def _check_shipped(place: str, name: str) -> CheckedDataset:
    entries, read = work_tree(ROOT / place / name, 1_000_000)
    return check(name, entries, read)
