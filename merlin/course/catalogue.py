"""Catalogue: the courses as the followed branch describes them, and their materials.

A course is a dataset with a course.yaml. The rows are made anew from each commit; this module
says what they hold and which of them is which, and knows neither git nor a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from merlin.core.text import LANGUAGES
from merlin.dataset.check import Checked
from merlin.dataset.finding import Severity
from merlin.dataset.layout import COURSE_FILE
from merlin.dataset.naming import is_good
from merlin.dataset.spec import Localised, MaterialSpec

KINDS = ("lecture", "seminar", "lab")


@dataclass(frozen=True, slots=True)
class Course:
    """A course; `slug` is its name in addresses and the name of its dataset.

    `course_id` stays for as long as the database does. `semester` counts from 1; `teachers` are
    account names; `materials` is how many there are, `counts` how many of each kind. One that git
    has no longer is not active.
    """

    course_id: int
    slug: str
    semester: int
    name: Localised
    description: Localised
    is_active: bool = True
    teachers: tuple[str, ...] = ()
    materials: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def dataset(self) -> str:
        """Return the dataset whose model answers about this course."""
        return self.slug

    def title(self, language: str) -> str:
        """Return its name in `language`, else in another one, else its slug."""
        return said(self.name, language) or self.slug

    def about(self, language: str) -> str:
        """Return its description in `language`, else in another one, else ""."""
        return said(self.description, language)


@dataclass(frozen=True, slots=True)
class Material:
    """One material of a course; `kind` is lecture, seminar or lab.

    `text` is the path of its Markdown file within the dataset's folder, `file_url` a link; one of
    them at least is there, the other is "".
    """

    material_id: int
    lesson: int
    kind: str
    name: Localised
    text: str = ""
    file_url: str = ""

    def title(self, language: str) -> str:
        """Return its title in `language`, else in another one."""
        return said(self.name, language)


class Catalogue(Protocol):
    """Where courses are read; nobody but the daemon's look at git writes them."""

    def courses(self, *, active_only: bool = True) -> list[Course]:
        """Return the courses by semester, then slug."""

    def course(self, slug: str) -> Course:
        """Return one course, active or not. Raises NotFound."""

    def materials(self, slug: str) -> list[Material]:
        """Return a course's materials by kind, lesson and place in its file. Raises NotFound."""

    def numbered(self, course_id: int) -> Course:
        """Return one course by its number, active or not. Raises NotFound."""

    def version(self) -> int:
        """Return the number that grows with each change of anything that the catalogue says."""


def said(texts: Localised, language: str) -> str:
    """Return the text in `language`, else in another that has one, else ""."""
    # Said of every course of a list: mostly the wanted one is there.
    return texts.get(language) or next((texts[each] for each in LANGUAGES if texts.get(each)), "")


def is_told(dataset: str, checked: Checked | None) -> bool:
    """Return whether a commit says what the course of a dataset is now, or that it has none.

    `checked` is None for a dataset that the commit removed. A broken course.yaml says nothing,
    and neither does one in a folder whose name is no slug: what was known stays.
    """
    if checked is None:
        return True
    broken = any(
        each.path == COURSE_FILE and each.severity is Severity.ERROR for each in checked.findings
    )
    return is_good(dataset) and not broken


# By what a material is known again after an edit: the first that fits counts.
_SIGNS: tuple[Callable[[Material | MaterialSpec], object], ...] = (
    lambda each: (each.lesson, each.kind, each.text or each.file_url),
    lambda each: each.text or each.file_url,
    lambda each: (each.lesson, each.kind, _title(each)),
)


def recognised(known: Sequence[Material], told: Sequence[MaterialSpec]) -> list[int | None]:
    """Return, for each material of a course.yaml, the id of the known one that it is, or None.

    So an id outlives another title, lesson, type, file or place; no id is given twice.
    """
    ids: list[int | None] = [None] * len(told)
    for sign in _SIGNS:
        given = set(ids)
        left: dict[object, list[int]] = {}
        for each in known:
            if each.material_id not in given:
                left.setdefault(sign(each), []).append(each.material_id)
        for place, spec in enumerate(told):
            if ids[place] is None and left.get(sign(spec)):
                ids[place] = left[sign(spec)].pop(0)
    return ids


def _title(material: Material | MaterialSpec) -> object:
    titles = material.name if isinstance(material, Material) else material.title
    return tuple(titles.get(language, "") for language in LANGUAGES)
