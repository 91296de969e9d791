"""A pipeline under test: one repository and one daemon; boris commits, anna asks, vera is admin."""

import os
import shutil
import subprocess
import textwrap
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
import yaml

from merlin.app import reviews
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.app.status import read_status
from merlin.app.verdicts import view_notice
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.cli.status import dataset_record
from merlin.config.reading import load
from merlin.core.errors import MerlinError
from merlin.daemon.main import TickCounts
from merlin.daemon.ticks import ticks_of
from merlin.dataset.changes import Changes
from merlin.db.notices import Notices
from merlin.training.models import Models
from merlin.training.promote import Promotions
from merlin.training.prove import prove_new
from merlin.wiring.context import (
    make_cipher,
    open_migrated_database,
    open_reading_context,
)
from merlin.wiring.daemon import services_of
from tests.support.ending import end
from tests.support.forked_processes import start
from tests.support.made_repositories import make_repository, read_files, write_files
from tests.support.migrated_databases import copy_database, fresh_database
from tests.support.opened_databases import open_with_key
from tests.support.waiting import Deadline

SERVE_S = 180
KEY = "STAND_IN_KEY"
DATASET = {
    "title": {"ru": "Проба", "en": "Trial"},
    "system": "Отвечай коротко.",
    "recipe": {
        "provider": "stand-in",
        "base_model": "stand-in-base",
        "suffix": "trial",
    },
    "split": {"test": 0},
    "gate": "none",
    "launch": {"mode": "auto", "quiet_s": 0, "min_new": 1},
}


def provider_entry(base_url, name="stand-in"):
    """Return a configuration entry for a provider."""
    entry = {"name": name, "base_url": base_url, "credential": KEY}
    return {**entry, "settle_s": 0}


# What was in a folder, its first commit's subject and committer -> what git made of it.
_FIRST_COMMITS = {}
_PUSHES = "[receive]\n\tdenyCurrentBranch = updateInstead\n"


class Repository:
    """A git repository of datasets with a working copy, which accepts pushes."""

    def __init__(self, folder):
        self.folder = Path(folder)
        config = self.folder / ".git/config"
        if not config.exists():
            make_repository(self.folder)
            config.write_text(config.read_text() + _PUSHES)

    def git(self, *arguments):
        result = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout.strip()

    def dataset(self, name="trial", *, count=12, tests=2, **changes):
        """Write a dataset of `count` examples; the last `tests` of them are marked as test."""
        folder = self.folder / "datasets" / name
        folder.mkdir(parents=True, exist_ok=True)
        spec = yaml.safe_dump({**DATASET, **changes}, allow_unicode=True)
        (folder / "dataset.yaml").write_text(spec, encoding="utf-8")
        for number in range(count):
            self.example(name, number, is_test=number >= count - tests)

    def example(self, dataset, number, *, question="", answer="", is_test=False):
        """Write one example; questions differ in more than their number."""
        path = self.folder / "datasets" / dataset / "examples" / f"q{number}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        default = (
            f"Что значит слово номер {number}, понятие {chr(0x430 + number % 32) * 4}?"
        )
        text = f"""\
            messages:
              - user: {question or default}
              - assistant: {answer or f"Понятие {number} значит ответ {number * 7}."}
            """
        split = "split: test\n" if is_test else ""
        path.write_text(textwrap.dedent(text) + split, encoding="utf-8")

    def commit(self, subject="Add examples"):
        """Commit everything; return the commit's id."""
        if (self.folder / ".git/refs/heads/main").exists():
            return self._commit(subject)
        # Many tests begin with the same files: git commits them once.
        names = sorted(
            item for item in os.environ.items() if item[0].startswith("GIT_")
        )
        key = str((subject, names, read_files(self.folder)))
        if key in _FIRST_COMMITS:
            write_files(self.folder / ".git", _FIRST_COMMITS[key])
            return self.head()
        commit = self._commit(subject)
        _FIRST_COMMITS[key] = read_files(self.folder / ".git")
        return commit

    def _commit(self, subject):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.head()

    def head(self):
        """Return the id of the newest commit: git has just written it, or a push has."""
        return (self.folder / ".git/refs/heads/main").read_text().strip()

    def commit_dataset(self, *arguments, subject="Add examples", **changes):
        """Write a dataset as `dataset` does, and commit; return the commit's id."""
        self.dataset(*arguments, **changes)
        return self.commit(subject)

    def commit_example(self, *arguments, subject="Add examples", **values):
        """Write an example as `example` does, and commit; return the commit's id."""
        self.example(*arguments, **values)
        return self.commit(subject)


