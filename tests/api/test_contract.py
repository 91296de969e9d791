"""The api does what its description says: a sample of what schemathesis makes of it.

`python -m bench contract` sends ten thousand.
"""

from __future__ import annotations

import pytest

from tests.api.contract_cases import Contract, shortened
from tests.api.staff_api import whole

pytestmark = pytest.mark.functional

CASES = 3
SEED = 1


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    with whole(tmp_path_factory.mktemp("whole")) as site:
        contract = Contract(site, shortened(site.client.get("/openapi.json").json()))
        for operation in contract.operations:
            contract.draw(operation, CASES, SEED)
        yield contract


def test_no_case_breaks_the_contract(contract):
    assert contract.judged.wrong == {}


def test_the_sample_has_hundreds_of_cases_and_every_kind_of_answer(contract):
    judged = contract.judged
    assert judged.count >= 1.5 * len(contract.operations)
    assert {200, 202, 204, 401, 403, 404, 409, 422} <= set(judged.statuses)
    assert not [status for status in judged.statuses if status >= 500]


def test_a_broken_promise_is_found(contract):
    body = contract.site.client.get("/openapi.json").json()
    answers = body["paths"]["/api/plans"]["get"]["responses"]
    answers["200"]["content"] = {"application/json": {"schema": {"type": "integer"}}}
    body["paths"] = {"/api/plans": body["paths"]["/api/plans"]}
    again = Contract(contract.site, body)
    again.draw(*again.operations, 1, SEED)
    assert list(again.judged.wrong) == [("GET /api/plans", "Response violates schema")]
