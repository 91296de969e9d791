"""Probes, metrics and questions of programs and pages read no table that grows as a whole."""

from functools import partial

import pytest

from merlin.api.question_stream import release_stale_reservations
from merlin.app.plans import notify_expiry
from merlin.core.clock import utc_now
from tests.api.chat_api import chat_client, chat_request, run_chat_api
from tests.api.running_api import VERA
from tests.api.staff_api import run_full_api
from tests.api.test_hooks import HEADERS, UPDATE
from tests.billing.plan_shop import Shop
from tests.support.long_history import add_history
from tests.support.migrated_databases import only_sqlite
from tests.support.recorded_queries import TRAININGS
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, only_sqlite]


def test_no_probe_and_no_question_scans_a_table_that_grows(recorded, tmp_path):
    with (
        run_chat_api(tmp_path) as (site, _),
        chat_client(site) as client,
        site.browser_client(site.add_user(9001)) as browser,
    ):
        assert client.post(
            "/chat/completions", json=chat_request("Что такое граф?")
        ).is_success
        # From then on the answers are counted.
        assert site.client.get("/metrics").status_code == 200
        # Their jobs are counted by state.
        add_history(site.db, but=TRAININGS)
        assert site.client.get("/metrics").status_code == 200
        recorded.forget()
        for path in ("/metrics", "/readyz", "/healthz", "/metrics"):
            assert site.client.get(path).status_code == 200
        assert client.post(
            "/chat/completions", json=chat_request("Что такое граф?")
        ).is_success
        address = f"/courses/{site.course_id('algorithms')}/chat"
        assert browser.post(address, data={"q": "Что такое дерево?"}).status_code == 303
        assert site.client.get("/metrics").status_code == 200
    assert len(set(recorded.statements)) > 40
    assert (recorded.find_scans(), recorded.find_long()) == ({}, {})


def test_no_payment_hook_or_task_of_the_api_scans_a_table_that_grows(
    recorded, tmp_path
):
    with run_full_api(tmp_path) as site:
        purchase, _ = Shop(site.db, utc_now).buy(VERA)
        add_history(site.db)
        recorded.forget()
        # The worker of payments looks once a second.
        wait_until(lambda: any("next_poll_at" in sql for sql, _ in recorded.statements))
        site.db.transact(partial(notify_expiry, site.services, utc_now()))
        site.db.transact(partial(release_stale_reservations, site.services))
        assert (
            site.client.post(
                "/hooks/telegram", json=UPDATE, headers=HEADERS
            ).status_code
            == 200
        )
        assert site.client.post("/hooks/git").status_code == 202
        site.client.post("/hooks/payment", json={"object": {"id": purchase.outside_id}})
    assert (recorded.find_scans(), recorded.find_long()) == ({}, {})
