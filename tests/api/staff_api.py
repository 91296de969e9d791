"""An api beside a real daemon: builds, jobs, models and commits, and something of everything."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import Users
from merlin.app import shop
from merlin.app.actor import Actor
from merlin.billing.subscriptions import Renewal, RenewalState
from merlin.chat.answer import RetryPolicy
from merlin.chat.feedback import Rating, Ratings
from merlin.core.permissions import Authority, Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.changes import BatchResult, Changes, Conflict
from merlin.dataset.files import FileIndex
from merlin.git.source import blob_id
from merlin.providers.payments import Gateway
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.yookassa.server import YooKassaStandIn
from tests.api.chat_api import Talk
from tests.api.payment_api import PACK, PLUS, selling_at
from tests.api.running_api import ANNA, BORIS, COURSES, NOT_LIMITED, SECRET, VERA, Site, run_site
from tests.api.sign_in_data import TOKEN, with_bot, with_password
from tests.support.dataset_tree import make_good_files
from tests.support.pipeline_lab import Lab
from tests.support.plan_config import make_plan
from tests.support.process_settings import ProcessSettings, Provider

PRICED = {"stand-in-base": {"price": {"input": 1, "output": 2, "training": 100}}}


class Office(Site):
    """A site whose daemon is ticked by hand; `admin` is vera's program."""

    def __init__(self, lab, *parts) -> None:
        super().__init__(lab.folder, *parts)
        self.lab = lab
        self.person(VERA, Role.ADMIN)
        self.admin = self.program(VERA)

    def served(self, answer):
        """Let the daemon do what was asked for; return what the request says then."""
        assert answer.status_code == 202, answer.json()
        self.lab.tick("serve")
        return self.admin.get(answer.headers["location"]).json()


@contextmanager
def office(folder, **changes):
    """Run an api over the database of a daemon whose repository holds the dataset `trial`."""
    with ProviderStandIn() as provider:
        budget = {"budget": {"per_month": 5}, "models": PRICED}
        lab = Lab(folder, provider.base_url, **{**budget, **changes})
        lab.repository.dataset()
        lab.repository.commit()
        lab.tick("fetch", "launch")
        with run_site(_set_up(lab.config), partial(Office, lab)) as site, site.admin:
            site.provider = provider
            yield site


class Keeper:
    """Commits what waits, as the daemon does, and lets the catalogue see it."""

    def __init__(self, site, datasets):
        self.site = site
        self.files = {name: dict(files) for name, files in datasets.items()}
        self.commits = 0

    def commit(self, *, is_seen=True):
        """Commit all that waits; return what became of the last batch."""
        landed = None
        while (batch := Changes(self.site.db).claim()) is not None:
            landed = self._landed(batch)
            Changes(self.site.db).settle(batch, landed)
        if is_seen:
            self.site.teach(self.files)
        return landed

    def _landed(self, batch):
        conflicts = {}
        for change in batch.changes:
            here = self.files[change.dataset].get(self._path(change))
            blob = None if here is None else blob_id(here)
            if blob != change.before:
                conflicts[change.change_id] = Conflict(blob, here)
        if conflicts:
            return BatchResult(None, conflicts)
        for change in batch.changes:
            files = self.files[change.dataset]
            files.pop(self._path(change), None)
            if change.text is not None:
                files[self._path(change)] = change.text
        self.commits += 1
        return BatchResult(f"{self.commits:040x}")

    def _path(self, change):
        return change.path.removeprefix(f"{change.dataset}/")


# Beside anna, boris and vera: another student, another course's teacher, an editor, and somebody
# shut out; `SOMEBODY` is whom admins look after.
OTHER, ELSEWHERE, EDITOR, BLOCKED, SOMEBODY = 1004, 1005, 1006, 1007, 1008
MONTH = timedelta(days=30)
TAUGHT = {**COURSES, "algorithms": {**COURSES["algorithms"], **make_good_files(4)}}


