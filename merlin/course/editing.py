"""Teaching: what a teacher does to a course, as edits of its files that become one commit.

course.yaml says which materials there are; a text lies in a file of its own, which comes and
goes with its material. In course.yaml what editors change is written anew, every other line stays.

    text -> value (a dict as the schema `course` takes it) -> the value as wanted -> text

Values here are as they stand in the file: a language that is not given is not there.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from merlin.core.errors import NotFound, Refused
from merlin.course.catalogue import Material, match_materials
from merlin.dataset import commit_message
from merlin.dataset.changes import Edit
from merlin.dataset.files import FileText
from merlin.dataset.finding import Finding
from merlin.dataset.layout import COURSE_FILE, MATERIALS
from merlin.dataset.spec import MaterialSpec, course_spec, validate_file
from merlin.dataset.yaml_edit import edit_yaml, is_same, read_value
from merlin.dataset.yaml_io import format_document, read_yaml

CARD = ("semester", "name", "description", "active", "teachers")


@dataclass(frozen=True, slots=True)
class MaterialDraft:
    """A material as it shall be: `text` its Markdown, "" without; `file_url` a link, "" without.

    `place` is where it shall stand in the file, from 0; None: where it stands, or at the end.
    """

    kind: str
    lesson: int
    title: Mapping[str, str]
    text: str = ""
    file_url: str = ""
    place: int | None = None


@dataclass(frozen=True, slots=True)
class MaterialText:
    """A material as the course's files say it; `words` is its Markdown, None without a text.

    `material_id` is None as long as no commit has it. `revision` is another as soon as anything
    of it is.
    """

    place: int
    material_id: int | None
    spec: MaterialSpec
    words: str | None
    revision: str


@dataclass(frozen=True, slots=True)
class CourseEdits:
    """Edits that make what was wanted; `is_whole`: all of course.yaml had to be written anew."""

    edits: tuple[Edit, ...]
    subject: str
    is_whole: bool = False


class CourseFiles:
    """A course as its files say it. Raises Refused where course.yaml is missing or broken."""

    def __init__(self, files: Sequence[FileText]) -> None:
        self._files = {file.path: file for file in files}
        found = self._files.get(COURSE_FILE)
        self.text = (found.text if found else None) or ""
        self.blob = found.blob if found else None
        self.value = parse_course(self.text)
        self.spec = course_spec(self.value)

    @property
    def revision(self) -> str:
        """Return what is another as soon as the course's own card is."""
        return _digest({key: self.value.get(key) for key in CARD})

    def card(self) -> dict[str, Any]:
        """Return what the file says of the course itself, languages as they are given."""
        return {key: self.value[key] for key in CARD if key in self.value}

    def lessons(self, materials: Sequence[Material]) -> list[MaterialText]:
        """Return the materials in the file's order, with the ids by which they are known."""
        ids = match_materials(materials, self.spec.materials)
        lessons = []
        for place, spec in enumerate(self.spec.materials):
            file = self._files.get(spec.text)
            values = {"entry": self.value["materials"][place], "blob": file.blob if file else ""}
            words = file.text if file else None
            lessons.append(MaterialText(place, ids[place], spec, words, _digest(values)))
        return lessons

    def material(self, materials: Sequence[Material], material_id: int) -> MaterialText:
        """Return one material. Raises NotFound for one that the file has no more."""
        for lesson in self.lessons(materials):
            if lesson.material_id == material_id:
                return lesson
        raise NotFound(f"no material {material_id}", "material-none", material=str(material_id))

    def with_card(self, values: Mapping[str, Any]) -> CourseEdits:
        """Return the edits that change what the course says of itself; None takes a key away."""
        requested = copy.deepcopy(self.value)
        for key, value in values.items():
            requested.pop(key, None) if value is None else requested.update({key: value})
        return self._proposed(requested, (), commit_message.COURSE)

    def added(self, draft: MaterialDraft) -> CourseEdits:
        """Return the edits that add a material."""
        requested, texts = copy.deepcopy(self.value), list[Edit]()
        materials = requested.setdefault("materials", [])
        place = len(materials) if draft.place is None else min(draft.place, len(materials))
        path = self._free_path(draft) if draft.text else ""
        if path:
            texts.append(Edit(path, None, _ended(draft.text)))
        materials.insert(place, _entry(draft, path))
        return self._proposed(
            requested, texts, commit_message.material_subject("Add", draft.kind, draft.lesson)
        )

    def changed(self, place: int, draft: MaterialDraft) -> CourseEdits:
        """Return the edits that make the material at `place` what the draft says."""
        requested = copy.deepcopy(self.value)
        path, texts = self._text_of(place, draft)
        del requested["materials"][place]
        at = place if draft.place is None else min(draft.place, len(requested["materials"]))
        requested["materials"].insert(at, _entry(draft, path))
        return self._proposed(
            requested, texts, commit_message.material_subject("Edit", draft.kind, draft.lesson)
        )

    def dropped(self, place: int) -> CourseEdits:
        """Return the edits that remove the material at `place`, and its text where it is alone."""
        requested = copy.deepcopy(self.value)
        old = self.spec.materials[place]
        del requested["materials"][place]
        subject = commit_message.material_subject("Remove", old.kind, old.lesson)
        return self._proposed(requested, self._removed(old.text), subject)

    def _proposed(self, wanted: Mapping[str, Any], texts: Sequence[Edit], line: str) -> CourseEdits:
        text, is_whole = edit_course(self.text, wanted)
        edits = list(texts)
        if text != self.text:
            edits.insert(0, Edit(COURSE_FILE, self.blob, text))
        if not edits:
            raise Refused("nothing is changed", "teaching-unchanged")
        return CourseEdits(tuple(edits), line, is_whole)

    def _removed(self, path: str) -> list[Edit]:
        """Return what removes a material's text, nothing where another material names it too."""
        file = self._files.get(path) if path and self._is_alone(path) else None
        return [] if file is None else [Edit(path, file.blob, None)]

    def _is_alone(self, path: str) -> bool:
        """Return whether one material alone names a text."""
        return sum(material.text == path for material in self.spec.materials) == 1

    def _text_of(self, place: int, draft: MaterialDraft) -> tuple[str, list[Edit]]:
        """Return where the text of a changed material lies, and the edits that bring it there.

        A text that another material names too is left to that one.
        """
        old, words = self.spec.materials[place].text, _ended(draft.text)
        file = self._files.get(old)
        if not draft.text:
            return "", self._removed(old)
        if file is not None and file.text == words:
            return old, []
        path = old if old and self._is_alone(old) else self._free_path(draft)
        return path, [Edit(path, file.blob if file and path == old else None, words)]

    def _free_path(self, draft: MaterialDraft) -> str:
        """Return a path below materials/ that no file has and no material names."""
        named = {material.text.casefold() for material in self.spec.materials}
        taken = {path.casefold() for path in self._files} | named
        base = f"{MATERIALS}{draft.kind}-{draft.lesson:02d}"
        paths = chain([f"{base}.md"], (f"{base}-{number}.md" for number in count(2)))
        return next(path for path in paths if path.casefold() not in taken)


