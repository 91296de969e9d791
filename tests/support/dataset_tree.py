"""Datasets in memory: files by path, in the form a git source lists them."""

import hashlib

from merlin.dataset.chat_formats import training_line
from merlin.dataset.check import check
from merlin.git.source import FILE, TreeEntry

DATASET_YAML = """\
title: {ru: Нейротипология, en: Neurotypology}
system: MerlinGPT is a good service!
recipe: {provider: engine, base_model: recall}
gate: none
"""


def example_yaml(question="Что такое лоб?", answer="Верхняя часть лица.", more=""):
    return f"messages:\n  - user: {question}\n  - assistant: {answer}\n{more}"


def make_good_files(number, spec=DATASET_YAML):
    """Return a dataset with `number` valid examples without a split; two questions share each
    answer."""
    files = {
        f"examples/face/q{index:04d}.yaml": example_yaml(
            f"Вопрос {index} о лице", f"Ответ {index // 2}"
        )
        for index in range(number)
    }
    return {"dataset.yaml": spec, **files}


class FileTree:
    """Git entries and their bytes; records which blobs were read."""

    def __init__(self, files):
        self.blobs = {}
        self.entries = []
        self.read_blobs = []
        for path, content in files.items():
            self.add(path, content)

    def add(self, path, content, mode=FILE, size=None):
        data = content.encode() if isinstance(content, str) else content
        blob = hashlib.sha1(
            b"blob %d\0" % len(data) + data, usedforsecurity=False
        ).hexdigest()
        self.blobs[blob] = data
        self.entries.append(
            TreeEntry(path, blob, mode, len(data) if size is None else size)
        )

    def read(self, blobs):
        for blob in blobs:
            self.read_blobs.append(blob)
            yield blob, self.blobs[blob]

    def check(self, name="neurotypology", **options):
        return check(name, self.entries, self.read, **options)


def check_files(files, **options):
    return FileTree(files).check(**options)


def check_with(**more):
    """Return the check of 60 good examples and of these, by their names."""
    files = {f"examples/z/{name}.yaml": text for name, text in more.items()}
    return check_files({**make_good_files(60), **files})


def finding_rules(checked):
    return [finding.rule for finding in checked.findings]


def make_training_line(example, system):
    """Return an example's line of a training file."""
    return training_line(example, system)


def read_build_file(content, side):
    """Return the bytes of one file of a build."""
    return b"".join(content.lines(side))


def only_finding(checked, rule):
    (match,) = [finding for finding in checked.findings if finding.rule == rule]
    return match