# Ticks of the training pipeline, in order.
PIPELINE = ("fetch", "launch", "poll", "prove", "promote")
# The same, with one poll for each state of a job at the stand-in.
TRAINING = ("fetch", "launch", "poll", "poll", "poll", "poll", "prove", "promote")


def _list_ticks(services):
    return {tick.name: tick for tick in ticks_of(services, TickCounts())}


def _run_ticks(ticks, names):
    for name in names:
        ticks[name].run()
        if name == "fetch":
            ticks["files"].run()


class Lab:
    """The services of one daemon over a real repository, provider and database; ticked by hand."""

    def __init__(self, folder, provider_url, **changes):
        self.folder = Path(folder)
        self.most_pages = None  # of a provider's list: as many as in service
        self.repository = Repository(self.folder / "repository")
        os.environ[KEY] = "stand-in"
        settings = {
            "state_dir": "state",
            "repository": {"url": "repository", "interval_s": 0.2},
            "providers": [provider_entry(provider_url)],
            **changes,
        }
        self.path = self.folder / "config.yaml"
        self._write(settings)
        if "database" not in settings:
            self._write(
                {
                    **settings,
                    "database": fresh_database(self.config.state_dir / "merlin.db"),
                }
            )

    @classmethod
    def with_dataset(cls, folder, provider_url, **changes):
        """Return a lab whose repository has the dataset `trial`."""
        lab = cls(folder, provider_url, **changes)
        lab.repository.commit_dataset()
        return lab

    def _write(self, settings):
        self.path.write_text(yaml.safe_dump(settings), encoding="utf-8")

    @property
    def config(self):
        return load(self.path)

    @contextmanager
    def services(self):
        """Yield the daemon's services."""
        config = self.config
        with (
            open_migrated_database(config) as database,
            services_of(config, database, lambda: None) as services,
        ):
            for provider in services.providers.values() if self.most_pages else ():
                provider.api.max_pages = self.most_pages
            yield services

    def tick(self, *names, rounds=1):
        """Run the named ticks, or the whole pipeline in order."""
        with self.services() as services:
            ticks = _list_ticks(services)
            for _ in range(rounds):
                _run_ticks(ticks, names or PIPELINE)

    def approve_proposals(self, *numbers, replaced=None, written=None, dataset="trial"):
        """Approve proposals by number, or all, as an editor does; commit those without errors."""
        with open_with_key(self.config) as database:
            ctx = Context(config=self.config, db=database)
            actor = Actor.operator()
            waiting = reviews.list_waiting(ctx, actor, 0, 1000, dataset)
            chosen = numbers or [proposal.proposal_id for proposal in waiting]
            review = reviews.Review(replaced or {}, written or {})
            read = reviews.read_several(ctx, actor, dataset, chosen, review)
            errors = reviews.check_several(ctx, *read)
            good = [number for number, found in errors.items() if not found]
            database.transact(
                partial(reviews.approve_several, ctx, actor, good, review)
            )
        self.tick("changes", "fetch", "proposals")
        return good

    def until_serving(self, build, dataset="trial", provider=None):
        """Tick until this build is live, at any or a named provider; return the status."""
        with self.services() as services:
            ticks = _list_ticks(services)
            deadline = Deadline(SERVE_S)
            while not deadline.is_over():
                _run_ticks(ticks, TRAINING)
                serving = ModelCatalogue(services.db).find_serving(dataset)
                model = serving and serving.model
                if (
                    model
                    and model.build_version == build
                    and provider in {None, model.provider}
                ):
                    return self.status(dataset)
        raise AssertionError(f"{build} is not live: {self.status(dataset)}")

    def is_serving(self, build):
        """Return whether this build is live; False while there is no database."""
        try:
            serving = self.status()["serving"]
        except (MerlinError, KeyError):
            return False
        return bool(serving) and serving["build"] == build

    def changes(self, database):
        """Return the edits in one of this lab's databases, readable by its key."""
        database.cipher = make_cipher(self.config, database)
        return Changes(database)

    def status(self, dataset="trial"):
        """Return the dataset's record of `merlin status --json`."""
        with open_reading_context(self.config) as ctx:
            return dataset_record(read_status(ctx, Actor.operator()).datasets[dataset])

    def model(self, build):
        """Return the model of a build."""
        with self.services() as services:
            return Promotions(services.db).model(build)

    def notices(self, key):
        """Return the waiting notices of one kind."""
        with self.services() as services:
            waiting = Notices(services.db).list_waiting(100)
            return [notice for notice in waiting if notice.key == key]

    def notice_text(self, notice, language):
        """Return the text of a notice as its readers see it."""
        with open_reading_context(self.config) as ctx:
            return view_notice(ctx.db, notice).text(language)


