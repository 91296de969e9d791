"""The checks of a provider find no fault in the stand-in of one."""

import pytest

from tests.conformance.breaking_proxy import KEY, run_suite
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration


def test_stand_in_passes_every_check():
    with ProviderStandIn(key=KEY) as provider:
        results = run_suite(provider.base_url.removesuffix("/v1"))
    assert set(results.values()) == {"passed"}, results
