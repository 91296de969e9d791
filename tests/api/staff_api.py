"""An API beside a real daemon: builds, jobs, models, commits, and records of every kind."""

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from merlin.account.users import Users
from merlin.app import models, verdicts
from merlin.app.actor import Actor
from merlin.chat.answer import RetryPolicy
from merlin.chat.feedback import Rating, Ratings
from merlin.core.permissions import Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.changes import CONFLICT, BatchResult, Changes, ChangeState
from merlin.git.source import blob_id
from tests.api.chat_api import Conversation
from tests.api.payment_api import PACK, PLUS, payment_settings
from tests.api.running_api import (
    ANNA,
    BORIS,
    COURSES,
    NOT_LIMITED,
    SECRET,
    VERA,
    Site,
    run_site,
)
from tests.api.sign_in_data import TOKEN, set_bot_name, set_password
from tests.support.dataset_tree import make_good_files
from tests.support.pipeline_lab import Lab
from tests.support.plan_config import make_plan
from tests.support.process_settings import ProcessSettings, Provider
from tests.support.stand_ins import ProviderStandIn, YooKassaStandIn

PRICED = {"stand-in-base": {"price": {"input": 1, "output": 2, "training": 100}}}


class DaemonSite(Site):
    """A site whose daemon runs only by `lab.tick`; `admin` is a client with vera's key."""

    def __init__(self, lab, *parts) -> None:
        super().__init__(lab.folder, *parts)
        self.lab = lab
        self.add_user(VERA, Role.ADMIN)
        self.admin = self.key_client(VERA)

    def models(self):
        """Return the fine-tuned models, newest first."""
        return models.list_recent(self.services, Actor.operator())

    def verdicts(self):
        """Return the verdicts, newest commit first."""
        return verdicts.list_mainline(self.services, Actor.operator())

    def serve_request(self, response):
        """Let the daemon process an accepted request; return the request's state afterwards."""
        assert response.status_code == 202, response.json()
        self.lab.tick("serve")
        return self.admin.get(response.headers["location"]).json()


@contextmanager
def run_daemon_api(folder, *, is_engine=False, **changes):
    """Run an API on the database of a daemon whose repository holds the dataset `trial`.

    With `is_engine`, the provider stands at the address of Merlin's own engine.
    """
    with ProviderStandIn() as provider:
        if is_engine:
            changes["engine"] = {"listen": urlsplit(provider.base_url).netloc}
        budget = {"budget": {"per_month": 5}, "models": PRICED}
        lab = Lab.with_dataset(folder, provider.base_url, **{**budget, **changes})
        lab.tick("fetch", "launch")
        with (
            run_site(_set_up(lab.config), partial(DaemonSite, lab)) as site,
            site.admin,
        ):
            site.provider = provider
            yield site


class Committer:
    """Commits pending changes as the daemon does, and indexes them in the catalogue."""

    def __init__(self, site, datasets):
        self.site = site
        self.files = {name: dict(files) for name, files in datasets.items()}
        self.commits = 0

    def commit(self, *, is_seen=True):
        """Commit all pending changes; return the result of the last batch."""
        result = None
        while (batch := Changes(self.site.db).claim()) is not None:
            result = self._commit_batch(batch)
            if result is not None:
                Changes(self.site.db).settle(batch, result)
        if is_seen:
            self.site.index_courses(self.files)
        return result

    def _commit_batch(self, batch):
        for change in batch.changes:
            text = self.files[change.dataset].get(self._path(change))
            if change.before != (None if text is None else blob_id(text)):
                Changes(self.site.db).put_aside(
                    batch, ChangeState.REFUSED, CONFLICT, {"path": change.path}
                )
                return None
        for change in batch.changes:
            files = self.files[change.dataset]
            files.pop(self._path(change), None)
            if change.text is not None:
                files[self._path(change)] = change.text
        self.commits += 1
        return BatchResult(f"{self.commits:040x}")

    def _path(self, change):
        return change.path.removeprefix(f"{change.dataset}/")


