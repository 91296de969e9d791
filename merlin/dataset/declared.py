"""Reading `dataset.yaml` and `course.yaml`: bytes to values, or findings.

A wrong dataset.yaml stops the build, because nothing says how to train. A wrong course.yaml
does not: the course card stays as it was, the model has no need of it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from merlin.dataset import naming
from merlin.dataset.finding import Finding, short
from merlin.dataset.judging import judge
from merlin.dataset.layout import COURSE_FILE, DATASET_FILE, MATERIALS
from merlin.dataset.reading import Node, read
from merlin.dataset.spec import CourseSpec, DatasetSpec, course_spec, dataset_spec


def read_dataset(name: str, content: bytes | None) -> tuple[DatasetSpec | None, list[Finding]]:
    """Return what dataset.yaml says of the dataset `name`; content None: there is no such file."""
    if content is None:
        return None, [Finding(DATASET_FILE, 1, 1, "missing-dataset")]
    if not naming.is_good(name):
        arguments = {"name": short(name), "proposed": naming.proposed(name)}
        return None, [Finding(DATASET_FILE, 1, 1, "bad-dataset-name", arguments=arguments)]
    node = read(content)
    if isinstance(node, Finding):
        return None, [node.at(DATASET_FILE)]
    value, found = judge("dataset", node)
    findings = [each.at(DATASET_FILE) for each in found or _empty_system(node, value)]
    return (None if findings else dataset_spec(name, value)), findings


def read_course(
    content: bytes | None, materials: Collection[str]
) -> tuple[CourseSpec | None, list[Finding]]:
    """Return what course.yaml says; `materials` are the paths below materials/ that can be read.

    A dataset without a course has no such file (content None) and no finding.
    """
    if content is None:
        return None, []
    node = read(content)
    if isinstance(node, Finding):
        return None, [node.at(COURSE_FILE)]
    value, found = judge("course", node)
    findings = [each.at(COURSE_FILE) for each in found or _missing_texts(node, value, materials)]
    return (None if findings else course_spec(value)), findings


def _empty_system(node: Node, value: Any) -> list[Finding]:
    inside: Any = node.value
    where = inside["system"]
    if value["system"].strip():
        return []
    return [Finding("", where.line, where.column, "empty-content", arguments={"role": "system"})]


def _missing_texts(node: Node, value: Any, materials: Collection[str]) -> list[Finding]:
    """Return a finding for each text of a material that does not lie below materials/."""
    inside: Any = node.value
    findings = []
    for place, material in enumerate(value.get("materials", ())):
        text = material.get("text", "")
        if text and not (text in materials and text.endswith(".md")):
            where = inside["materials"].value[place].value["text"]
            arguments = {"text": short(text), "folder": MATERIALS}
            findings.append(
                Finding("", where.line, where.column, "missing-text", arguments=arguments)
            )
    return findings
