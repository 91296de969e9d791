"""The conformance suite finds no fault in the stand-in of a provider."""

import pytest

from tests.conformance.breaking_proxy import KEY, run_suite
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration

# Optional features that the stand-in lacks.
LACKING = {"idempotency.create", "chat.n", "tuned.delete"}


def test_suite_finds_no_fault_in_the_stand_in():
    with ProviderStandIn(key=KEY) as provider:
        outcomes = run_suite(provider.base_url)
    assert [outcome for outcome in outcomes.values() if outcome.result == "failed"] == []
    missing = {name for name, outcome in outcomes.items() if outcome.result == "missing"}
    assert {name for name in missing if not LACKING & {name, name.partition(".")[0]}} == set()
