"""The context of a process: what it caches."""

import pytest

from merlin.app.context import VersionCache

pytestmark = pytest.mark.unit


def test_value_is_made_once_per_version():
    made = []
    cache = VersionCache()
    for version in (1, 1, 2, 2):
        cache.read(version, lambda version=version: made.append(version) or version)
    assert made == [1, 2]
