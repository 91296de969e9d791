"""`dataset.yaml`, `course.yaml`, `imports.yaml`: validated by JSON Schema, parsed into dataclasses.

All defaults are filled in. An invalid dataset.yaml stops the build, because it defines the
training. An invalid course.yaml does not: the previous course stays, and training does not use it.

Findings of JSON Schema (draft 2020-12) have line and column; examples are validated by it too.
Validators are cached: creating one costs more than validating a file. A pattern that
must match to the end uses a negative look-ahead, because Python's `$` also matches before a final
line end. Patterns name U+0085 too, which not every editor's validator counts among the blanks.

The YAML reader returns every scalar as a string. An unquoted scalar becomes a number or a boolean
where the schema accepts one (`test: 0.2`, `strict: false`, a tool's parameters), and stays a
string where the schema expects text: the answer `no` remains "no". Only JSON spellings are
converted; `null` becomes None only in free-form JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from merlin.core.errors import reading_stored
from merlin.core.example_keys import KEYS
from merlin.core.formatted_text import is_blank
from merlin.core.i18n import LANGUAGES
from merlin.core.names import find_nearest, is_valid_name, suggest_name
from merlin.core.small_talk import KINDS as SMALL_TALK
from merlin.core.yaml_error import json_type
from merlin.dataset.finding import Finding, shorten
from merlin.dataset.layout import (
    COURSE_FILE,
    DATASET_FILE,
    IMPORTS_FILE,
    MATERIALS,
)
from merlin.dataset.misread_text import find_lost_text, find_wrong_space
from merlin.dataset.yaml_io import Node, read_yaml

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator, ValidationError
    from pydantic import TypeAdapter

NAMES = ("example", "dataset", "course", "imports")


def schema_text(name: str) -> str:
    """Return the text of the schema `name`, one of NAMES."""
    written = (Path(__file__).parent / "schemas" / f"{name}.schema.json").read_text(
        encoding="utf-8"
    )
    if name != "example":
        return written
    kinds = json.loads(written)
    definitions = kinds.pop("$defs")
    keys = {
        "required": [key.name for key in KEYS if key.is_required],
        "properties": {
            key.name: {
                "description": key.meaning,
                "$ref": f"#/$defs/{key.kind}",
                **key.bounds,
            }
            for key in KEYS
        },
        "$defs": definitions,
    }
    return json.dumps(kinds | keys, ensure_ascii=False, indent=2) + "\n"


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema `name` as JSON; the object is shared and must not be modified."""
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


@cache
def validator(name: str) -> Draft202012Validator:
    """Return the cached validator of schema `name`."""
    # Imported on demand: it takes 7 MB, which a bot without editors does not need.
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    return Draft202012Validator(schema(name))


Step = str | int
MAX_FINDINGS = 20
_NO_NODE = Node({}, 1, 1)

# At most 15 digits, which every JSON parser preserves exactly.
_LITERAL = re.compile(
    r"true|false|null|-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?"
)
_APPLICATORS = ("then", "else")
_ALTERNATIVES = ("anyOf", "oneOf", "allOf")


def read_file(name: str, content: bytes) -> tuple[Any, Node, tuple[Finding, ...]]:
    """Return the file as JSON, None if a finding is an error; its nodes; its findings.

    `name` is that of its schema. Warnings are about text that YAML takes otherwise than meant.
    """
    node = read_yaml(content)
    if isinstance(node, Finding):
        return None, _NO_NODE, (find_wrong_space(content, node) or node,)
    value, errors = validate_file(name, node)
    errors = tuple(find_wrong_space(content, error) or error for error in errors)
    return (None if errors else value), node, (*errors, *find_lost_text(content, node))


def validate_file(name: str, node: Node) -> tuple[Any, tuple[Finding, ...]]:
    """Return the file as JSON, and its violations of schema `name`, one of NAMES.

    The JSON is valid only without findings. At most `MAX_FINDINGS` are returned.
    """
    value = _json(name, node, ())
    errors = islice(_list_errors(name, value), MAX_FINDINGS)
    findings: list[Finding] = []
    for error in errors:
        # jsonschema reports two missing keys as two errors that each name both.
        findings += (
            finding for finding in _findings(error, node) if finding not in findings
        )
    findings.sort(key=lambda each: (each.line, each.column))
    return value, tuple(findings[:MAX_FINDINGS])


