"""Datasets whose commits, jobs and models go through real rows, and a catalogue to search."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from merlin.app import builds, jobs, models
from merlin.app import verdicts as verdict_acts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.messages import Message
from merlin.core.permissions import Authority, Role
from merlin.core.vocabulary import Vocabulary
from merlin.course.catalogue import Catalogue
from merlin.course.search import SearchIndex, VersionCache, search
from merlin.dataset.builds import make_build, training_key
from merlin.dataset.check import CheckedDataset, index_row
from merlin.dataset.commits import CommitHistory
from merlin.dataset.example import Example
from merlin.dataset.example_index import ExampleIndex
from merlin.dataset.finding import Finding
from merlin.dataset.gather import NewBuild, Outcome
from merlin.dataset.judge import TokenLimit, judge
from merlin.dataset.spec import CourseSpec, DatasetSpec, MaterialSpec, Recipe, SplitRule
from merlin.dataset.verdicts import VerdictStatus, select_verdicts, verdict_from_row
from merlin.db.tables import VERDICT
from merlin.git.source import Commit
from merlin.training.gate import Gates
from merlin.training.jobs import Jobs, JobState
from merlin.training.launch_plan import Launches, launch_waiting
from merlin.training.models import Evaluation, Models, ModelState
from merlin.training.promote import Promotions, promote_newest
from tests.support.config import config_of

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
FACE = "neurotypology"
BOT = 8700000001


def examples(count=12, changed=()):
    """Return `count` examples; those numbered in `changed` say something else."""
    return tuple(example(n, "иначе" if n in changed else "так") for n in range(count))


def example(number, words="так"):
    blob = f"{number:04d}{words.encode().hex()}"
    return Example(
        id=f"лицо/вопрос-{number:03d}",
        path=f"examples/лицо/вопрос-{number:03d}.yaml",
        blob=blob,
        messages=(
            Message("user", f"Что значит черта {number}?"),
            Message("assistant", f"Черта {number} значит {words}. Ёлка 100%."),
        ),
        split="test" if number == 0 else "train",
    )


def spec(dataset=FACE, system="Отвечай кратко.", **recipe):
    told = Recipe(**{"provider": "engine", "base_model": "recall", "suffix": dataset, **recipe})
    title = {"ru": "Нейротипология", "en": "Neurotypology"}
    return DatasetSpec(dataset, title, system, told, SplitRule(test=0.0))


def commit(position, name="a", author="anna", message="Add"):
    """Return a commit; `name` tells apart those of one position."""
    return Commit(
        sha=f"{name}{position:03d}".ljust(40, "0"),
        parent=None,
        position=position,
        author_name=author,
        author_email=f"{author}@example.com",
        committed_at=AT + timedelta(minutes=position),
        subject=message,
        message=f"{message}\n",
    )


def checked(told, taught, findings=()):
    index, limit = ExampleIndex(), TokenLimit(told.system, None)
    marked = (replace(each, marks=((1, 1),) * len(each.messages)) for each in taught)
    index.add_examples(index_row(each, told.recipe.method) for each in marked)
    index.touch_all()
    judge(index, told, limit)
    good, found = len(taught), tuple(findings)
    return CheckedDataset(told.name, told, None, good, 0, len(found), found, index, tuple(taught))


def finding(line=3):
    return Finding("examples/x.yaml", line, 1, "empty-file", arguments={"size": 0})


def planned(active_jobs=10, prices=None, **said):
    """Return a configuration of one provider that trains at once, so many jobs at a time."""
    one = {"name": "engine", "limits": {"active_jobs": active_jobs}, "prices": prices or {}}
    said = {"daemon": {"quiet_s": 0.0}, **said}
    return config_of(providers=[{"base_url": "http://127.0.0.1:1/v1", **one}], **said)


OPERATOR = Actor("cli:test", Authority(Role.ADMIN), is_operator=True)


class World:
    """Rows of every family on one database, and the steps of the pipeline on them."""

    def __init__(self, database, clock):
        self.db = database
        self.clock = clock
        self.journal = CommitHistory(database)
        self.jobs = Jobs(database)
        self.models = Models(database, clock)
        self.promotions = Promotions(database, clock)
        self.ctx = Context(config=config_of(), db=database, clock=clock)
        self.launches = Launches(database, planned(), clock)

    def job(self, job_id, **more):
        return jobs.get(self.ctx, OPERATOR, job_id, **more)

    def recent_jobs(self):
        return jobs.recent(self.ctx, OPERATOR)

    def recent_models(self, *dataset):
        return models.recent(self.ctx, OPERATOR, *dataset)

    def recent_builds(self, *dataset):
        return builds.recent(self.ctx, OPERATOR, *dataset)

    def log(self, *dataset, **more):
        return verdict_acts.log(self.ctx, OPERATOR, *dataset, **more)

    def of_commit(self, commit):
        return verdict_acts.recent(self.ctx, OPERATOR, commit=commit)

    def outcome(self, told, taught, findings=()):
        """Return what a commit with these examples leads to, as `build.gather` says it."""
        seen = checked(told, taught, findings)
        content = make_build(seen)
        wish = training_key(told.name, content.digest, told.recipe)
        latest = self.journal.latest(told.name)
        word = VerdictStatus.UNCHANGED if latest and latest.wish == wish else VerdictStatus.BUILT
        known = self.journal.build_of(told.name, content.digest)
        number = self.journal.next_number(told.name)
        new = None if known else NewBuild(number, f"{told.name}/{number}", content)
        return Outcome(told.name, word, seen, build=known, new_build=new, wish=wish)

    def push(self, position, taught, name="a", author="anna", told=None, findings=()):
        """Record one commit of one dataset; return its id."""
        made = commit(position, name, author)
        self.record(made, [self.outcome(told or spec(), taught, findings)], self.clock())
        return made.sha

    def record(self, made, outcomes, at):
        """Record a commit with its outcomes as `build.gather` does."""
        self.journal.drop_unfinished()
        ready = [self.journal.prepare(made, outcome, at) for outcome in outcomes]
        self.journal.record(made, ready, at)

    def launch(self):
        """Let the planner decide; return the jobs begun or joined."""
        self.clock.move(1)
        return launch_waiting(self.launches)

    def finish(self, job, state=JobState.SUCCEEDED):
        """End a job; a success names its model."""
        old = self.jobs.get(job.job_id)
        now, model_id = self.clock(), f"ft:{old.dataset}:{old.job_id}"
        new = replace(old, state=state, provider_job_id=f"job-{old.job_id}", updated_at=now)
        if state is JobState.SUCCEEDED:
            new = replace(new, model_id=model_id, trained_tokens=10)
        assert self.jobs.save(old, new)
        return model_id

    def prove(self, state=ModelState.GOOD):
        """Settle every new model."""
        for model in self.models.list_unproved():
            proof = Evaluation(model.model_row, 5, 77.5, 0.5, 0.2, self.clock())
            is_good = state is ModelState.GOOD
            self.models.settle(model, state, proof if is_good else None, "" if is_good else "mute")

    def promote(self):
        self.clock.move(1)
        return promote_newest(self.promotions, Gates(self.db, self.clock).holds)

    def serve(self, position, taught, **more):
        """Take a commit all the way to serving; return the model's id."""
        self.push(position, taught, **more)
        (job,) = self.launch()
        model_id = self.finish(job) if not self.jobs.get(job.job_id).is_final else job.model_id
        self.prove()
        self.promote()
        return model_id

    def verdict(self, position):
        """Return the verdict at a position of the line."""
        rows = self.db.rows(select_verdicts().where(VERDICT.position == position))
        return verdict_from_row(rows[0])

    def words(self):
        """Return the words of all verdicts by the first four letters of their commits."""
        rows = self.db.sql("SELECT commit_sha, word FROM verdict ORDER BY commit_sha")
        return {sha[:4]: word for sha, word in rows}

    def serving(self, dataset=FACE):
        found = self.promotions.serving().get(dataset)
        return found.model.model_id if found else None


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
        self.cache = VersionCache()

    def teach(self, courses):
        """Let these be all the courses that there are."""
        told = {
            slug: replace(checked(spec(slug), examples(1)), course=course)
            for slug, course in courses.items()
        }
        self.rows.index(told, AT)
        return self

    def search(self, query, kind="course", most=10):
        """Return what a query finds."""

        def words():
            return self.cache.read(self.rows.version(), lambda: Vocabulary(self.index.texts()))

        return search(self.index, words, query, kind, most)

    def found(self, query, most=10):
        """Return the slugs of the courses that a query finds."""
        slugs = {course.course_id: course.slug for course in self.rows.courses()}
        hits = self.search(query, most=most).hits
        return [slugs[number] for number, _ in hits if number in slugs]

    def materials(self, query, most=10):
        """Return the ids of the materials that a query finds."""
        return [number for _, number in self.search(query, "material", most).hits]
