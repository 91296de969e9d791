"""Simulations of the pipeline from seeds; `python -m bench simulation` runs thousands."""

import pytest

from tests.e2e.pipeline_simulation import simulate

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("seed", [0, 2, 16])
def test_each_build_has_one_job_and_the_newest_model_serves_in_any_order(
    seed, tmp_path
):
    simulate(tmp_path, seed)
