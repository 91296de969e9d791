"""Fixtures: a real engine behind a proxy that breaks one thing at a time."""

import pytest

from tests.conformance.breaking_proxy import run_proxy


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A proxy in front of a real engine."""
    with run_proxy(tmp_path_factory.mktemp("engine")) as proxy:
        yield proxy


@pytest.fixture
def proxy(engine):
    """The proxy without changes of other tests."""
    engine.reset()
    return engine
