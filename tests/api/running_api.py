"""A complete API over real HTTP and a real database, with courses, users, keys and sessions."""

from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import httpx

from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.sign_ins import SignInMethod, SignIns
from merlin.account.users import User, Users
from merlin.api.app import create_app
from merlin.app import courses
from merlin.app.actor import Actor
from merlin.config.settings import ApiConfig, ApiLimits
from merlin.core.permissions import Authority, Role
from merlin.course.catalogue import Catalogue
from merlin.dataset.files import FileIndex
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.writer import Store
from tests.billing.repositories import open_billing
from tests.support.dataset_tree import DATASET_YAML, FileTree
from tests.support.http_servers import serve_app
from tests.support.migrated_databases import fresh_database
from tests.support.process_settings import ProcessSettings, api_services
from tests.support.waiting import longest

SECRET = "s3cret-of-the-webhook"


ANNA = 1001
BORIS = 1002
VERA = 1003
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
# A free port, which config.yaml cannot ask for.
NOT_LIMITED = ApiConfig(
    limits=ApiLimits(anonymous_per_min=0, person_per_min=0)
).model_copy(update={"listen": "127.0.0.1:0"})
COURSES = {"algorithms": ALGORITHMS, "networks": NETWORKS, "closed": CLOSED}


def check_page(response, *shown, status=200):
    """Check the status of a page, and that it shows all of this."""
    assert response.status_code == status, response.text
    for part in shown:
        assert part in response.text, part


def check_problem(response, status, code):
    """Check a problem document; return it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["type"]) == (status, f"urn:merlin:problem:{code}")
    return body


def _make_actor(user_id):
    return Actor.person(user_id, Authority())


@lru_cache(maxsize=1000)
def _check_files(name, files):
    """Return a dataset's files and their check; many sites have the same ones."""
    tree = FileTree(dict(files))
    return tree, tree.check(name)


class Site:
    """One API with its database; `client` is not signed in."""

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
        return open_billing(self.services.db)

    def index_courses(self, datasets):
        """Index these files in the catalogue: dataset -> path -> text."""
        trees = {
            name: _check_files(
                name, tuple({"dataset.yaml": DATASET_YAML, **files}.items())
            )
            for name, files in datasets.items()
        }
        checked = {name: checked for name, (_, checked) in trees.items()}
        Catalogue(self.database).index(checked)
        file_index = FileIndex(self.database)
        known = file_index.read_trees()
        for name, (tree, _) in trees.items():
            paths = {entry.path: entry.blob for entry in tree.entries}
            tree_id = str(hash(str(sorted(paths.items()))))
            if known.get(name) != tree_id:
                file_index.add(
                    {blob: data.decode() for blob, data in tree.blobs.items()}
                )
                removed = dict.fromkeys(file_index.read_blobs(name))
                file_index.keep(name, tree_id, {**removed, **paths})

    def set_commit_wait(self, seconds):
        """Set how long the running API waits until a commit is visible."""
        services = self.app.state.services
        self.app.state.services = replace(services, commit_wait_s=seconds)

    def course_id(self, slug):
        return Catalogue(self.db).find_course(slug).course_id

    def add_favourite(self, user_id, course_id):
        """Add a course to a user's favourites."""
        courses.add_favourite(self.services, _make_actor(user_id), course_id)

    def favourite_ids(self, user_id):
        """Return the ids of a user's favourite courses."""
        favourite_courses = courses.list_favourites(self.services, _make_actor(user_id))
        return [course.course_id for course in favourite_courses]

    def add_user(self, user_id, role=Role.STUDENT, scope=None, language="ru"):
        """Create a user with a role; return the id."""
        Users(self.db).record([User(user_id, language)])
        if role is not Role.STUDENT:
            self.roles.grant(user_id, role, "cli:vera", scope)
        return user_id

    def key_headers(self, user_id, *scopes):
        """Return request headers with a new API key of this user; all scopes by default."""
        _, secret = ApiKeys(self.db).make(user_id, "test", scopes or list(Scope))
        return {"Authorization": f"Bearer {secret}"}

    def key_client(self, user_id, *scopes):
        """Return a client that sends an API key."""
        return httpx.Client(
            base_url=self.address,
            headers=self.key_headers(user_id, *scopes),
            timeout=longest(),
        )

    def sign_in(self, user_id):
        """Sign a user in from a new browser; return the value of its session cookie."""
        _, token = SignIns(self.db).open(user_id, SignInMethod.CODE)
        return token

    def browser_client(self, user_id):
        """Return a client with the session cookie of a signed-in user."""
        cookies = {"merlin": self.sign_in(user_id)}
        headers = {"Origin": self.address}
        return httpx.Client(
            base_url=self.address, cookies=cookies, headers=headers, timeout=longest()
        )


@contextmanager
def run_site(settings, make_site, bounds=None):
    """Run an API; yield what `make_site` returns for its database, application and address."""
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
def run_api(folder, database_url="", bounds=None, **settings):
    """Run an API with COURSES in its catalogue."""
    url = database_url or fresh_database(folder / "merlin.db")
    base = ProcessSettings(database=url, state_dir=folder, listening=NOT_LIMITED)
    with run_site(replace(base, **settings), partial(Site, folder), bounds) as site:
        site.index_courses(COURSES)
        yield site
