"""Probes, metrics and questions of programs and pages read no table that grows as a whole."""

import pytest

from tests.api.chat_api import chat_client, chat_request, run_chat_api
from tests.support.migrated_databases import only_sqlite

pytestmark = [pytest.mark.integration, only_sqlite]


def test_no_probe_and_no_question_scans_a_table_that_grows(recorded, tmp_path):
    with (
        run_chat_api(tmp_path) as (site, _),
        chat_client(site) as client,
        site.browser_client(site.add_user(9001)) as browser,
    ):
        recorded.statements.clear()
        for path in ("/metrics", "/readyz", "/healthz", "/metrics"):
            assert site.client.get(path).status_code == 200
        assert client.post("/chat/completions", json=chat_request("Что такое граф?")).is_success
        address = f"/courses/{site.course_id('algorithms')}/chat"
        assert browser.post(address, data={"q": "Что такое дерево?"}).status_code == 303
        assert site.client.get("/metrics").status_code == 200
    assert len(set(recorded.statements)) > 40
    assert recorded.find_scans() == {}