def _list_errors(name: str, value: Any) -> Iterator[ValidationError]:
    """Yield the errors of a file; of an example with short messages those of its other keys.

    Most examples have short messages, and jsonschema needs half of a check to find them right.
    """
    if name == "example" and _has_short_messages(value):
        value = {**value, "messages": [{"user": ""}]}
        if len(value) == 1 or _is_valid_example(json.dumps(value)):
            return
    yield from validator(name).iter_errors(value)


@lru_cache(maxsize=50)  # many examples have the same tags, and no other key
def _is_valid_example(written: str) -> bool:
    return bool(validator("example").is_valid(json.loads(written)))


def _has_short_messages(value: Any) -> bool:
    rule = schema("example")["$defs"]["conversation"]
    roles = rule["items"]["else"]["properties"].keys()
    messages = value.get("messages") if isinstance(value, dict) else None
    if (
        not isinstance(messages, list)
        or not rule["minItems"] <= len(messages) <= rule["maxItems"]
    ):
        return False
    return all(
        isinstance(each, dict)
        and len(each) == 1
        and each.keys() <= roles
        and all(isinstance(text, str) for text in each.values())
        for each in messages
    )


def _json(name: str, node: Node, path: tuple[Step, ...]) -> Any:
    value = node.value
    if isinstance(value, dict):
        return {key: _json(name, child, (*path, key)) for key, child in value.items()}
    if isinstance(value, list):
        return [_json(name, child, (*path, place)) for place, child in enumerate(value)]
    if not (node.plain and _LITERAL.fullmatch(value)):
        return value
    literal = json.loads(value)
    return literal if _has_room(name, path, literal) else value


def _has_room(name: str, path: Sequence[Step], literal: object) -> bool:
    """Return whether the schema accepts a value of the literal's type at `path`."""
    root = schema(name)
    places = list(_flat(root, root))
    for step in path:
        places = [flat for place in places for flat in _flat(_child(place, step), root)]
    if not places:
        return True
    accepted = {word for place in places for word in _types(place)}
    words = {"integer", "number"}
    if isinstance(literal, bool):
        words = {"boolean"}
    elif literal is None or isinstance(literal, float):
        words = {"null"} if literal is None else {"number"}
    return not accepted or bool(accepted & words)