# Beside anna, boris and vera: another student, another course's teacher, an editor, a blocked
# user.
OTHER = 1004
ELSEWHERE = 1005
EDITOR = 1006
BLOCKED = 1007
MONTH = timedelta(days=30)
COURSES_WITH_EXAMPLES = {
    **COURSES,
    "algorithms": {**COURSES["algorithms"], **make_good_files(4)},
}


class FullSite(DaemonSite):
    """A site with users, chats, edits, builds, jobs and models."""

    def fill(self):
        """Create one record of each kind; what has an owner belongs to anna or boris."""
        self.index_courses(COURSES_WITH_EXAMPLES)
        self.add_user(BORIS, Role.TEACHER, "algorithms")
        self.roles.grant(BORIS, Role.TEACHER, "cli:vera", "trial")
        self.add_user(ELSEWHERE, Role.TEACHER, "networks")
        self.add_user(EDITOR, Role.EDITOR)
        for user_id in (ANNA, OTHER, BLOCKED):
            self.add_user(user_id)
        Users(self.db).block(BLOCKED, "cli:vera")
        set_bot_name(self)
        set_password(self, ANNA, "anna")
        self.course = self.course_id("algorithms")
        self.add_favourite(ANNA, self.course)
        conversation = Conversation(self, ANNA)
        turn = conversation.add_turn(1)
        Ratings(self.db, self.bot_id).rate(turn, ANNA, Rating.UP)
        with self.key_client(BORIS) as boris:
            material = {
                "title": {"ru": "Ещё одна"},
                "type": "lab",
                "lesson": 9,
                "text": "Слова.\n",
            }
            edit = boris.post(f"/api/courses/{self.course}/materials", json=material)
        response = self.admin.post("/api/jobs", json={"dataset": "trial"})
        # Values of path parameters for which there is a record.
        self.path_values = {
            "course_id": self.course,
            "material_id": Catalogue(self.db).materials("algorithms")[0].material_id,
            "change_id": edit.json()["id"],
            "dataset": "trial",
            "version": "trial-1",
            "job_id": 1,
            "model_id": 1,
            "request_id": response.json()["id"],
            "name": "merlin/trial",
        }

    def request_body(self, name, sample):
        """Return the body of an operation: `sample` unless it does not fit this data."""
        bodies = {
            "add_favourite": {"course_id": self.course},
            "launch_job": {"dataset": "trial"},
        }
        return bodies.get(name, sample)

    def sign_in_headers(self, user_id):
        """Return the headers of a browser with a new sign-in of this user."""
        return {"Cookie": f"merlin={self.sign_in(user_id)}", "Origin": self.address}


@contextmanager
def run_full_api(folder, models=1):
    """Run an API on the database of a daemon whose dataset `trial` serves a model."""
    with ProviderStandIn() as provider, YooKassaStandIn() as shop:
        lab = Lab.with_dataset(
            folder, provider.base_url, budget={"per_month": 5}, models=PRICED
        )
        lab.until_serving("trial-1")
        payments, gateway = payment_settings(shop)
        set_up = replace(
            _set_up(lab.config),
            listening=NOT_LIMITED.model_copy(
                update={"public_url": "https://merlin.example"}
            ),
            token=TOKEN,
            webhook_secret=SECRET,
            providers=(Provider("stand-in", provider.base_url, "sk-of-the-tests"),),
            retry_policy=RetryPolicy(first_pause_s=0.05, total_s=0.5),
            default_dataset="trial",
            plans=(make_plan("usual"), PLUS, PACK),
            selling=payments,
            gateway=gateway,
        )
        with run_site(set_up, partial(FullSite, lab)) as site, site.admin:
            site.folder = set_up.state_dir
            site.fill()
            yield site


def _set_up(config):
    return ProcessSettings(
        database=config.database,
        state_dir=config.state_dir,
        listening=NOT_LIMITED,
        config=config,
    )


def page_text(answer):
    """Return the text of a page without its markup."""
    assert answer.status_code == 200, answer.text
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub("</?mark>", "", answer.text))
    )
