"""New datasets: dataset.yaml, course.yaml and examples, made by one commit.

Whoever may edit some course may make one: course.yaml names a teacher, so that they lead it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import yaml

from merlin.app import examples
from merlin.app.actor import Actor
from merlin.app.changes import DatasetFiles
from merlin.app.context import Context
from merlin.app.permissions import list_unread_datasets, name_in_courses
from merlin.core.errors import Forbidden, Refused
from merlin.core.formatted_text import is_blank
from merlin.core.i18n import text
from merlin.core.names import is_valid_name
from merlin.core.permissions import Permission, Role
from merlin.course.editing import CourseEdits, write_course
from merlin.dataset.changes import Edit
from merlin.dataset.entries import FileText
from merlin.dataset.files import FileIndex
from merlin.dataset.import_fields import NO_CHOICES, FieldChoices
from merlin.dataset.import_lines import ImportedLine
from merlin.dataset.import_plan import ImportPlan
from merlin.dataset.layout import COURSE_FILE, DATASET_FILE, NameAllocator
from merlin.dataset.preview import edited_blob
from merlin.dataset.spec import ENGINE, RECALL


@dataclass(frozen=True, slots=True)
class NewDataset:
    """A dataset to be made: its title in a language; `teacher` is an account name, "" for none."""

    name: str
    title: str
    language: str
    teacher: str = ""

    @property
    def files(self) -> list[FileText]:
        """Return its dataset.yaml and its course.yaml."""
        value = {
            "title": {self.language: self.title},
            "system": text(self.language, "init-system"),
            "recipe": {"provider": ENGINE, "base_model": RECALL},
            # recall answers only what it was taught: none is kept back for the test.
            "split": {"test": 0},
            # And it learns in a second: a commit is trained at once.
            "launch": {"quiet_s": 0},
        }
        written = yaml.safe_dump(
            value, allow_unicode=True, sort_keys=False, width=10**6
        )
        card: dict[str, object] = {"semester": 1, "name": {self.language: self.title}}
        if self.teacher:
            card["teachers"] = [self.teacher]
        texts = {DATASET_FILE: written, COURSE_FILE: write_course(card)}
        return [FileText(self.name, path, "", each) for path, each in texts.items()]


def propose_name(ctx: Context, title: str) -> str:
    """Return a name that no dataset has, made of the first words of a title."""
    return NameAllocator(_list_taken_names(ctx)).allocate(title)


def _list_taken_names(ctx: Context) -> set[str]:
    """Return the folders of the newest commit, and the datasets that await a commit."""
    return {
        *FileIndex(ctx.db).read_trees(),
        *(change.dataset for change in list_unread_datasets(ctx)),
    }


def read_unused(ctx: Context, actor: Actor, name: str) -> DatasetFiles:
    """Return the files of a dataset that is to be made: none.

    Raises Forbidden, and Refused, with another name, for one that is no name or has a folder.
    """
    if not actor.may(Permission.EDIT_MATERIALS):
        raise Forbidden("no new datasets")
    taken = {each.casefold() for each in _list_taken_names(ctx)}
    if is_valid_name(name) and name.casefold() not in taken:
        return DatasetFiles(dataset=name, files=[], materials=[])
    key = "new-dataset-taken" if is_valid_name(name) else "init-bad-name"
    proposed = propose_name(ctx, name)
    raise Refused(f"{name}: {key}", key, dataset=name, proposed=proposed)


def describe(
    ctx: Context, actor: Actor, name: str, title: str, language: str
) -> NewDataset:
    """Return a new dataset of which the actor is the teacher.

    Raises Refused without a title, without an engine that trains it, and for a teacher without a
    user name, whom no course.yaml can name.
    """
    if is_blank(title):
        raise Refused("no title", "new-dataset-no-title")
    if ENGINE not in {provider.name for provider in ctx.config.providers}:
        raise Refused("no engine", "new-dataset-no-engine")
    teacher = name_in_courses(ctx, actor)
    if not teacher and actor.authority.role is Role.TEACHER:
        raise Refused("no user name", "new-dataset-no-teacher")
    return NewDataset(name, title.strip(), language, teacher)


def plan(
    ctx: Context,
    new: NewDataset,
    lines: Iterable[ImportedLine] = (),
    choices: FieldChoices = NO_CHOICES,
) -> ImportPlan:
    """Return the plan of its examples; slow, reads no rows. Raises Refused as `examples.plan`.

    It also says that they are too few to be trained.
    """
    files = DatasetFiles(dataset=new.name, files=new.files, materials=[])
    planned = examples.plan(ctx, files, lines, choices)
    if not planned.good_edits:
        return planned
    added = [
        FileText(new.name, edit.path, edited_blob(edit.text or ""), edit.text)
        for edit in planned.good_edits
    ]
    checked = ctx.checker.check(new.name, [*new.files, *added])
    short = [each for each in checked.findings if each.rule == "too-few-examples"]
    return replace(planned, findings=(*planned.findings, *short))


def make_edits(new: NewDataset, planned: ImportPlan) -> CourseEdits:
    """Return the edits that make a dataset, and the subject of their commit."""
    edits = [Edit(file.path, None, file.text) for file in new.files]
    subject = {"key": "init-subject", "arguments": {"dataset": new.name}}
    return CourseEdits((*edits, *planned.committed), subject)
