"""A site for the staff pages: jobs with losses, models, verdicts, people, questions.

Names, messages and questions contain markup, so every test of these pages also checks escaping.
"""

import math
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count

from merlin.account.users import Consents, Users
from merlin.billing.quota import Allowance, Format
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.clock import utc_now
from merlin.core.heartbeat import Heartbeat
from merlin.core.permissions import Role
from merlin.dataset.changes import ChangeRequest, Changes, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.processes import Heartbeats
from merlin.providers.base import Answer, Checkpoint, JobEvent
from merlin.training.commits import CommitOutcome
from merlin.training.jobs import JobState
from merlin.training.models import read_conversations
from merlin.training.scores import questions_of
from tests.api import catalogue_files
from tests.api.running_api import run_api
from tests.api.staff_api import Committer
from tests.db.pipeline_rows import (
    PipelineRows,
    make_checked_dataset,
    make_commit,
    make_examples,
    make_finding,
    make_spec,
)
from tests.support.config import make_config
from tests.support.plan_config import make_plan

BORIS = 1002
VERA = 1003
ANNA = 1001
XSS = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
PLAN = make_plan(
    "student", {"ru": "Студент", "en": "Student"}, {Format.TEXT: Allowance(day=20)}
)
EPOCHS = 4
STEPS = 120


class ManualClock:
    """A clock that starts nine hours ago and advances only by `move`."""

    def __init__(self):
        self.now = utc_now() - timedelta(hours=9)

    def __call__(self):
        return self.now

    def move(self, seconds):
        self.now += timedelta(seconds=seconds * 60)


def make_example_file(question, answer, tags=""):
    """Return the text of an example's file."""
    tags_line = f"tags: [{tags}]\n" if tags else ""
    return f"messages:\n  - user: {question!r}\n  - assistant: {answer!r}\n{tags_line}"


EXAMPLES = {
    "examples/graphs/bfs.yaml": make_example_file(
        "Что такое обход в ширину?", "Соседи раньше дальних."
    ),
    "examples/graphs/dfs.yaml": make_example_file(
        "Что такое обход в глубину?", "Сначала вглубь.", "графы"
    ),
    "examples/xss/one.yaml": make_example_file(
        f"Что значит {XSS}?".replace("'", ""), "Это текст."
    ),
}
COURSES = {
    **catalogue_files.COURSES,
    "algorithms": {**catalogue_files.COURSES["algorithms"], **EXAMPLES},
}


@contextmanager
def run_staff_site(folder):
    """Run a site with people, jobs, models, verdicts and questions."""
    engine = {
        "name": "engine",
        "base_url": "http://127.0.0.1:1/v1",
        "active_jobs": 2,  # one runs, one more can be launched
        "prices": {"recall": {"input": 0, "output": 0, "training": 0.001}},
    }
    sunset = utc_now().date() + timedelta(days=40)
    models = {"recall": {"sunset": sunset}}
    config = make_config(
        providers=[engine],
        engine={"listen": "127.0.0.1:1"},
        budget={"per_month": 5},
        models=models,
    )
    with run_api(folder, plans=(PLAN,), config=config) as site:
        site.index_courses(COURSES)
        site.numbers = count(7000)
        add_people(site)
        fill_pipeline(site)
        ask_questions(site)
        site.committer = Committer(site, COURSES)
        yield site


def add_people(site):
    """Add an admin, a teacher, a student and two heartbeats."""
    site.add_user(VERA, Role.ADMIN)
    site.add_user(BORIS, Role.TEACHER, "algorithms")
    site.roles.grant(BORIS, Role.TEACHER, "cli:vera", "neurotypology")
    site.add_user(ANNA)
    for number, name in ((VERA, "Вера"), (BORIS, "Борис"), (ANNA, XSS)):
        Users(site.db).set_name(number, name)
    heartbeats = Heartbeats(site.database)
    now = utc_now()
    heartbeats.beat(
        Heartbeat("daemon", "merlin-1", 7, now - timedelta(hours=9), now, "polls")
    )
    heartbeats.beat(
        Heartbeat(
            "bot",
            "merlin-1",
            8,
            now - timedelta(hours=9),
            now - timedelta(minutes=5),
            "",
        )
    )


