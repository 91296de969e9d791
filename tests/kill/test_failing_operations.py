"""The n-th operation fails (full disk, lost database, no program, no connection): nothing is lost.

What one fault leaves behind meets the next one, of another commit, edit, payment or update.
`python -m bench operations` lets every operation fail; here each of so many does.
"""

from __future__ import annotations

import pytest

from tests.support.fault_injection import fail_commits, fail_edits, fail_payments, fail_updates
from tests.support.migrated_databases import only_sqlite

pytestmark = pytest.mark.integration
STEPS = {fail_commits: 199, fail_edits: 29, fail_payments: 5, fail_updates: 1}


@only_sqlite
@pytest.mark.parametrize("way", STEPS)
def test_all_ends_well_after_any_operation_failed(way, tmp_path):
    assert way(tmp_path, STEPS[way]) > 1
