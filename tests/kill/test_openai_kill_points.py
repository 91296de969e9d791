"""The API is killed while it answers: nothing stays reserved, nothing is charged twice."""

from datetime import timedelta

import httpx
import pytest

from merlin.account.api_keys import ApiKeys, Scope
from merlin.account.users import User, Users
from merlin.core.clock import iso, utc_now
from merlin.wiring.context import make_cipher, open_migrated_database, open_read_only
from tests.kill.killed_api import KilledApi
from tests.support.kill_points import POINTS
from tests.support.serving_models import insert_live_model
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration

KILL_POINTS = [point for point in POINTS if point.startswith("completion.")]
ANNA = 1001
KEY = "STAND_IN_KEY"
BODY = {
    "model": "merlin/trial",
    "messages": [{"role": "user", "content": "Что такое граф?"}],
}
ELEVEN_MINUTES = timedelta(minutes=11)


class AnsweringApi(KilledApi):
    """An API with a serving model and a plan with a limit."""

    def __init__(self, folder, provider_url):
        provider = {"name": "chat", "base_url": provider_url, "credential": KEY}
        plan = {"title": {"ru": "Студент", "en": "Student"}, "text": 20}
        settings = {"providers": [provider], "plans": {"student": plan}}
        super().__init__(folder, {KEY: "stand-in"}, **settings)
        with open_migrated_database(self.config) as database:
            insert_live_model(database, "stand-in-chat", dataset="trial")
            Users(database).record([User(ANNA)])
            database.cipher = make_cipher(self.config, database)
            keys = ApiKeys(database)
            _, self.key = keys.make(ANNA, "test", [Scope.CHAT_WRITE])

    def ask(self):
        headers = {"Authorization": f"Bearer {self.key}"}
        address = f"{self.address}/v1/chat/completions"
        return httpx.post(address, json=BODY, headers=headers, timeout=longest())

    def ask_in_vain(self):
        with pytest.raises(httpx.TransportError):
            self.ask()

    def count_uses(self):
        """Return the number of questions by state."""
        with open_read_only(self.config) as database:
            return dict(
                database.sql("SELECT state, COUNT(*) FROM quota_use GROUP BY state")
            )

    def age_records(self):
        """Move all recorded times eleven minutes back."""
        with open_migrated_database(self.config) as database, database.atomic():
            earlier = iso(utc_now() - ELEVEN_MINUTES)
            database.sql("UPDATE quota_use SET at = ?", earlier)


def test_no_question_stays_reserved_or_is_charged_twice_after_kills(tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        api = AnsweringApi(tmp_path, provider.base_url)
        for point in KILL_POINTS:
            api.kill_during(point, api.ask_in_vain)
        asked = {"reserved": len(KILL_POINTS) - 1, "charged": 1}
        assert api.count_uses() == asked, "completion.answered comes after the charge"
        api.age_records()
        with api.run():
            assert api.ask().status_code == 200
            returned = {"returned": asked["reserved"], "charged": 2}
            wait_until(
                lambda: api.count_uses() == returned,
                describe=lambda: str(api.count_uses()),
            )
