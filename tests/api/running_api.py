"""A whole api over real HTTP and a real database: courses from files, people, keys, browsers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx

from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.api.app import create_app
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.config.settings import ApiConfig, ApiLimits
from merlin.core.clock import utc_now
from merlin.core.permissions import Authority, Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.writer import Store
from tests.billing.repositories import billing_rows
from tests.support.dataset_tree import DATASET_YAML, FileTree
from tests.support.http_servers import serve_app
from tests.support.migrated_databases import fresh_database
from tests.support.process_settings import ProcessSettings, api_services
from tests.support.waiting import longest

SECRET = "s3cret-of-the-webhook"


ANNA, BORIS, VERA = 1001, 1002, 1003
# On a machine with a crowd of tests.
ALGORITHMS = {
    "course.yaml": """\
semester: 1
name: {ru: Алгоритмы и структуры данных, en: Algorithms and data structures}
description: {ru: "Изучение основных алгоритмов: сортировка, графы.", en: The main algorithms.}
teachers: [boris]
materials:
  - {lesson: 1, type: lecture, title: {ru: Введение в алгоритмы}, text: materials/lecture-01.md}
  - {lesson: 1, type: seminar, title: {ru: Сложность}, file_url: "https://example.com/s1.pdf"}
  - {lesson: 2, type: lecture, title: {ru: Сортировки}, text: materials/lecture-02.md}
  - {lesson: 1, type: lab, title: {ru: "Практика: сортировки"}, file_url: "https://example.com/l1.pdf"}
""",
    "materials/lecture-01.md": "# Введение\n\nАлгоритм — это **конечный** набор шагов.\n",
    "materials/lecture-02.md": "# Сортировки\n\n```python\nsorted([3, 1, 2])\n```\n",
}
NETWORKS = {
    "course.yaml": """\
semester: 2
name: {ru: Компьютерные сети, en: Computer networks}
description: {ru: От провода до HTTP., en: From the wire to HTTP.}
materials: []
""",
}
CLOSED = {
    "course.yaml": """\
semester: 2
name: {ru: Закрытый курс, en: A closed course}
active: false
materials:
  - {lesson: 1, type: lecture, title: {ru: Тайна}, file_url: "https://example.com/secret.pdf"}
""",
}
NOT_LIMITED = ApiConfig(
    listen="127.0.0.1:0", limits=ApiLimits(anonymous_per_min=0, person_per_min=0)
)
COURSES = {"algorithms": ALGORITHMS, "networks": NETWORKS, "closed": CLOSED}


def _actor(user_id):
    return Actor.person(user_id, Authority())


class Site:
    """One api with its database; `client` is a program that is not signed in."""

    def __init__(self, folder: Path, database, app, address) -> None:
        services = app.state.services
        self.folder = folder
        self.app = app
        self.db = self.database = database
        self.services = services
        self.bot_id = services.bot_id
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=longest())

    @property
    def roles(self):
        return self.services.roles

    @property
    def billing(self):
        return billing_rows(self.services.db)

    def teach(self, datasets):
        """Let the catalogue say what these files say: dataset -> path -> text."""
        trees = {
            name: FileTree({"dataset.yaml": DATASET_YAML, **files})
            for name, files in datasets.items()
        }
        checked = {name: tree.check(name) for name, tree in trees.items()}
        Catalogue(self.database).index(checked, utc_now())
        books = FileIndex(self.database)
        for name, tree in trees.items():
            books.add({blob: data.decode() for blob, data in tree.blobs.items()})
            paths = {entry.path: entry.blob for entry in tree.entries}
            paths = {**dict.fromkeys(books.blobs(name)), **paths}
            books.keep(name, str(hash(str(sorted(paths.items())))), paths)

    def bound(self, **bounds):
        """Let the api that runs take other numbers: fields of `ApiServices`."""
        self.app.state.services = replace(self.app.state.services, **bounds)

    def wait_for_commits(self, seconds):
        """Let the api that runs wait so long for a commit to be seen."""
        services = self.app.state.services
        self.app.state.services = replace(services, commit_wait_s=seconds)

    def course_id(self, slug):
        return Catalogue(self.db).course(slug).course_id

    def add_favourite(self, user_id, course_id):
        """Let somebody keep a course at hand."""
        courses.add_favourite(self.services, _actor(user_id), course_id)

    def favourites(self, user_id):
        """Return the ids of the courses that somebody keeps at hand."""
        found = courses.favourites(self.services, _actor(user_id))
        return [course.course_id for course in found]

    def person(self, user_id, role=Role.STUDENT, scope=None, language="ru"):
        """Let somebody be known, with a role."""
        Users(self.db).record_authors([User(user_id, language)])
        if role is not Role.STUDENT:
            self.roles.grant(user_id, role, "cli:vera", scope)
        return user_id

    def key(self, user_id, *scopes):
        """Return the headers of a program with a new key of this person; all scopes by default."""
        _, secret = ApiKeys(self.db).make(user_id, "test", scopes or list(Scope))
        return {"Authorization": f"Bearer {secret}"}

    def program(self, user_id, *scopes):
        """Return a client that sends a key."""
        return httpx.Client(
            base_url=self.address, headers=self.key(user_id, *scopes), timeout=longest()
        )

    def browser(self, user_id):
        """Return a client that keeps the cookie of somebody who is signed in."""
        _, token = SignIns(self.db).open(user_id, SignInMethod.CODE, "Firefox, Linux")
        said = {"Origin": self.address}
        return httpx.Client(
            base_url=self.address, cookies={"merlin": token}, headers=said, timeout=longest()
        )


@contextmanager
def run_site(settings, make_site, bounds=None):
    """Run an api; give the site that is made of its database, application and address."""
    with open_database(settings.database) as database:
        migrate(database)
        writer = Store(database)
        try:
            app = create_app(replace(api_services(settings, writer), **(bounds or {})))
            with serve_app(app) as address:
                site = make_site(database, app, address)
                with site.client:
                    yield site
        finally:
            writer.close()


@contextmanager
def running(folder, database_url="", bounds=None, **settings):
    """Run an api with COURSES in its catalogue."""
    url = database_url or fresh_database(folder / "merlin.db")
    made = ProcessSettings(database=url, state_dir=folder, listening=NOT_LIMITED)
    with run_site(replace(made, **settings), partial(Site, folder), bounds) as site:
        site.teach(COURSES)
        yield site
