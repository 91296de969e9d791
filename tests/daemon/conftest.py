"""One lab a test, copied from one that is prepared once: a repository with one dataset, one
provider, the daemon's services."""

from contextlib import contextmanager
from functools import cache

import pytest

from merlin.db.notices import Notices
from tests.support.pipeline_lab import Lab, fetch_dataset, lab_maker
from tests.support.stand_ins import ProviderStandIn


@pytest.fixture
def provider(request, run_provider):
    """Yield the provider: of the class, or after what the function has trained, that a test names
    by `indirect`."""
    chosen = getattr(request, "param", ProviderStandIn)
    with (
        chosen(key="stand-in")
        if isinstance(chosen, type)
        else run_provider(chosen) as stand_in
    ):
        yield stand_in


@pytest.fixture(scope="session")
def make_lab(tmp_path_factory):
    return lab_maker(tmp_path_factory.mktemp("labs"))


@pytest.fixture
def prepared(request):
    """Return what prepares the lab: its dataset is fetched, unless a test is `unfetched`."""
    return getattr(request, "param", fetch_dataset)


@pytest.fixture
def lab(make_lab, tmp_path, provider, prepared):
    if (tmp_path / "repository").exists():  # copied with its provider
        return Lab(tmp_path, provider.base_url)
    return make_lab(prepared, tmp_path, provider.base_url)


@cache
def _with_provider(prepare):
    """Return `prepare(lab, provider)` as a function of the lab, which keeps the provider's jobs."""

    def prepare_lab(lab, **settings):
        with ProviderStandIn(lab.folder / "provider", key="stand-in") as provider:
            prepare(Lab(lab.folder, provider.base_url, **settings), provider)

    return prepare_lab


@pytest.fixture
def run_provider(make_lab, tmp_path):
    """Return a function that runs the provider of a lab which is prepared once, if at all."""
    nowhere = "http://127.0.0.1:1"

    @contextmanager
    def run(prepare):
        if prepare:
            make_lab(_with_provider(prepare), tmp_path, nowhere)
        with ProviderStandIn(tmp_path / "provider", key="stand-in") as stand_in:
            yield stand_in

    return run


@pytest.fixture
def waiting_notices(lab):
    """Return a function that reads the waiting notices: key to arguments."""

    def read():
        with lab.services() as services:
            return {
                notice.key: dict(notice.arguments)
                for notice in Notices(services.db).list_waiting(100)
            }

    return read
