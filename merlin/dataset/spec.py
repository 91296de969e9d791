"""What `dataset.yaml` and `course.yaml` say, as values.

The files' shape is proven by their JSON Schemas first; here the proven JSON becomes frozen
dataclasses with every default filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
