"""`merlin courses`: list the courses as the followed branch describes them."""

from collections.abc import Sequence

import typer

from merlin.app.courses import list_materials
from merlin.app.permissions import list_led_courses
from merlin.cli import language
from merlin.cli.options import DEFAULT, AsJson, ConfigPath, read_context
from merlin.cli.output import print_json, print_message, print_table, record, translate_word
from merlin.course.catalogue import Course, Material

app = typer.Typer()


@app.command()
def courses(config: ConfigPath = DEFAULT, json: AsJson = False) -> None:
    """List the courses that course.yaml files describe, by semester."""
    with read_context(config) as (ctx, actor):
        listed = list_led_courses(ctx, actor)
        records = (
            [_course_values(*list_materials(ctx, actor, course.course_id)) for course in listed]
            if json
            else []
        )
    if json:
        print_json(records)
        return
    names = ("semester", "course", "name", "materials", "teachers", "state")
    print_table([f"col-{name}" for name in names], [_row(course) for course in listed])
    if not listed:
        print_message("courses-none")


def _row(course: Course) -> list[object]:
    teachers = ", ".join(course.teachers)
    state = translate_word("course", "active" if course.is_active else "inactive")
    title = course.title(language())
    return [course.semester, course.slug, title, course.materials, teachers, state]


def _course_values(course: Course, materials: Sequence[Material]) -> dict[str, object]:
    material_records = [
        record(material, material_id="id", kind="type", name="title")
        | {"text": material.text or None, "file_url": material.file_url or None}
        for material in materials
    ]
    names = {"course_id": "id", "slug": "course", "is_active": "active", "counts": ""}
    return record(course, **names) | {"materials": material_records}
