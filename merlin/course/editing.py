"""Edit a course: changes of its files that become one commit.

course.yaml lists the materials; each text is a file of its own, created and deleted with its
material. A changed course.yaml is written anew; editors are told if comments are lost.

    text -> value (a dict as the schema `course` takes it) -> the changed value -> text

Values are those in the file: a missing language has no key.
"""

import copy
import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import PurePath
from typing import Any

import yaml

from merlin.core.errors import NotFound, Refused
from merlin.core.views import described
from merlin.course.catalogue import Material, match_materials
from merlin.dataset import commit_message
from merlin.dataset.changes import Edit
from merlin.dataset.entries import FileText
from merlin.dataset.finding import Finding
from merlin.dataset.layout import COURSE_FILE, FIRST_PART, MATERIALS, ORIGINALS
from merlin.dataset.spec import (
    MaterialKind,
    MaterialSpec,
    by_language,
    course_spec,
    validate_file,
)
from merlin.dataset.yaml_io import read_yaml

# A dataset's file has a megabyte at most, and so has its change, which is in Base64.
MAX_ORIGINAL_BYTES = 700_000
COURSE_FIELDS = ("semester", "name", "description", "active", "teachers")


@dataclass(frozen=True, slots=True)
class MaterialDraft:
    """The requested state of a material: `text` is Markdown, `file_url` a link, "" without.

    `place` is its requested index in the file, from 0; None: unchanged, or at the end.
    """

    kind: str
    lesson: int
    title: Mapping[str, str]
    text: str = ""
    file_url: str = ""
    place: int | None = None


@dataclass(frozen=True, slots=True)
class Both:
    """A text by language; null if missing."""

    ru: str | None = None
    en: str | None = None

    def text(self, language: str) -> str:
        """Return the text in a language, else in the other one, "" for none."""
        first, second = (self.ru, self.en) if language == "ru" else (self.en, self.ru)
        return first or second or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtMaterial:
    """A material as in its files, including pending edits."""

    id: int | None = described("Id of the material; null until it is committed.")
    place: int = described("Position in course.yaml, starting at 0.")
    type: MaterialKind
    lesson: int
    title: Both
    text: str | None
    text_path: str | None
    file_url: str | None
    # Changes with any of its values.
    revision: str


@dataclass(frozen=True, slots=True)
class CourseEdits:
    """Edits of the course's files, and the subject of their commit."""

    edits: tuple[Edit, ...]
    subject: commit_message.Subject


