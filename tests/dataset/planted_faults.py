"""Sample examples with the faults of `lint_faults.yaml` planted, and how many of them are found.

The faults were written before the rules: they are variants of what people leave in examples, not
of the rules' patterns. A finding counts as right if it is of the planted rule and example.
"""

import hashlib
import random
import re
import string
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from merlin.core.i18n import detect_language
from merlin.core.messages import Message
from merlin.dataset.check import check
from merlin.dataset.example import Example, normalise
from merlin.dataset.example_file import write_example
from merlin.dataset.work_tree import find_folders, work_tree
from merlin.git.source import FILE, TreeEntry
from tests.support.machine import ROOT

HOSTS = {"ru": ("datasets",), "en": ("datasets-en", "datasets-lora")}
FAULTS = yaml.safe_load(Path(__file__).with_name("lint_faults.yaml").read_text("utf-8"))
RULES = {
    "ru": "Об этом сказано в правилах номер {}.",
    "en": "Rule number {} tells of it.",
}
OTHER = "Это сказано в другом месте. It is told in another place."
SPEC = b"title: {ru: A, en: A}\nsystem: S\nrecipe: {provider: engine, base_model: recall}\n"
_LETTERS = string.ascii_letters + string.digits


@dataclass
class Score:
    """Of one rule: planted faults, the texts that were missed, all findings, the wrong ones."""

    planted: int = 0
    missed: list[str] = field(default_factory=list)
    found: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class PlantedSet:
    """Examples with planted faults: (rule, path) -> the planted text."""

    examples: list[Example]
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, number, question, answer, split=None):
        """Add an example of two messages after those of the samples; return its path."""
        messages = (Message("user", question), Message("assistant", answer))
        path = f"examples/zz/{number}.yaml"
        self.examples.append(Example("", path, "", messages, split=split))
        return path


def measure(rounds):
    """Return the score of each rule after this number of rounds in each language."""
    scores = defaultdict(Score)
    for language in HOSTS:
        hosts = _load_hosts(language)
        for number in range(rounds):
            planted = _plant(hosts, language, number)
            _score(scores, planted, _check(planted.examples))
    return dict(scores)


def _plant(hosts, language, seed):
    """Return the examples with at most one fault each, chosen by the seed."""
    rng = random.Random(f"{language} {seed}")  # noqa: S311 - the same faults every time
    indices = list(range(len(hosts)))
    rng.shuffle(indices)
    planted = PlantedSet(list(hosts))
    faults = list(_list_faults(language, rng))
    rng.shuffle(faults)
    for index, (rule, words, is_whole) in zip(indices, faults, strict=False):
        host = hosts[index]
        answer = words if is_whole else _insert(host.answer, words, rng)
        messages = (*host.messages[:-1], replace(host.messages[-1], content=answer))
        planted.examples[index] = replace(host, messages=messages)
        if rule:
            planted.faults[rule, host.path] = words
    untouched = [hosts[index] for index in indices[len(faults) :]]
    _plant_wordings(planted, language, seed)
    _plant_pairs(planted, [host for host in untouched if host.split != "test"][-3:])
    return planted


def _list_faults(language, rng):
    """Yield rule ("": harmless), text, and whether it is the whole answer."""
    for rule, texts in FAULTS["sentences"].items():
        for template in texts[language]:
            yield rule, _fill(template, rng), False
    for rule, texts in FAULTS["answers"].items():
        for answer in texts[language]:
            yield rule, answer, True
    for sentence in FAULTS["harmless"][language]:
        yield "", sentence, False


def _fill(template, rng):
    """Return the template with its numbers, letters of a key (three or more ?) and digits."""
    numbers = FAULTS["numbers"]
    text = re.sub(r"\{(\w+)\}", lambda name: rng.choice(numbers[name[1]]), template)
    text = re.sub(
        r"\?{3,}", lambda run: "".join(rng.choices(_LETTERS, k=len(run[0]))), text
    )
    return re.sub("#", lambda _: str(rng.randrange(10)), text)


def _insert(answer, sentence, rng):
    if rng.random() < 0.5:
        return f"{sentence}\n{answer}"
    return f"{answer.rstrip()}\n\n{sentence}\nOK."


def _plant_wordings(planted, language, seed):
    """Add questions, one near wording of each, and pairs that are only similar."""
    for number, (question, *variants) in enumerate(FAULTS["wordings"][language]):
        answer = RULES[language].format(number)
        variant = variants[seed % len(variants)]
        is_test = (seed // len(variants) + number) % 2 == 1
        planted.add(number * 10, question, answer)
        split = "test" if is_test else None
        path = planted.add(number * 10 + 1, variant, answer, split)
        rule = "near-leak" if is_test else "near-duplicate"
        is_same = normalise(variant) == normalise(question)
        planted.faults["duplicate" if is_same else rule, path] = variant
    for number, pair in enumerate(FAULTS["unlike"][language]):
        for side, question in enumerate(pair):
            answer = RULES[language].format(100 + side)
            planted.add(1000 + number * 10 + side, question, answer)


def _plant_pairs(planted, hosts):
    """Add a duplicate, a leak and a contradiction, from three examples."""
    duplicated, leaked, contradicted = hosts
    path = planted.add(2000, duplicated.question, duplicated.answer)
    twin = planted.examples[-1]
    same = {"messages": duplicated.messages, "tools": duplicated.tools}
    planted.examples[-1] = replace(twin, **same)
    planted.faults["duplicate", path] = "the same twice"
    path = planted.add(2001, leaked.question, OTHER, "test")
    planted.faults["leak", path] = "leak"
    path = planted.add(2002, contradicted.question, OTHER)
    planted.faults["contradiction", path] = "other"


def _score(scores, planted, checked):
    findings = {(finding.rule, finding.path): finding for finding in checked.findings}
    for (rule, path), words in planted.faults.items():
        scores[rule].planted += 1
        if (rule, path) not in findings:
            scores[rule].missed.append(words)
    for (rule, path), finding in findings.items():
        scores[rule].found += 1
        if (rule, path) not in planted.faults:
            scores[rule].wrong.append(f"{path} {dict(finding.arguments)}")


def _check(examples):
    """Check the examples as files in memory."""
    files = {example.path: write_example(example).encode() for example in examples}
    files["dataset.yaml"] = SPEC
    blobs = {}
    entries = []
    for path, content in files.items():
        blob = hashlib.sha256(content).hexdigest()
        blobs[blob] = content
        entries.append(TreeEntry(path, blob, FILE, len(content)))
    return check(
        "planted", entries, lambda asked: ((blob, blobs[blob]) for blob in asked)
    )


def check_shipped(*places):
    """Yield the name and the check of each sample dataset in these folders."""
    for place in places:
        for folder in find_folders([ROOT / place]):
            yield folder.name, check(folder.name, *work_tree(folder.path))


def _load_hosts(language):
    """Return the sample examples of a language as one dataset, without those with findings."""
    hosts = []
    for name, checked in check_shipped(*HOSTS[language]):
        for example in checked.examples:
            path = example.path.replace("/", f"/{name}/", 1)
            hosts.append(replace(example, path=path))
    faulty = {finding.path for finding in _check(hosts).findings}
    # A sentence of another language in an answer would be a fault.
    languages = {language, ""}
    sound = [host for host in hosts if host.path not in faulty]
    return [host for host in sound if detect_language(host.answer) in languages]