def fill_pipeline(site):
    """Record two models that served, a failed job, a running job and a rejected commit."""
    rows = site.rows = PipelineRows(site.database, ManualClock())
    spec = make_spec("algorithms", hyperparameters={"n_epochs": EPOCHS})
    rows.serve(1, make_examples(12), spec=spec)
    rows.serve(2, make_examples(14), spec=spec)
    store_test_answers(rows)
    job = rows.start(3, make_examples(15), spec=make_spec("python"), author=XSS[:40])
    rows.jobs.save(
        job, _change_job(rows, job, JobState.FAILED, error=f"insufficient_quota {XSS}")
    )
    job = rows.start(4, make_examples(16), spec=spec)
    rows.jobs.save(
        job, _change_job(rows, job, JobState.RUNNING, provider_job_id="ftjob-81c2")
    )
    site.job_id = job.job_id
    add_losses(site, range(1, 70))
    commit = make_commit(5, message=XSS)
    at = rows.clock()
    checked = make_checked_dataset(make_spec("hci"), (), (make_finding(),))
    reason = {"reason": "verdict-rejected", "arguments": {"errors": 1, "good": 0}}
    rows.record(
        commit, [CommitOutcome("hci", VerdictStatus.REJECTED, checked, **reason)], at
    )
    site.rejected = commit.sha


def store_test_answers(rows):
    """Store test answers: the first model answers all questions, the second fails one."""
    for model in rows.models.list_proved():
        test = read_conversations(rows.db, model.build_id, "test")
        for index, question in enumerate(questions_of(test)):
            is_lost = model.model_id.endswith("2") and not index
            answer = Answer(f"{XSS} {'долго ' * 60}" if is_lost else question.reference)
            rows.models.keep_answer(model, question.example_id, answer)


def _change_job(rows, job, state, **changes):
    return replace(job, state=state, updated_at=rows.clock(), **changes)


def add_losses(site, steps):
    """Add the running job's losses at these steps, and a checkpoint after each epoch."""
    rows = site.rows
    events = [
        JobEvent(
            event_id=f"e{step}",
            at=rows.clock(),
            level="info",
            message=f"Step {step}",
            kind="metrics",
            data={
                "step": step,
                "epoch": step * EPOCHS / STEPS,
                "total_steps": STEPS,
                "train_loss": 0.4
                + 2.4 * math.exp(-step / 25)
                + 0.06 * math.sin(step * 1.7),
            },
        )
        for step in steps
    ]
    if 1 in steps:
        events.append(JobEvent("note", rows.clock(), "info", XSS))
    checkpoints = [
        Checkpoint(
            f"ft:ckpt-{step}", step, {"valid_loss": 0.6 + 2.2 * math.exp(-step / 22)}
        )
        for step in steps
        if step % (STEPS // EPOCHS) == 0
    ]
    rows.jobs.add_events(site.job_id, events, checkpoints)


def ask_questions(site):
    """Ask nine questions as a student who consents to their use; dislike each third answer."""
    Consents(site.db).give(ANNA, "2026-11-22")
    sessions = Sessions(site.database, 1)
    turns = Turns(site.database, 1)
    session = sessions.open(ChatPlace(ANNA, ANNA))
    sessions.change(replace(session, dataset="algorithms"))
    for number in range(1, 10):
        question = Question(
            session.session_id, number, ANNA, f"Что такое {XSS}? ({number})"
        )
        turn = turns.ask(question, 1)
        turns.write(number, StoredAnswer("Не знаю.", model_id="ft:algorithms:1"))
        if number % 3 == 0:
            Ratings(site.database, 1).rate(turn.turn_id, ANNA, Rating.DOWN)


def propose_change(site, path, before, text, by=BORIS, dataset="algorithms"):
    """Submit a change of one file in this user's name; return its id."""
    change_request = ChangeRequest(telegram_editor(by, "Борис"), str(by), utc_now())
    changes = make_changes(dataset, [Edit(path, before, text)], change_request)
    Changes(site.db).put(changes)
    return changes[0].batch
