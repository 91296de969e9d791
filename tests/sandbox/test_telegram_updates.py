"""Updates and chats of the stand-in outlive a kill of its process."""

import pytest

from tests.sandbox.telegram_client import fetch, run_as_process
from tests.support.stand_ins import TelegramStandIn

pytestmark = pytest.mark.functional


def test_updates_and_chats_survive_sigkill(tmp_path):
    with run_as_process(TelegramStandIn, tmp_path) as (_process, address):
        status, document = fetch(
            f"{address}/control/send", {"person": "anna", "text": "раз"}
        )
    assert status == 200
    with TelegramStandIn(tmp_path) as after:
        assert [update["update_id"] for update in after.pending()] == [
            document["update_id"]
        ]
        assert [entry.text for entry in after.log("anna")] == ["раз"]
