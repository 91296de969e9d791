"""Courses follow the branch: from a commit's course.yaml to the catalogue."""

import pytest
import yaml

from merlin.course.catalogue import Catalogue, mark_incomplete
from merlin.wiring.context import open_reading_context

pytestmark = pytest.mark.integration

LECTURE = {
    "lesson": 1,
    "type": "lecture",
    "title": {"ru": "Начало"},
    "text": "materials/one.md",
}


def write_course(lab, dataset="trial", **changes):
    folder = lab.repository.folder / "datasets" / dataset
    (folder / "materials").mkdir(exist_ok=True)
    (folder / "materials" / "one.md").write_text("# Начало\n", encoding="utf-8")
    spec = {"semester": 1, "name": {"ru": "Проба"}, "materials": [LECTURE], **changes}
    (folder / "course.yaml").write_text(
        yaml.safe_dump(spec, allow_unicode=True), "utf-8"
    )
    lab.repository.commit("Tell of the course")


def list_courses(lab):
    with open_reading_context(lab.config) as ctx:
        return {course.slug: course for course in ctx.read_courses().courses}


def test_course_follows_its_commit(lab):
    write_course(lab)
    lab.tick("fetch")
    assert list_courses(lab)["trial"].title("en") == "Проба"
    write_course(lab, name={"ru": "Иначе", "en": "Else"})
    lab.tick("fetch")
    assert list_courses(lab)["trial"].title("en") == "Else"


def test_broken_course_file_is_reported_and_the_old_course_stays(lab, waiting_notices):
    write_course(lab)
    lab.tick("fetch")
    write_course(lab, semester=99)
    lab.tick("fetch")
    assert list_courses(lab)["trial"].semester == 1
    assert waiting_notices()["notice-findings"]["place"].startswith("course.yaml:")


def test_database_without_courses_is_filled_at_the_next_fetch(lab):
    write_course(lab)
    lab.tick("fetch")
    with lab.services() as services:
        db = services.db
        for table in ("material", "course"):
            db.sql(f"DELETE FROM {table}")  # noqa: S608 - our own names
        mark_incomplete(db)
    assert list_courses(lab) == {}
    lab.tick("fetch")
    assert list(list_courses(lab)) == ["trial"]
    with lab.services() as services:
        assert Catalogue(services.db).is_whole()