def _flat(place: Any, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the subschema and every subschema that applies at the same path."""
    if not isinstance(place, dict):
        return
    yield place
    if "$ref" in place:
        yield from _flat(root["$defs"][place["$ref"].rpartition("/")[2]], root)
    for word in _APPLICATORS:
        yield from _flat(place.get(word), root)
    for word in _ALTERNATIVES:
        for offered in place.get(word, ()):
            yield from _flat(offered, root)


def _child(place: dict[str, Any], step: Step) -> Any:
    if isinstance(step, int):
        return place.get("items")
    return place.get("properties", {}).get(step, place.get("additionalProperties"))


def _types(place: dict[str, Any]) -> list[str]:
    words = place.get("type", [])
    if "enum" in place or "const" in place:
        offered = place.get("enum", [place.get("const")])
        return ["string" if isinstance(each, str) else "integer" for each in offered]
    return [words] if isinstance(words, str) else list(words)


def _findings(error: ValidationError, root: Node) -> Iterator[Finding]:
    inside: Any = root
    for step in error.absolute_path:
        inside = inside.value[step]
    node: Node = inside
    there: Any = error.schema
    requested: Any = error.validator_value
    word = str(error.validator)
    if word == "additionalProperties":
        known = there.get("properties", {})
        for key, child in _keys(node).items():
            if key not in known:
                yield _unknown_key(key, child, known.keys() - _keys(node).keys())
    elif word == "required":
        # A misspelt key is told as such, not as a missing one too.
        is_closed = there.get("additionalProperties") is False
        unknown = _keys(node).keys() - there["properties"].keys() if is_closed else ()
        for key in requested:
            if key not in _keys(node) and not any(
                find_nearest(each, [key]) for each in unknown
            ):
                yield _finding(node, "missing-key", name=key)
    else:
        yield _wrong_value(error, node)


def _wrong_value(error: ValidationError, node: Node) -> Finding:
    word = str(error.validator)
    requested = cast("Any", error.validator_value)
    written = _written_value(node, error.instance)
    rule, arguments = _rule_for(word, requested, written)
    names = [step for step in error.absolute_path if isinstance(step, str)]
    return _finding(node, rule, **arguments, name=shorten(names[-1]) if names else "")


def _unknown_key(key: str, child: Node, known: Collection[str]) -> Finding:
    near = find_nearest(key, known)
    named = {"name": shorten(key), **({"near": near} if near else {})}
    return Finding(
        "", *child.key, "misspelt-key" if near else "unknown-key", arguments=named
    )


def _written_value(node: Node, value: object) -> object:
    """Return a value as written: a number where the schema wants another type is text in JSON."""
    is_number = isinstance(value, str) and node.plain and _LITERAL.fullmatch(value)
    return json.loads(str(value)) if is_number else value


def _rule_for(
    word: str, wanted: Any, found: object
) -> tuple[str, dict[str, str | int]]:
    """Return our rule and its arguments for a JSON Schema keyword that `value` violates."""
    if word == "anyOf":
        keys = [key for offered in wanted for key in offered.get("required", ())]
        return "missing-one-of", {"keys": ", ".join(keys)}
    if word == "maxProperties" and wanted == 1:  # a missing dash joins two messages
        return "two-in-one", {}
    if word == "not" or (word == "pattern" and wanted in _PATTERN_RULES):
        # Without the link: it may hold a password.
        shown: dict[str, str | int] = (
            {} if word == "not" else {"found": _as_text(found)}
        )
        return "user-in-link" if word == "not" else _PATTERN_RULES[wanted], shown
    if (
        word == "enum"
        and isinstance(found, str)
        and "string" not in _types({"enum": wanted})
    ):
        # `weight: "1"` looks right, only its type is wrong
        word = "type"
        wanted = "integer"
    if word == "type":
        expected = wanted if isinstance(wanted, str) else wanted[0]
        return "wrong-type", {"expected": expected, "found": json_type(found)}
    if word in ("enum", "const"):
        offered = wanted if word == "enum" else [wanted]
        return "not-one-of", {
            "allowed": ", ".join(map(str, offered)),
            "found": _as_text(found),
        }
    return _BOUNDS.get(word, "wrong-value"), {
        "limit": str(wanted),
        "found": _as_text(found),
    }


def _as_text(found: object) -> str:
    is_shown = isinstance(found, str) and found.strip()
    return shorten(str(found) if is_shown else json.dumps(found, ensure_ascii=False))


def _keys(node: Node) -> dict[str, Node]:
    return node.value if isinstance(node.value, dict) else {}


def _finding(node: Node, rule: str, **arguments: str | int) -> Finding:
    return Finding("", node.line, node.column, rule, arguments=arguments)


_PATTERN_RULES = {
    r"[^\s\u0085]": "no-reason",
    r"^[A-Za-z0-9_-]*(?![\s\S])": "wrong-name",
}
_BOUNDS = {
    "minimum": "too-small",
    "exclusiveMinimum": "too-small",
    "maximum": "too-big",
    "minLength": "too-short",
    "maxLength": "too-long",
    "minItems": "too-few-items",
    "maxItems": "too-many-items",
    "minProperties": "too-few-items",
    "maxProperties": "too-many-items",
    "uniqueItems": "same-items",
    "pattern": "wrong-form",
}

Localised = Mapping[str, str]
Hyperparameter = str | int | float | bool | Mapping[str, str]

# The usual name of our own engine among the providers, and its own base model: the check of a
# folder has no configuration that says more.
ENGINE = "engine"
RECALL = "recall"
# The training methods of a recipe, as the provider protocol names them.
SUPERVISED = "supervised"
DPO = "dpo"
KTO = "kto"
# That of a job for an adapter that was trained elsewhere; no recipe in git has it.
ADAPTER = "adapter"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a build is trained; `suffix` is part of the tuned model's name.

    `weeks`: how far back the method `kto` takes people's ratings of answers.
    """

    provider: str
    base_model: str
    method: str = SUPERVISED
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    suffix: str = ""
    weeks: int = 8

    @property
    def takes_tools(self) -> bool:
        """Return whether its trainer learns calls of functions: that of our own engine does not."""
        return self.provider != ENGINE and self.base_model != RECALL

    @property
    def is_own_language_model(self) -> bool:
        """Return whether it trains a language model of our own engine."""
        return self.provider == ENGINE and self.base_model != RECALL

    def as_json(self) -> dict[str, object]:
        """Return the recipe as stored in a manifest, hyper-parameters sorted by name."""
        values = {
            **asdict(self),
            "hyperparameters": dict(sorted(self.hyperparameters.items())),
        }
        if self.method != KTO:
            del values["weeks"]
        return values


@dataclass(frozen=True, slots=True)
class SplitRule:
    """`test`: share of unmarked examples used for testing, 0..0.9.

    Below `min_test` test examples no gate is applied. Another `salt` gives another split.
    """

    test: float = 0.2
    salt: str = "v1"
    min_test: int = 10

    @property
    def least(self) -> int:
        """Return with how many test examples a gate is applied, at least 1."""
        return max(self.min_test, 1)


@dataclass(frozen=True, slots=True)
class LaunchRule:
    """When a build is trained: `mode` auto | manual | off, after `quiet_s` seconds without commits.

    `min_new`: how many examples must be new or changed since the last launched build.
    """

    mode: str = "auto"
    quiet_s: float = 60.0
    min_new: int = 1


# The kinds of a gate.
NO_GATE = "none"
FLOOR = "floor"
NOT_WORSE = "not_worse"


@dataclass(frozen=True, slots=True)
class GateRule:
    """What an evaluated model must achieve to be deployed: `kind` none | floor | not_worse.

    `right`: for a floor, the minimum share of right answers to test questions, 0 < right <= 1.
    `budget`: how many taught questions in a disguise a language model is asked beside these.
    """

    kind: str = NOT_WORSE
    right: float = 0.0
    budget: int = 20


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Contents of `dataset.yaml`; `title` has every language.

    `small_talk`: kind (`merlin.core.small_talk`) -> the dataset's answer by language. `strict`: one
    rejected example blocks the build. `rules_off`: disabled rule -> reason, `allow`: number,
    address or domain of the organisation -> reason.
    """

    name: str
    title: Localised
    system: str
    recipe: Recipe
    split: SplitRule = SplitRule()
    launch: LaunchRule = LaunchRule()
    gate: GateRule = GateRule()
    small_talk: Mapping[str, Localised] = field(default_factory=dict)
    strict: bool = False
    rules_off: Mapping[str, str] = field(default_factory=dict)
    allow: Mapping[str, str] = field(default_factory=dict)


MaterialKind = Literal["lecture", "seminar", "lab"]


@dataclass(frozen=True, slots=True)
class MaterialSpec:
    """One material of a course: `kind` lecture | seminar | lab.

    `text` is the path of its Markdown file within the dataset's folder, `file_url` a link; at least
    one of them is set, the other may be "".
    """

    lesson: int
    kind: MaterialKind
    title: Localised
    text: str = ""
    file_url: str = ""


@dataclass(frozen=True, slots=True)
class CourseSpec:
    """Contents of `course.yaml`; `semester` 1..12, `teachers` are account names."""

    semester: int
    name: Localised
    description: Localised
    active: bool = True
    teachers: tuple[str, ...] = ()
    materials: tuple[MaterialSpec, ...] = ()


def dataset_spec(name: str, value: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec of dataset `name` from JSON that is valid by the schema `dataset`."""
    # The suffix becomes part of a model's name, which is ASCII at every provider.
    recipe = {"suffix": name[:64] if name.isascii() else "", **value["recipe"]}
    return DatasetSpec(
        name=name,
        title=_localise(value["title"]),
        # YAML's `|` appends a line end that is not part of the text.
        system=value["system"].rstrip("\n"),
        recipe=Recipe(**recipe),
        split=SplitRule(**value.get("split", {})),
        launch=LaunchRule(**value.get("launch", {})),
        gate=_read_gate(value.get("gate", NOT_WORSE)),
        small_talk={
            kind: by_language(each)
            for kind, each in value.get("small_talk", {}).items()
        },
        strict=value.get("strict", False),
        rules_off=value.get("check", {}).get("off", {}),
        allow=value.get("check", {}).get("allow", {}),
    )


def _read_gate(value: str | Mapping[str, Any]) -> GateRule:
    if isinstance(value, str):
        return GateRule(value)
    budget = value.get("budget", GateRule().budget)
    if FLOOR in value:
        return GateRule(FLOOR, value[FLOOR]["right"], budget)
    return GateRule(NOT_WORSE, budget=budget)


def course_spec(value: Mapping[str, Any]) -> CourseSpec:
    """Return the course from JSON that is valid by the schema `course`."""
    return CourseSpec(
        semester=value["semester"],
        name=_localise(value["name"]),
        description=_localise(value.get("description", {})),
        active=value.get("active", True),
        teachers=tuple(value.get("teachers", ())),
        materials=tuple(
            MaterialSpec(
                lesson=each["lesson"],
                kind=each["type"],
                title=_localise(each["title"]),
                text=each.get("text", ""),
                file_url=each.get("file_url", ""),
            )
            for each in value.get("materials", ())
        ),
    )


def by_language(
    value: str | Localised, languages: Sequence[str] = LANGUAGES
) -> Localised:
    """Return a text by language; a plain one is that of each of these languages."""
    return dict.fromkeys(languages, value) if isinstance(value, str) else value


def _localise(value: str | Localised) -> Localised:
    # A missing language falls back to the other one.
    texts = by_language(value)
    russian = texts.get("ru", "")
    english = texts.get("en", "")
    return {"ru": russian or english, "en": english or russian}


def read_dataset(
    name: str, content: bytes | None
) -> tuple[DatasetSpec | None, list[Finding]]:
    """Return the spec in dataset.yaml of the dataset `name`; content None: the file is missing."""
    if content is None:
        return None, [Finding(DATASET_FILE, 1, 1, "missing-dataset")]
    if not is_valid_name(name):
        arguments = {"name": shorten(name), "proposed": suggest_name(name)}
        return None, [
            Finding(DATASET_FILE, 1, 1, "bad-dataset-name", arguments=arguments)
        ]
    value, node, found = read_file("dataset", content)
    errors: tuple[Finding, ...] = ()
    if value is not None:
        errors = tuple(_find_blank_texts(node))
        if not errors and is_blank(value["system"]):
            errors = (_finding(_keys(node)["system"], "empty-content", role="system"),)
    findings = [each.at(DATASET_FILE) for each in (*found, *errors)]
    return (None if value is None or errors else dataset_spec(name, value)), findings


def read_course(
    content: bytes | None, materials: Collection[str]
) -> tuple[CourseSpec | None, list[Finding]]:
    """Return the spec in course.yaml; `materials` are the readable paths below materials/.

    A dataset without a course has no such file (content None) and no finding.
    """
    if content is None:
        return None, []
    value, node, found = read_file("course", content)
    errors: tuple[Finding, ...] = ()
    if value is not None:
        errors = (
            *_find_blank_texts(node),
            *_find_missing_texts(node, value, materials),
        )
    findings = [each.at(COURSE_FILE) for each in (*found, *errors)]
    return (None if value is None or errors else course_spec(value)), findings


def read_imports(content: bytes | None) -> tuple[dict[str, Any], list[Finding]]:
    """Return what imports.yaml says by name, as JSON; nothing without a file, or with an error."""
    if content is None:
        return {}, []
    value, _, found = read_file("imports", content)
    return value or {}, [finding.at(IMPORTS_FILE) for finding in found]


# The keys of texts that people see, by language or not.
_TEXTS = frozenset({*LANGUAGES, "title", "name", "description", *SMALL_TALK})


def _find_blank_texts(node: Node) -> Iterator[Finding]:
    """Yield a finding for each title or description of which nothing can be seen."""
    for key, child in _keys(node).items():
        if key in _TEXTS and isinstance(child.value, str) and is_blank(child.value):
            yield _finding(child, "blank-text")
    for child in node.value if isinstance(node.value, list) else _keys(node).values():
        yield from _find_blank_texts(child)


def _find_missing_texts(
    node: Node, value: Any, materials: Collection[str]
) -> Iterator[Finding]:
    """Yield a finding for each material whose text is missing below materials/."""
    inside: Any = node.value
    for place, material in enumerate(value.get("materials", ())):
        text = material.get("text", "")
        if text and not (text in materials and text.endswith(".md")):
            where = inside["materials"].value[place].value["text"]
            yield _finding(where, "missing-text", text=shorten(text), folder=MATERIALS)


@cache
def _settings() -> TypeAdapter[DatasetSpec]:
    # Imported on demand: the check of a folder does without it.
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(DatasetSpec)


def load_spec(text: str | None) -> DatasetSpec | None:
    """Return a dataset's settings as `dump_spec` wrote them. Raises MerlinError for others."""
    with reading_stored():
        return None if text is None else _settings().validate_json(text)


def dump_spec(spec: DatasetSpec | None) -> str | None:
    """Return a dataset's settings as JSON; `load_spec` reads it."""
    return None if spec is None else _settings().dump_json(spec).decode()