class CourseFiles:
    """The files of a course; a text without a language is one of `language`.

    Raises Refused if course.yaml is missing or broken.
    """

    def __init__(self, files: Sequence[FileText], language: str = "en") -> None:
        self._files = {file.path: file for file in files}
        file = self._files.get(COURSE_FILE)
        self.text = (file.text if file else None) or ""
        self.blob = file.blob if file else None
        self._language = language
        self.value = parse_course(self.text, language)
        self.spec = course_spec(self.value)

    @property
    def revision(self) -> str:
        """Return a digest that changes with the course's own fields."""
        return _digest({key: self.value.get(key) for key in COURSE_FIELDS})

    def card(self) -> dict[str, Any]:
        """Return the course's own fields as they are in the file."""
        return {key: self.value[key] for key in COURSE_FIELDS if key in self.value}

    def lessons(self, materials: Sequence[Material]) -> list[TaughtMaterial]:
        """Return the materials in the file's order, with their ids."""
        ids = match_materials(materials, self.spec.materials)
        return [
            self._build_material(place, material_id, spec)
            for place, (material_id, spec) in enumerate(
                zip(ids, self.spec.materials, strict=True)
            )
        ]

    def _build_material(
        self, place: int, material_id: int | None, spec: MaterialSpec
    ) -> TaughtMaterial:
        file = self._files.get(spec.text)
        entry = self.value["materials"][place]
        return TaughtMaterial(
            id=material_id,
            place=place,
            type=spec.kind,
            lesson=spec.lesson,
            title=Both(**entry["title"]),
            text=file.text if file else None,
            text_path=spec.text or None,
            file_url=spec.file_url or None,
            revision=_digest({"entry": entry, "blob": file.blob if file else ""}),
        )

    def material(
        self, materials: Sequence[Material], material_id: int
    ) -> TaughtMaterial:
        """Return a material. Raises NotFound if the file no longer has it."""
        for lesson in self.lessons(materials):
            if lesson.id == material_id:
                return lesson
        raise NotFound(f"no material {material_id}", "material-unknown")

    def change_fields(self, values: Mapping[str, Any]) -> CourseEdits:
        """Return the edits that change the course's own fields; None removes a field."""
        requested = copy.deepcopy(self.value)
        if about := values.get("description"):
            about = {language: _with_lf(text) for language, text in about.items()}
            values = {**values, "description": about}
        for key, value in values.items():
            requested.pop(key, None) if value is None else requested.update(
                {key: value}
            )
        return self._propose(requested, (), commit_message.COURSE)

    def add_material(self, draft: MaterialDraft) -> CourseEdits:
        """Return the edits that add a material."""
        requested = copy.deepcopy(self.value)
        texts = list[Edit]()
        materials = requested.setdefault("materials", [])
        place = (
            len(materials) if draft.place is None else min(draft.place, len(materials))
        )
        path = self._free_path(draft) if draft.text else ""
        if path:
            texts.append(Edit(path, None, _end_with_newline(draft.text)))
        materials.insert(place, _entry(draft, path))
        return self._propose(
            requested,
            texts,
            commit_message.material_subject("add", draft.kind, draft.lesson),
        )

    def add_document(
        self, drafts: Sequence[MaterialDraft], original: bytes, name: str
    ) -> CourseEdits:
        """Return the edits that add the materials of one document, and, if it is small, itself.

        One whose name is its path below materials/ lies there: its texts get its name.
        """
        requested = copy.deepcopy(self.value)
        lies_there = name.startswith(MATERIALS)
        path = name if lies_there else self._free_path(drafts[0])
        base = path.removesuffix(PurePath(path).suffix)
        ending = PurePath(name).suffix.casefold()
        edits = list[Edit]()
        for number, draft in enumerate(drafts, start=1):
            part = FIRST_PART.replace("1", str(number)) if len(drafts) > 1 else ""
            path = f"{base}{part}.md"
            edits.append(Edit(path, None, _end_with_newline(draft.text)))
            requested.setdefault("materials", []).append(_entry(draft, path))
        is_kept = ending in ORIGINALS and len(original) <= MAX_ORIGINAL_BYTES
        if is_kept and not lies_there:
            edits.append(Edit(f"{base}{ending}", None, b64encode(original).decode()))
        first = drafts[0]
        subject = commit_message.material_subject("add", first.kind, first.lesson)
        return self._propose(requested, edits, subject)

    def change_material(self, place: int, draft: MaterialDraft) -> CourseEdits:
        """Return the edits that change the material at `place` as the draft says."""
        requested = copy.deepcopy(self.value)
        path, texts = self._text_of(place, draft)
        del requested["materials"][place]
        index = (
            place
            if draft.place is None
            else min(draft.place, len(requested["materials"]))
        )
        requested["materials"].insert(index, _entry(draft, path))
        return self._propose(
            requested,
            texts,
            commit_message.material_subject("edit", draft.kind, draft.lesson),
        )

    def remove_material(self, place: int) -> CourseEdits:
        """Return the edits that remove the material at `place`, and its text if not shared."""
        requested = copy.deepcopy(self.value)
        spec = self.spec.materials[place]
        del requested["materials"][place]
        subject = commit_message.material_subject("remove", spec.kind, spec.lesson)
        return self._propose(requested, self._remove_text(spec.text), subject)

    def _propose(
        self,
        requested: Mapping[str, Any],
        texts: Sequence[Edit],
        subject: commit_message.Subject,
    ) -> CourseEdits:
        text = edit_course(self.text, requested, self._language)
        edits = list(texts)
        if text != self.text:
            edits.insert(0, Edit(COURSE_FILE, self.blob, text))
        if not edits:
            raise Refused("nothing is changed", "teaching-unchanged")
        return CourseEdits(tuple(edits), subject)

    def _remove_text(self, path: str) -> list[Edit]:
        """Return the edit that deletes a material's text, none if another material uses it."""
        file = self._files.get(path) if path and self._is_alone(path) else None
        return [] if file is None else [Edit(path, file.blob, None)]

    def _is_alone(self, path: str) -> bool:
        """Return whether only one material uses a text."""
        return sum(material.text == path for material in self.spec.materials) == 1

    def _text_of(self, place: int, draft: MaterialDraft) -> tuple[str, list[Edit]]:
        """Return the path of a changed material's text, and the edits that write it.

        A text that another material uses too stays unchanged; so does a file that has none to show.
        """
        old_path = self.spec.materials[place].text
        text = _end_with_newline(draft.text)
        file = self._files.get(old_path)
        if not draft.text:
            is_shown = file is None or bool(file.text)
            return ("", self._remove_text(old_path)) if is_shown else (old_path, [])
        if file is not None and _end_with_newline(file.text or "") == text:
            return old_path, []
        path = (
            old_path
            if old_path and self._is_alone(old_path)
            else self._free_path(draft)
        )
        return path, [
            Edit(path, file.blob if file and path == old_path else None, text)
        ]

    def _free_path(self, draft: MaterialDraft) -> str:
        """Return a path below materials/ of whose name no file is, and no material uses."""
        used = {material.text.casefold() for material in self.spec.materials}
        taken = [path.rpartition(".")[0].casefold() for path in {*self._files, *used}]
        base = f"{MATERIALS}{draft.kind}-{draft.lesson:02d}"
        stems = chain([base], (f"{base}-{number}" for number in count(2)))
        return next(f"{stem}.md" for stem in stems if stem.casefold() not in taken)


