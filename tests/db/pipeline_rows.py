"""Datasets, commits, jobs and models as real rows, and a course catalogue to search."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path, PurePath

import yaml

from merlin.app import builds, jobs, models, verdicts as verdict_acts
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.core.messages import Message
from merlin.core.permissions import Authority, Role
from merlin.course.catalogue import Catalogue
from merlin.course.search import EVERYTHING, search
from merlin.dataset.builds import describe_build, make_build, training_key
from merlin.dataset.changes import (
    BatchResult,
    ChangeRequest,
    Changes,
    Edit,
    make_changes,
)
from merlin.dataset.check import CheckedDataset
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.example import Example
from merlin.dataset.finding import Finding
from merlin.dataset.spec import CourseSpec, DatasetSpec, MaterialSpec, Recipe, SplitRule
from merlin.dataset.split import split
from merlin.dataset.verdicts import VerdictStatus, select_verdicts, verdict_from_row
from merlin.db.search_index import SearchIndex
from merlin.db.tables import VERDICT
from merlin.git.source import Commit, blob_id
from merlin.training.commits import CommitHistory, CommitOutcome
from merlin.training.gate import Gates
from merlin.training.jobs import Jobs, JobState
from merlin.training.launch_plan import Launches, launch_waiting
from merlin.training.models import Models, ModelState
from merlin.training.promote import Promotions, promote_newest
from merlin.training.scores import Evaluation
from tests.support.config import make_config

AT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
FACE = "neurotypology"
BOT = 8700000001


def make_examples(count=12, changed=()):
    """Return `count` examples; those numbered in `changed` have another answer."""
    return tuple(
        make_example(n, "иначе" if n in changed else "так") for n in range(count)
    )


def make_example(number, words="так"):
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


def make_spec(dataset=FACE, system="Отвечай кратко.", **recipe):
    made_recipe = Recipe(
        **{"provider": "engine", "base_model": "recall", "suffix": dataset, **recipe}
    )
    title = {"ru": "Нейротипология", "en": "Neurotypology"}
    return DatasetSpec(dataset, title, system, made_recipe, SplitRule(test=0.0))


def make_commit(position, name="a", author="anna", message="Add"):
    """Return a commit; `name` distinguishes commits at one position."""
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


def make_checked_dataset(spec, examples, findings=()):
    good = tuple(sorted(examples, key=lambda example: example.id))
    return CheckedDataset(
        spec.name,
        spec,
        None,
        tuple(findings),
        rejected=len(findings),
        examples=good,
        sides=split(good, spec.split),
    )


def make_finding(line=3):
    return Finding("examples/x.yaml", line, 1, "empty-file", arguments={"size": 0})


def planning_config(active_jobs=10, prices=None, **settings):
    """Return a configuration with one provider that trains at once, with a limit of active jobs."""
    provider = {"name": "engine", "active_jobs": active_jobs, "prices": prices or {}}
    settings = {"daemon": {"quiet_s": 0.0}, **settings}
    return make_config(
        providers=[{"base_url": "http://127.0.0.1:1/v1", **provider}], **settings
    )


OPERATOR = Actor("cli:test", Authority(Role.ADMIN), is_operator=True)


class PipelineRows:
    """Rows of every table family in one database, and the steps of the pipeline over them."""

    def __init__(self, database, clock):
        self.db = database
        self.clock = clock
        self.history = CommitHistory(database)
        self.jobs = Jobs(database)
        self.models = Models(database, clock)
        self.promotions = Promotions(database, clock)
        self.ctx = Context(config=make_config(), db=database, clock=clock)
        self.launches = Launches(database, planning_config(), clock)

    def job(self, job_id, **options):
        return jobs.get(self.ctx, OPERATOR, job_id, **options)

    def recent_jobs(self):
        return jobs.list_recent(self.ctx, OPERATOR)

    def recent_models(self, *dataset):
        return models.list_recent(self.ctx, OPERATOR, *dataset)

    def recent_builds(self, *dataset):
        return builds.list_recent(self.ctx, OPERATOR, *dataset)

    def log(self, *dataset, **options):
        return verdict_acts.list_mainline(self.ctx, OPERATOR, *dataset, **options)

    def of_commit(self, commit):
        return verdict_acts.list_of_condition(
            self.ctx, VERDICT.commit_sha.startswith(commit)
        )

    def outcome(self, spec, examples, findings=()):
        """Return the outcome of a commit with these examples, as `builds.gather` gives it."""
        dataset = make_checked_dataset(spec, examples, findings)
        content = make_build(dataset)
        key = training_key(spec.name, content.digest, spec.recipe)
        latest = self.history.latest(spec.name)
        status = (
            VerdictStatus.UNCHANGED
            if latest and latest.training_key == key
            else VerdictStatus.BUILT
        )
        existing_build = self.history.build_of(spec.name, content.digest)
        number = self.history.next_number(spec.name)
        new = describe_build(
            content, number, PurePath(spec.name, str(number)), self.clock()
        )
        return CommitOutcome(
            spec.name,
            status,
            dataset,
            build=existing_build or new,
            content=None if existing_build else content,
            training_key=key,
        )

    def push(self, position, examples, name="a", author="anna", spec=None, findings=()):
        """Record one commit of one dataset; return its id."""
        new_commit = make_commit(position, name, author)
        self.record(
            new_commit,
            [self.outcome(spec or make_spec(), examples, findings)],
            self.clock(),
        )
        return new_commit.sha

    def push_one(self, position, examples, **options):
        """Push a commit; return the only verdict that waits for a training then."""
        self.push(position, examples, **options)
        (verdict,) = self.launches.list_waiting()
        return verdict

    def record(self, new_commit, outcomes, at):
        """Record a commit with its outcomes, as `gather` does."""
        self.history.record(new_commit, outcomes, at)

    def launch(self):
        """Run the planner; return the jobs started or joined."""
        self.clock.move(1)
        return launch_waiting(self.launches)

    def start(self, position, examples, **options):
        """Push a commit; return the job started for it."""
        self.push(position, examples, **options)
        (job,) = self.launch()
        return job

    def finish(self, job, state=JobState.SUCCEEDED):
        """End a job; a successful one gets a model id."""
        old = self.jobs.get(job.job_id)
        now = self.clock()
        model_id = f"ft:{old.dataset}:{old.job_id}"
        new = replace(
            old, state=state, provider_job_id=f"job-{old.job_id}", updated_at=now
        )
        if state is JobState.SUCCEEDED:
            new = replace(new, model_id=model_id, trained_tokens=10)
        assert self.jobs.save(old, new)
        return model_id

    def prove(self, state=ModelState.GOOD):
        """Settle every model that awaits its test."""
        for model in self.models.list_unproved():
            proof = Evaluation(questions=5, right=3, chrf=77.5)
            is_good = state is ModelState.GOOD
            self.models.settle(
                model, state, proof if is_good else None, "" if is_good else "mute"
            )

    def promote(self):
        self.clock.move(1)
        return promote_newest(self.promotions, Gates(self.db, self.clock).holds)

    def prove_and_promote(self):
        self.prove()
        self.promote()

    def serve(self, position, examples, **options):
        """Take a commit all the way to a live model; return the model's id."""
        job = self.start(position, examples, **options)
        model_id = (
            self.finish(job) if not self.jobs.get(job.job_id).is_final else job.model_id
        )
        self.prove_and_promote()
        return model_id

    def verdict(self, position):
        """Return the verdict at a position of the mainline."""
        rows = self.db.rows(select_verdicts().where(VERDICT.position == position))
        return verdict_from_row(rows[0])

    def statuses(self):
        """Return the statuses of all verdicts by the first four characters of their commits."""
        rows = self.db.sql("SELECT commit_sha, status FROM verdict ORDER BY commit_sha")
        return {sha[:4]: status for sha, status in rows}

    def serving(self, dataset=FACE):
        live = self.promotions.list_serving().get(dataset)
        return live.model.model_id if live else None