def run_through_kills(lab, points, is_done):
    """Run the daemon, restarted whenever it dies, until `is_done(lab)`.

    It is killed once at each of these points: starting a daemon takes as long as a training.
    """
    log = lab.folder / "daemon.log"
    mark = lab.folder / "crashed"
    crash = {"MERLIN_CRASH_AT": ",".join(points), "MERLIN_CRASH_MARK": str(mark)}
    start_daemon = partial(start, "daemon", lab.path, log, **{KEY: "stand-in", **crash})
    deaths = 0
    deadline = Deadline(SERVE_S)
    process = start_daemon()
    try:
        while deaths < len(points) or not is_done(lab):
            assert not deadline.is_over(), log.read_text()[-3000:]
            process.join(0.05)
            if not process.is_alive():
                assert process.exitcode == 137, log.read_text()[-3000:]
                deaths += 1
                process = start_daemon()
    finally:
        end(process)
    assert {path.name for path in lab.folder.glob("crashed.*")} == {
        f"crashed.{point}" for point in points
    }


def commit_dataset(lab):
    """Make a dataset in a lab's repository."""
    lab.repository.commit_dataset()


def train_one(lab, _provider):
    """Make a dataset, and train and promote its first build."""
    lab.repository.commit_dataset()
    lab.until_serving("trial-1")


# The lab of a test begins with a model; it is trained once.
serving = pytest.mark.parametrize(
    "provider", [train_one], indirect=True, ids=["serving"]
)


def fetch_dataset(lab):
    """Make a dataset in a lab's repository, and fetch it."""
    lab.repository.commit_dataset()
    lab.tick("fetch")


# The daemon of a test has not seen the lab's first commit.
unfetched = pytest.mark.parametrize(
    "prepared", [commit_dataset], indirect=True, ids=["unfetched"]
)


def lab_maker(templates):
    """Return a function (prepare, folder, provider_url) -> lab, prepared once and then copied.

    It also takes settings of the configuration. `templates` is the folder of the prepared labs. The
    first test prepares, not a fixture of its module: commits need the test's git identity.
    """
    labs = {}

    def make(prepare, folder, provider_url, **changes):
        if prepare not in labs:
            labs[prepare] = Lab(templates / str(len(labs)), provider_url, **changes)
            prepare(labs[prepare])
        shutil.copytree(labs[prepare].folder, folder, dirs_exist_ok=True)
        state = labs[prepare].config.state_dir
        copied_state = folder / state.relative_to(labs[prepare].folder)
        copy_database(state / "merlin.db", copied_state / "merlin.db")
        return Lab(folder, provider_url, **changes)

    return make


def run_command(*arguments):
    """Run `merlin` in this process; return its exit code, standard output and standard error."""
    from merlin.cli import main

    out = TextIOWrapper(BytesIO(), "utf-8", newline="")
    with redirect_stdout(out), redirect_stderr(StringIO()) as err:
        code = main(arguments)
    out.flush()
    return code, out.buffer.getvalue().decode(), err.getvalue()


def evaluate_at(services, clock):
    """Evaluate the models that are due at another time; return those found good."""
    providers = {
        name: replace(provider, clock=clock)
        for name, provider in services.providers.items()
    }
    return prove_new(Models(services.db, clock), providers, services.config.is_free)