def _entry(draft: MaterialDraft, path: str) -> dict[str, Any]:
    """Return a material's entry in course.yaml."""
    values: dict[str, Any] = {
        "lesson": draft.lesson,
        "type": draft.kind,
        "title": {language: text for language, text in draft.title.items() if text},
    }
    if path:
        values["text"] = path
    if draft.file_url:
        values["file_url"] = draft.file_url
    return values


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _end_with_newline(text: str) -> str:
    normalised = _with_lf(text)
    return normalised if normalised.endswith("\n") else f"{normalised}\n"


def _digest(value: object) -> str:
    content = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()[:20]


_COURSE = "course"
_ORDER = (
    *("semester", "name", "description", "active", "teachers", "materials"),
    *("lesson", "type", "title", "text", "file_url"),
    *("ru", "en"),
)

Course = Mapping[str, Any]


def parse_course(text: str | None, language: str = "en") -> dict[str, Any]:
    """Return the content of a course.yaml, its plain texts as those of a language.

    Raises Refused if it is invalid: fix it in git.
    """
    node = read_yaml((text or "").encode("utf-8", "surrogatepass"))
    value, findings = (
        ({}, (node,)) if isinstance(node, Finding) else validate_file(_COURSE, node)
    )
    if findings:
        first = {
            "key": f"finding-{findings[0].rule}",
            "arguments": findings[0].arguments,
        }
        arguments = {"line": findings[0].line, "reason": first}
        raise Refused("course.yaml is broken", "course-broken", **arguments)
    course: dict[str, Any] = value
    for holder in (course, *course.get("materials", ())):
        for key in ("name", "description", "title"):
            if key in holder:
                holder[key] = by_language(holder[key], [language])
    return course


def edit_course(text: str, course: Course, language: str = "en") -> str:
    """Return the course.yaml with this content; `language` is that of its plain texts.

    A changed file is written anew, without comments. Raises Refused if `text` is
    broken.
    """
    before = parse_course(text, language)
    if _digest(before) == _digest(course):
        return text
    written = write_course(course)
    node = read_yaml(written.encode("utf-8", "surrogatepass"))
    value = None if isinstance(node, Finding) else validate_file(_COURSE, node)[0]
    if _digest(value) != _digest(course):
        raise Refused("these words cannot be written", "course-unwritable")
    return written


def write_course(value: Course) -> str:
    """Return a complete course.yaml."""
    written: str = yaml.safe_dump(
        _order_keys(value),
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=None,  # small maps in brackets
        width=10**6,  # no line is broken
    )
    return written


def _order_keys(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _order_keys(value[key]) for key in _ORDER if key in value}
    return [_order_keys(item) for item in value] if isinstance(value, list) else value
