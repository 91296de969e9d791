"""The n-th operation fails (full disk, lost database, no program, no connection): nothing is lost.

The state after one fault is the start of the next, with another commit, edit, payment or update.
`python -m bench operations` lets every operation fail; this test every n-th.
"""

import pytest

from tests.support.fault_injection import (
    fail_commits,
    fail_edits,
    fail_payments,
    fail_updates,
)
from tests.support.migrated_databases import only_sqlite

pytestmark = pytest.mark.integration
STEPS = {fail_commits: 199, fail_edits: 29, fail_payments: 5, fail_updates: 1}


@only_sqlite
@pytest.mark.parametrize("fail_operations", STEPS)
def test_pipeline_recovers_after_any_operation_has_failed(fail_operations, tmp_path):
    assert fail_operations(tmp_path, STEPS[fail_operations]) > 1
