"""The stand-in of a provider keeps to the protocol: the suite finds nothing wrong with it."""

from __future__ import annotations

import pytest

from merlin.sandbox.provider.app import ProviderStandIn
from tests.conformance.breaking_proxy import KEY, results

pytestmark = pytest.mark.integration

# What many servers of the protocol lack, and the stand-in too.
LACKING = {"webhooks", "pause", "idempotency.create", "chat.n", "tuned.delete"}


def test_the_suite_finds_nothing_wrong_with_the_stand_in():
    with ProviderStandIn(key=KEY) as provider:
        found = results(provider.base_url)
    assert [one for one in found.values() if one.result == "failed"] == []
    missing = {name for name, one in found.items() if one.result == "missing"}
    assert {name for name in missing if not LACKING & {name, name.partition(".")[0]}} == set()
