"""Simulations of the pipeline from seeds; `python -m bench simulation` runs thousands."""

from __future__ import annotations

import pytest

from tests.e2e.pipeline_simulation import simulate

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("seed", [0, 2, 16])
def test_one_job_a_build_and_the_newest_serves_whatever_the_order(seed, tmp_path):
    simulate(tmp_path, seed)
