"""What teachers and admins look at: jobs with losses, models, verdicts, people, questions.

Names and words of others try to be markup here, so that every test of these pages is one of that.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count

from merlin.account.approvals import Approvals
from merlin.account.users import Consents, Users
from merlin.billing.quota import Allowance, Format
from merlin.chat.feedback import Rating, Ratings
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.clock import utc_now
from merlin.core.errors import ApprovalNeeded
from merlin.core.heartbeat import Heartbeat
from merlin.core.permissions import Role
from merlin.dataset.changes import ChangeRequest, Changes, Edit, make_changes
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.gather import Outcome
from merlin.dataset.verdicts import VerdictStatus
from merlin.db.processes import Heartbeats
from merlin.providers.base import Answer, Checkpoint, JobEvent
from merlin.training.jobs import JobState
from merlin.training.models import questions_of, read_conversations
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

BORIS, VERA, ANNA = 1002, 1003, 1001
COLLEAGUE = 1009  # another admin, who is away
XSS = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
PLAN = make_plan("student", {"ru": "Студент", "en": "Student"}, {Format.TEXT: Allowance(day=20)})
# A thousandth of a dollar a million tokens.
EPOCHS, STEPS = 4, 120


class Past:
    """A clock that begins some hours ago and goes on when it is told to."""

    def __init__(self):
        self.now = utc_now() - timedelta(hours=9)

    def __call__(self):
        return self.now

    def move(self, seconds):
        self.now += timedelta(seconds=seconds * 60)


def example(question, answer, tags=""):
    """Return an example's file."""
    said = f"tags: [{tags}]\n" if tags else ""
    return f"messages:\n  - user: {question!r}\n  - assistant: {answer!r}\n{said}"


EXAMPLES = {
    "examples/graphs/bfs.yaml": example("Что такое обход в ширину?", "Соседи раньше дальних."),
    "examples/graphs/dfs.yaml": example("Что такое обход в глубину?", "Сначала вглубь.", "графы"),
    "examples/xss/one.yaml": example(f"Что значит {XSS}?".replace("'", ""), "Это текст."),
}
COURSES = {
    **catalogue_files.COURSES,
    "algorithms": {**catalogue_files.COURSES["algorithms"], **EXAMPLES},
}


@contextmanager
def staff_site(folder):
    """Run a site whose pipeline has been at work for some hours."""
    engine = {
        "name": "engine",
        "base_url": "http://127.0.0.1:1/v1",
        "limits": {"active_jobs": 2},  # one runs, another may be launched
        "prices": {"recall": {"input": 0, "output": 0, "training": 0.001}},
    }
    sunset = utc_now().date() + timedelta(days=40)
    models = {"recall": {"sunset": sunset}}
    config = make_config(providers=[engine], budget={"per_month": 5}, models=models)
    with run_api(folder, plans=(PLAN,), config=config) as site:
        site.index_courses(COURSES)
        site.numbers = count(7000)
        people(site)
        pipeline(site)
        talks(site)
        site.committer = Committer(site, COURSES)
        yield site


def people(site):
    """Let an admin, a teacher and students be known."""
    site.add_user(VERA, Role.ADMIN)
    site.add_user(BORIS, Role.TEACHER, "algorithms")
    site.roles.grant(BORIS, Role.TEACHER, "cli:vera", "neurotypology")
    site.add_user(ANNA)
    for number, name in ((VERA, "Вера"), (BORIS, "Борис"), (ANNA, XSS)):
        Users(site.db).set_name(number, name)
    role = {"role": {"key": "role-editor", "arguments": {}}, "scope": f" ({'hci' * 20})"}
    model = {"model": f"ft:recall:merlin:{'algo' * 12}:4162915f"}
    waiting = Approvals(site.database)
    for act, subject, asker, told in (
        ("grant", f"user:{ANNA}", COLLEAGUE, role),
        ("promote", "dataset:algorithms", VERA, model),
    ):
        waiting.propose(ApprovalNeeded(act, subject, asker, {"user_id": ANNA}, told))
    beats = Heartbeats(site.database)
    now = utc_now()
    beats.beat(Heartbeat("daemon", "merlin-1", 7, now - timedelta(hours=9), now, "polls"))
    beats.beat(
        Heartbeat("bot", "merlin-1", 8, now - timedelta(hours=9), now - timedelta(minutes=5), "")
    )


