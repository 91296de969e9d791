"""A catalogue for the tests of search: courses by slug, written as a commit writes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml
from store_world import AT, checked, examples, spec

from merlin.course.catalogue import Catalogue
from merlin.course.search import Kind, Searcher, SearchIndex, VocabularyCache
from merlin.dataset.spec import CourseSpec, MaterialSpec

JUDGED = yaml.safe_load(
    (Path(__file__).parents[1] / "course" / "judged_queries.yaml").read_text("utf-8")
)


def card(ru, en="", about=("", ""), titles=(), **changes):
    """Return a course.yaml; `titles` are those of its lectures."""
    name, description = {"ru": ru, "en": en or ru}, {"ru": about[0], "en": about[1]}
    materials = tuple(
        MaterialSpec(place, "lecture", {"ru": title, "en": title}, text=f"materials/{place}.md")
        for place, title in enumerate(titles, 1)
    )
    return replace(CourseSpec(1, name, description, True, (), materials), **changes)


def judged():
    """Return the courses that the judged queries are about."""
    return {
        slug: card(ru, en, (about_ru, about_en))
        for slug, (ru, en, about_ru, about_en) in JUDGED["courses"].items()
    }


class TaughtCourses:
    """Courses in a database, and a search over them."""

    def __init__(self, database):
        self.rows = Catalogue(database)
        self.index = SearchIndex(database)
        self.searcher = Searcher(self.index, self.rows.version, VocabularyCache())

    def teach(self, courses):
        """Let these be all the courses that there are."""
        told = {
            slug: replace(checked(spec(slug), examples(1)), course=course)
            for slug, course in courses.items()
        }
        self.rows.index(told, AT)
        return self

    def found(self, query, most=10):
        """Return the slugs of the courses that a query finds."""
        hits = self.searcher.search(query, most=most).hits
        return [each.slug for each in self.rows.numbered([hit.course_id for hit in hits])]

    def materials(self, query, most=10):
        """Return the ids of the materials that a query finds."""
        found = self.searcher.search(query, Kind.MATERIAL, most)
        return [hit.material_id for hit in found.hits]
