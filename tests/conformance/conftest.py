"""A real engine behind a proxy that breaks one thing at a time."""

from __future__ import annotations

import pytest

from tests.conformance.breaking_proxy import proxied


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A proxy before a real engine: what the conformance suite is tried on."""
    with proxied(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture
def proxy(engine):
    """The same, changing nothing until a test says what."""
    engine.mend()
    return engine
