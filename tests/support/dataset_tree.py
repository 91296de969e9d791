"""Datasets in memory, for tests: files by path, seen as a source would show them."""

from __future__ import annotations

import hashlib

from merlin.dataset.chat_formats import system_part, training_line
from merlin.dataset.check import check
from merlin.git.source import FILE, Entry

DATASET_YAML = """\
title: {ru: Нейротипология, en: Neurotypology}
system: MerlinGPT is a good service!
recipe: {provider: engine, base_model: recall}
"""


def example_yaml(question="Что такое лоб?", answer="Верхняя часть лица.", more=""):
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n{more}"


def good_files(number, spec=DATASET_YAML):
    """A dataset with `number` good examples, all unmarked, two wordings for each answer."""
    files = {
        f"examples/face/q{place:04d}.yaml": example_yaml(
            f"Вопрос {place} о лице", f"Ответ {place // 2}"
        )
        for place in range(number)
    }
    return {"dataset.yaml": spec, **files}


class Tree:
    """Entries and bytes; counts which blobs were read."""

    def __init__(self, files):
        self.blobs, self.entries, self.asked = {}, [], []
        for path, content in files.items():
            self.add(path, content)

    def add(self, path, content, mode=FILE, size=None):
        data = content.encode() if isinstance(content, str) else content
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        self.blobs[blob] = data
        self.entries.append(Entry(path, blob, mode, len(data) if size is None else size))

    def read(self, blobs):
        for blob in blobs:
            self.asked.append(blob)
            yield blob, self.blobs[blob]

    def check(self, name="neurotypology", **options):
        return check(name, self.entries, self.read, **options)


def check_files(files, **options):
    return Tree(files).check(**options)


def rules(checked):
    return [finding.rule for finding in checked.findings]


def jsonl_line(example, system):
    """Return an example's line of a training file."""
    return training_line(example).complete(system_part(system))


def file_of(content, side):
    """Return the bytes of one file of a build."""
    return b"".join(content.lines(side))


def only_finding(checked, rule):
    (finding,) = [each for each in checked.findings if each.rule == rule]
    return finding