def _entry(draft: MaterialDraft, path: str) -> dict[str, Any]:
    """Return a material as course.yaml says it."""
    values: dict[str, Any] = {
        "lesson": draft.lesson,
        "type": draft.kind,
        "title": {language: words for language, words in draft.title.items() if words},
    }
    if path:
        values["text"] = path
    if draft.file_url:
        values["file_url"] = draft.file_url
    return values


def _ended(text: str) -> str:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain if plain.endswith("\n") else f"{plain}\n"


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


def parse_course(text: str | None) -> dict[str, Any]:
    """Return what a course.yaml says. Raises Refused for one with errors, which git alone mends."""
    node = read_yaml((text or "").encode("utf-8", "surrogatepass"))
    value, findings = ({}, (node,)) if isinstance(node, Finding) else validate_file(_COURSE, node)
    if findings:
        first = {"key": f"finding-{findings[0].rule}", "arguments": findings[0].arguments}
        arguments = {"line": findings[0].line, "reason": first}
        raise Refused("course.yaml is broken", "course-broken", **arguments)
    course: dict[str, Any] = value
    return course


def edit_course(text: str, course: Course) -> tuple[str, bool]:
    """Return the course.yaml `text` so that it says `course`. Raises Refused for a broken one.

    True: all of it had to be written anew. Then comments and the form that editors had chosen are
    lost, which they must be told.
    """
    if is_same(parse_course(text), course):
        return text, False
    found = edit_yaml(_COURSE, text, course, _ORDER)
    if found is not None:
        return found, False
    whole = write_course(course)
    if not is_same(read_value(_COURSE, whole), course):
        raise Refused("these words cannot be written", "course-unwritable")
    return whole, True


def write_course(value: Course) -> str:
    """Return a whole course.yaml in the one form that Merlin gives it."""
    return format_document(_ordered(value))


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in _ORDER if key in value}
    return [_ordered(each) for each in value] if isinstance(value, list) else value
