"""`dataset.yaml` and `course.yaml` as frozen dataclasses, every default filled in.

A wrong dataset.yaml stops the build, because nothing says how to train. A wrong course.yaml does
not: the course stays as it was, the model has no need of it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from merlin.dataset import layout
from merlin.dataset.finding import Finding, shorten
from merlin.dataset.layout import COURSE_FILE, DATASET_FILE, MATERIALS
from merlin.dataset.schema import validate_file
from merlin.dataset.yaml_reader import Node, read_yaml
from merlin.db.values import dump_json

Localised = Mapping[str, str]
Hyperparameter = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a build becomes a model; `suffix` is part of the tuned model's name."""

    provider: str
    base_model: str
    method: str = "supervised"
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    suffix: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the recipe as it stands in a manifest, keys and hyper-parameters by name."""
        return {
            "provider": self.provider,
            "base_model": self.base_model,
            "method": self.method,
            "hyperparameters": dict(sorted(self.hyperparameters.items())),
            "suffix": self.suffix,
        }


@dataclass(frozen=True, slots=True)
class SplitRule:
    """`test`: share of unmarked examples that become test ones, 0..0.9.

    Below `min_test` test examples no gate is applied. Another `salt` deals anew.
    """

    test: float = 0.2
    salt: str = "v1"
    min_test: int = 10


@dataclass(frozen=True, slots=True)
class LaunchRule:
    """When a build is trained: `mode` auto | manual | off, after `quiet_s` seconds without commits.

    `min_new`: so many examples must be new or changed since the last launched build.
    """

    mode: str = "auto"
    quiet_s: float = 60.0
    min_new: int = 1


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """What `dataset.yaml` says; `title` has every language. `strict`: one bad example holds all."""

    name: str
    title: Localised
    system: str
    recipe: Recipe
    split: SplitRule = SplitRule()
    launch: LaunchRule = LaunchRule()
    gate: str = "none"
    strict: bool = False


@dataclass(frozen=True, slots=True)
class MaterialSpec:
    """One material of a course: `kind` lecture | seminar | lab.

    `text` is the path of its Markdown file within the dataset's folder, `file_url` a link; one of
    them at least is there, the other is empty.
    """

    lesson: int
    kind: str
    title: Localised
    text: str = ""
    file_url: str = ""


@dataclass(frozen=True, slots=True)
class CourseSpec:
    """What `course.yaml` says; `semester` 1..12, `teachers` are account names."""

    semester: int
    name: Localised
    description: Localised
    active: bool = True
    teachers: tuple[str, ...] = ()
    materials: tuple[MaterialSpec, ...] = ()


def dataset_spec(name: str, value: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec of dataset `name` from JSON that fulfils the schema `dataset`."""
    # The suffix becomes part of a model's name, which is plain ASCII at every provider.
    recipe = {"suffix": name[:64] if name.isascii() else "", **value["recipe"]}
    return DatasetSpec(
        name=name,
        title=_localised(value["title"]),
        # The line end after a text belongs to YAML's `|`, as in an example.
        system=value["system"].rstrip("\n"),
        recipe=Recipe(**recipe),
        split=SplitRule(**value.get("split", {})),
        launch=LaunchRule(**value.get("launch", {})),
        gate=value.get("gate", "none"),
        strict=value.get("strict", False),
    )


def course_spec(value: Mapping[str, Any]) -> CourseSpec:
    """Return the course from JSON that fulfils the schema `course`."""
    return CourseSpec(
        semester=value["semester"],
        name=_localised(value["name"]),
        description=_localised(value.get("description", {})),
        active=value.get("active", True),
        teachers=tuple(value.get("teachers", ())),
        materials=tuple(_material(each) for each in value.get("materials", ())),
    )


def _material(value: Mapping[str, Any]) -> MaterialSpec:
    return MaterialSpec(
        lesson=value["lesson"],
        kind=value["type"],
        title=_localised(value["title"]),
        text=value.get("text", ""),
        file_url=value.get("file_url", ""),
    )


def _localised(value: Mapping[str, str]) -> Localised:
    # A language that is not given shows the one that is: better a foreign title than none.
    russian, english = value.get("ru", ""), value.get("en", "")
    return {"ru": russian or english, "en": english or russian}


def read_dataset(name: str, content: bytes | None) -> tuple[DatasetSpec | None, list[Finding]]:
    """Return what dataset.yaml says of the dataset `name`; content None: there is no such file."""
    if content is None:
        return None, [Finding(DATASET_FILE, 1, 1, "missing-dataset")]
    if not layout.is_valid_name(name):
        arguments = {"name": shorten(name), "proposed": layout.suggest_name(name)}
        return None, [Finding(DATASET_FILE, 1, 1, "bad-dataset-name", arguments=arguments)]
    node = read_yaml(content)
    if isinstance(node, Finding):
        return None, [node.at(DATASET_FILE)]
    value, found = validate_file("dataset", node)
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
    node = read_yaml(content)
    if isinstance(node, Finding):
        return None, [node.at(COURSE_FILE)]
    value, found = validate_file("course", node)
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
            arguments = {"text": shorten(text), "folder": MATERIALS}
            findings.append(
                Finding("", where.line, where.column, "missing-text", arguments=arguments)
            )
    return findings


def load_spec(text: str | None) -> DatasetSpec | None:
    """Return a dataset's settings as `dumped(asdict(spec))` wrote them."""
    if text is None:
        return None
    stored = json.loads(text)
    stored["recipe"] = Recipe(**stored["recipe"])
    stored["split"] = SplitRule(**stored["split"])
    stored["launch"] = LaunchRule(**stored["launch"])
    return DatasetSpec(**stored)


def dump_spec(spec: DatasetSpec | None) -> str | None:
    """Return a dataset's settings as JSON; `spec_of` reads it."""
    return None if spec is None else dump_json(asdict(spec))
