"""Concurrent writers and commits by git: each change becomes one commit."""

import pytest

from tests.e2e.concurrent_writers import CHANGES_PER_PUSH, write_at_once

pytestmark = pytest.mark.load

WRITERS = 8
CHANGES = 2
SEED = 20261122


def test_concurrent_changes_are_each_committed_once(tmp_path):
    _, by_hand, _ = write_at_once(tmp_path, WRITERS, CHANGES, SEED)
    assert by_hand == WRITERS * CHANGES // CHANGES_PER_PUSH