def pipeline(site):
    """Let models serve, a job run, one fail, one commit be rejected and one be held."""
    world = site.world = PipelineRows(site.database, Past())
    told = make_spec("algorithms", hyperparameters={"n_epochs": EPOCHS})
    world.serve(1, make_examples(12), spec=told)
    world.serve(2, make_examples(14), spec=told)
    keep_answers(world)
    world.push(3, make_examples(15), spec=make_spec("python"), author=XSS[:40])
    (job,) = world.launch()
    world.jobs.save(job, _moved(world, job, JobState.FAILED, error=f"insufficient_quota {XSS}"))
    world.push(4, make_examples(16), spec=told)
    (job,) = world.launch()
    world.jobs.save(job, _moved(world, job, JobState.RUNNING, provider_job_id="ftjob-81c2"))
    site.job_id = job.job_id
    measure(site, range(1, 70))
    made, at = make_commit(5, message=XSS), world.clock()
    seen = make_checked_dataset(make_spec("hci"), (), (make_finding(),))
    told = {"reason": "verdict-rejected", "arguments": {"errors": 1, "good": 0}}
    world.record(made, [Outcome("hci", VerdictStatus.REJECTED, seen, **told)], at)
    site.rejected = made.sha


def keep_answers(world):
    """Let the first model have known every test question, and the second one of them no more."""
    for model in world.models.list_good_or_gone():
        test = read_conversations(world.db, model.build_id, "test")
        for place, question in enumerate(questions_of(test)):
            is_lost = model.model_id.endswith("2") and not place
            answer = Answer(f"{XSS} {'долго ' * 60}" if is_lost else question.reference)
            world.models.keep_answer(model, question.example_id, answer)


def _moved(world, job, state, **more):
    return replace(job, state=state, updated_at=world.clock(), **more)


def measure(site, steps):
    """Let the running job tell its losses at these steps, and a checkpoint after each epoch."""
    world = site.world
    events = [
        JobEvent(
            event_id=f"e{step}",
            at=world.clock(),
            level="info",
            message=f"Step {step}",
            kind="metrics",
            data={
                "step": step,
                "epoch": step * EPOCHS / STEPS,
                "total_steps": STEPS,
                "train_loss": 0.4 + 2.4 * math.exp(-step / 25) + 0.06 * math.sin(step * 1.7),
            },
        )
        for step in steps
    ]
    if 1 in steps:
        events.append(JobEvent("note", world.clock(), "info", XSS))
    saved = [
        Checkpoint(f"ft:ckpt-{step}", step, {"valid_loss": 0.6 + 2.2 * math.exp(-step / 22)})
        for step in steps
        if step % (STEPS // EPOCHS) == 0
    ]
    world.jobs.add_diary(site.job_id, events, saved)


def finish(site):
    """Let the running job succeed."""
    world = site.world
    old = world.jobs.get(site.job_id)
    world.jobs.save(old, _moved(world, old, JobState.SUCCEEDED, model_id="ft:algorithms:last"))


def talks(site):
    """Let students ask, and not like some answers; one of them allows the use of their words."""
    Consents(site.db).give(ANNA, "2026-11-22")
    sessions, turns = Sessions(site.database, 1), Turns(site.database, 1)
    session = sessions.open(ChatPlace(ANNA, ANNA))
    sessions.change(replace(session, dataset="algorithms"))
    for number in range(1, 10):
        asked = Question(session.session_id, number, ANNA, f"Что такое {XSS}? ({number})")
        turn = turns.ask(asked, 1)
        turns.write(number, StoredAnswer("Не знаю.", model_id="ft:algorithms:1"))
        if number % 3 == 0:
            Ratings(site.database, 1).rate(turn.turn_id, ANNA, Rating.DOWN)


def propose(site, path, before, text, by=BORIS, dataset="algorithms"):
    """Ask for a change of one file in somebody's name; return its id."""
    change_request = ChangeRequest(telegram_editor(by, "Борис"), str(by), utc_now())
    changes = make_changes(dataset, [Edit(path, before, text)], change_request)
    Changes(site.db).put(changes)
    return changes[0].batch