def commit_edit(world, position, *texts, paths=("examples/x.yaml",), **options):
    """Commit an edit that gives each path a text, from what it was before, None to delete it."""
    sha = world.push(position, make_examples(12 + position), **options)
    edits = [
        Edit(path, None if old is None else blob_id(old), new)
        for path, (old, new) in zip(paths, texts, strict=True)
    ]
    request = ChangeRequest(telegram_editor(7, "Boris"), "7", world.clock())
    changes = Changes(world.db, world.clock)
    changes.put(make_changes(FACE, edits, request))
    changes.settle(changes.claim(), BatchResult(sha))
    return sha


def push_wrong(world, position, *lines, status=VerdictStatus.LEFT_OUT, **options):
    """Record a commit whose check finds an error in each of these lines of one file."""
    findings = [make_finding(line) for line in lines]
    examples = make_examples(12 + position)
    sha = world.push(position, examples, findings=findings, **options)
    world.db.update(VERDICT, VERDICT.position == position, status=status.value)
    return sha


JUDGED = yaml.safe_load(
    (Path(__file__).parents[1] / "course" / "judged_queries.yaml").read_text("utf-8")
)


def make_course(ru, en="", about=("", ""), titles=(), **changes):
    """Return the spec of a course; `titles` are the titles of its lectures."""
    name = {"ru": ru, "en": en or ru}
    description = {"ru": about[0], "en": about[1]}
    materials = tuple(
        MaterialSpec(
            number, "lecture", {"ru": title, "en": title}, text=f"materials/{number}.md"
        )
        for number, title in enumerate(titles, 1)
    )
    return replace(CourseSpec(1, name, description, True, (), materials), **changes)


def judged_courses():
    """Return the courses that the judged queries refer to."""
    return {
        slug: make_course(ru, en, (about_ru, about_en))
        for slug, (ru, en, about_ru, about_en) in JUDGED["courses"].items()
    }


class CourseCatalogue:
    """Courses in a database, and a search over them."""

    def __init__(self, database):
        self.rows = Catalogue(database)

    def teach(self, courses):
        """Make these the only courses."""
        datasets = {
            slug: replace(
                make_checked_dataset(make_spec(slug), make_examples(1)), course=course
            )
            for slug, course in courses.items()
        }
        self.rows.index(datasets)
        return self

    def search(self, query, limit=10):
        """Return the search result of a query."""
        index = SearchIndex(self.rows.db)
        read_words = partial(index.read_vocabulary, EVERYTHING)
        return search(index, query, limit, read_words=read_words)

    def found(self, query, limit=10):
        """Return the slugs of the courses a query finds."""
        return [*self.search(query, limit=limit).hits]


def column_types(database, table):
    """Return column -> whether it is a number."""
    if database.dialect == "sqlite":
        rows = database.sql("SELECT name, type FROM pragma_table_info(?)", table)
    else:
        query = "SELECT column_name, data_type FROM information_schema.columns"
        rows = database.sql(f"{query} WHERE table_name = ?", table)
    return {name: kind.upper() != "TEXT" for name, kind in rows}
