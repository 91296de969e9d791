"""Teaching: the courses that a user leads, their files, and statistics of questions.

Functions that edit a course take its files as their last argument, for `changes.submit`.
course.yaml lists the materials; each text is in a file of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from merlin.app import changes
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles, require_revision
from merlin.app.context import Context
from merlin.app.permissions import find_teachers, get_led_course, list_led_courses
from merlin.chat.feedback import QuestionStatistics
from merlin.core.errors import NotFound
from merlin.course.catalogue import Course
from merlin.course.documents import Document, name_part, split_text
from merlin.course.editing import (
    Both,
    CourseEdits,
    CourseFiles,
    MaterialDraft,
    TaughtMaterial,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaughtDetails:
    """A course as its editors see it."""

    id: int
    slug: str
    semester: int
    name: Both
    description: Both
    active: bool
    teachers: list[str]
    revision: str
    materials: list[TaughtMaterial]

    def material(self, material_id: int) -> TaughtMaterial:
        """Return a material. Raises NotFound."""
        for material in self.materials:
            if material.id == material_id:
                return material
        raise NotFound(f"no material {material_id}", "material-unknown")


def read_details(ctx: Context, actor: Actor, course_id: int) -> TaughtDetails:
    """Return a course as its files describe it, including pending edits.

    Raises NotFound, Forbidden; Refused if course.yaml cannot be read.
    """
    course = get_led_course(ctx, actor, course_id)
    files = changes.read_files(ctx, actor, course.slug)
    course_files = CourseFiles(files.files, files.language)
    card = course_files.card()
    return TaughtDetails(
        id=course.course_id,
        slug=course.slug,
        semester=card["semester"],
        name=Both(**card["name"]),
        description=Both(**card.get("description", {})),
        active=card.get("active", True),
        teachers=card.get("teachers", []),
        revision=course_files.revision,
        materials=course_files.lessons(files.materials),
    )


def list_unknown_teachers(
    ctx: Context, _actor: Actor, names: Sequence[str]
) -> list[str]:
    """Return the names that lead nothing yet: without an account, or with one of a student."""
    known = find_teachers(ctx, names)
    return [name for name in names if name not in known]


def edit_card(
    values: Mapping[str, Any], revision: str | None, files: DatasetFiles
) -> CourseEdits:
    """Return the edits of course.yaml, apart from its materials; None removes a key."""
    course_files = CourseFiles(files.files, files.language)
    course_edits = course_files.change_fields(values)
    new_text = course_edits.edits[0].text
    require_revision(revision, course_files.revision, new_text, course_files.text)
    return course_edits


def add_material(draft: MaterialDraft, files: DatasetFiles) -> CourseEdits:
    """Return the edits that add a material."""
    return CourseFiles(files.files, files.language).add_material(draft)


def add_document(
    document: Document,
    draft: MaterialDraft,
    original: tuple[bytes, str],
    files: DatasetFiles,
) -> CourseEdits:
    """Return the edits that add a document, as one material or several.

    `draft` has what they have in common, `original` is the file and its name, or its path below
    materials/ if it lies there.
    """
    parts = split_text(document.markdown)
    drafts = [
        replace(
            draft, text=part, title=_name_part(draft.title, number, part, len(parts))
        )
        for number, part in enumerate(parts, start=1)
    ]
    return CourseFiles(files.files, files.language).add_document(drafts, *original)


def _name_part(
    title: Mapping[str, str], number: int, part: str, parts: int
) -> Mapping[str, str]:
    if parts == 1:
        return title
    return {
        language: name_part(words, number, part, language)
        for language, words in title.items()
    }


def edit_material(
    material_id: int, draft: MaterialDraft, revision: str | None, files: DatasetFiles
) -> CourseEdits:
    """Return the edits that change a material."""
    course_files = CourseFiles(files.files, files.language)
    material = course_files.material(files.materials, material_id)
    require_revision(revision, material.revision, draft.text or None, material.text)
    return course_files.change_material(material.place, draft)


def move_material(material_id: int, place: int, files: DatasetFiles) -> CourseEdits:
    """Return the edits that move a material within course.yaml."""
    course_files = CourseFiles(files.files, files.language)
    material = course_files.material(files.materials, material_id)
    title = course_files.value["materials"][material.place]["title"]
    text = material.text or ""
    file_url = material.file_url or ""
    draft = MaterialDraft(material.type, material.lesson, title, text, file_url, place)
    return course_files.change_material(material.place, draft)


def remove_material(
    material_id: int, revision: str | None, files: DatasetFiles
) -> CourseEdits:
    """Return the edits that remove a material, and its text if no other material refers to it."""
    course_files = CourseFiles(files.files, files.language)
    material = course_files.material(files.materials, material_id)
    require_revision(revision, material.revision, None, material.text)
    return course_files.remove_material(material.place)


def count_questions(
    ctx: Context, actor: Actor, days: int
) -> list[tuple[Course, int, int]]:
    """Return the courses that the actor leads, with the questions and disliked answers of each."""
    statistics = QuestionStatistics(ctx.db, ctx.default_dataset)
    first_day = ctx.clock().date() - timedelta(days=days - 1)
    questions, disliked = statistics.count_by_dataset(first_day)
    courses = list_led_courses(ctx, actor)
    return [
        (course, questions[course.slug], disliked[course.slug]) for course in courses
    ]
