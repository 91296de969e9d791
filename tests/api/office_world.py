"""An api beside a real daemon: repository, builds, jobs and models are real ones."""

from __future__ import annotations

from contextlib import contextmanager

from api_world import serving
from set_up import SetUp, api_services
from site_world import NOT_LIMITED, VERA, Site
from world import Lab

from merlin.api.app import create_app
from merlin.core.permissions import Role
from merlin.db.database import open_database
from merlin.db.migrations import migrate
from merlin.db.writer import Store
from merlin.sandbox.provider.app import ProviderStandIn

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
        config = lab.config
        made = SetUp(
            database=config.database,
            state_dir=config.state_dir,
            listening=NOT_LIMITED,
            config=config,
        )
        with open_database(made.database) as database:
            migrate(database)
            writer = Store(database)
            try:
                app = create_app(api_services(made, writer))
                with serving(app) as address:
                    site = Office(lab, database, app, address)
                    with site.client, site.admin:
                        yield site
            finally:
                writer.close()