class Whole(Office):
    """A site with people, talks, edits, builds, jobs and models."""

    def fill(self):
        """Put something of everything there; what belongs to somebody is anna's or boris's."""
        self.teach(TAUGHT)
        self.person(BORIS, Role.TEACHER, "algorithms")
        self.roles.grant(BORIS, Role.TEACHER, "cli:vera", "trial")
        self.person(ELSEWHERE, Role.TEACHER, "networks")
        self.person(EDITOR, Role.EDITOR)
        for user_id in (ANNA, OTHER, BLOCKED, SOMEBODY):
            self.person(user_id)
        Users(self.db).block(BLOCKED, "cli:vera")
        with_bot(self)
        with_password(self, ANNA, "anna")
        self.course = self.course_id("algorithms")
        self.add_favourite(ANNA, self.course)
        talk = Talk(self, ANNA)
        turn = talk.ask(1)
        Ratings(self.db, self.bot_id).rate(turn, ANNA, Rating.UP)
        key, _ = ApiKeys(self.db).make(ANNA, "hers", list(Scope))
        sign_in, _ = SignIns(self.db).open(ANNA, SignInMethod.CODE, "Firefox, Linux")
        with self.program(BORIS) as boris:
            said = {"title": {"ru": "Ещё одна"}, "type": "lab", "lesson": 9, "text": "Слова.\n"}
            edit = boris.post(f"/api/courses/{self.course}/materials", json=said)
        response = self.admin.post("/api/jobs", json={"dataset": "trial"})
        # What the parts of a path are called, where there is something at it.
        self.homes = {
            "course_id": self.course,
            "material_id": Catalogue(self.db).materials("algorithms")[0].material_id,
            "change_id": edit.json()["id"],
            "dataset": "trial",
            "example_id": "q1",
            "version": "trial-1",
            "old": "trial-1",
            "new": "trial-1",
            "job_id": 1,
            "model_id": 1,
            "request_id": response.json()["id"],
            "user_id": SOMEBODY,
            "turn_id": turn,
            "session_id": talk.session_id,
            "sign_in_id": sign_in.sign_in_id,
            "key_id": key.key_id,
            "name": "merlin/trial",
        }
        self._sell()
        file = FileIndex(self.db).one("trial", "q1")
        self.revision = file.blob

    def _sell(self):
        """Let anna have an order that waits to be paid, and a plan that renews itself."""
        anna = Actor.person(ANNA, Authority())
        order = shop.place_order(self.services, anna, "plus", Gateway.YOOKASSA)
        now = self.services.clock()
        renewal_id = self.billing.renewals.begin(
            Renewal(0, ANNA, "plus", Gateway.YOOKASSA, "m", RenewalState.ON, now, now + MONTH)
        )
        self.homes |= {"plan": "plus", "order_id": order.purchase_id, "renewal_id": renewal_id}
        self.homes["code"] = "LETO"

    def body(self, name, sample):
        """Return the body of an operation, that of its sample where that fits this world."""
        own = {
            "add_favourite": {"course_id": self.course},
            "launch_job": {"dataset": "trial"},
            "edit_example": {"answer": "Другое.", "revision": self.revision},
        }
        return own.get(name, sample)

    def fresh(self, user_id):
        """Return the headers of a browser that somebody has just signed in with."""
        browser = self.browser(user_id)
        with browser:
            return {"Cookie": f"merlin={browser.cookies['merlin']}", "Origin": self.address}


@contextmanager
def whole(folder, models=1):
    """Run an api over the database of a daemon whose dataset `trial` has so many models."""
    with ProviderStandIn() as provider, YooKassaStandIn() as shop:
        lab = Lab(folder, provider.base_url, budget={"per_month": 5}, models=PRICED)
        lab.repository.dataset()
        lab.repository.commit()
        lab.until_serving("trial-1")
        selling, till = selling_at(shop)
        made = replace(
            _set_up(lab.config),
            listening=NOT_LIMITED.model_copy(update={"public_url": "https://merlin.example"}),
            token=TOKEN,
            webhook_secret=SECRET,
            providers=(Provider("stand-in", provider.base_url, "sk-of-the-tests"),),
            patience=RetryPolicy(first_pause_s=0.05, total_s=0.5),
            default_dataset="trial",
            plans=(make_plan("usual"), PLUS, PACK),
            selling=selling,
            till=till,
        )
        with run_site(made, partial(Whole, lab)) as site, site.admin:
            site.folder = made.state_dir
            site.fill()
            yield site


def _set_up(config):
    return ProcessSettings(
        database=config.database,
        state_dir=config.state_dir,
        listening=NOT_LIMITED,
        config=config,
    )
