"""Remaining quota."""

from datetime import datetime

import pytest

from merlin.account.api_keys import Scope
from merlin.billing.quota import Allowance, Format, Quotas
from merlin.core.clock import utc_now, zone_of
from tests.api.chat_api import erase_everybody
from tests.api.running_api import ANNA, run_api
from tests.billing.plan_shop import add_pack
from tests.support.plan_config import make_plan

pytestmark = pytest.mark.functional

STUDENT = make_plan(
    "student",
    {"ru": "Студент", "en": "Student"},
    {Format.TEXT: Allowance(day=3, month=50), Format.PHOTO: Allowance(day=0)},
    models=("neuro*",),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    with run_api(folder, plans=(STUDENT,), timezone="Europe/Moscow") as site:
        yield site


@pytest.fixture
def planned(shared):
    site = erase_everybody(shared)
    site.add_user(ANNA)
    return site


def test_remaining_quota_is_shown_with_its_reset_time(planned):
    zone = zone_of("Europe/Moscow")
    Quotas(planned.db, planned.bot_id).reserve(ANNA, 1, Format.TEXT, STUDENT, zone)
    add_pack(Quotas(planned.db, planned.bot_id).packs, ANNA, amount=2)
    with planned.key_client(ANNA, Scope.ACCOUNT_READ) as anna:
        body = anna.get("/api/user/usage").json()
    text = body["formats"]["text"]
    assert (body["plan"], body["title"]) == ("student", "Студент")
    assert (text["used"], text["limit"], text["period"]) == (1, 3, "day")
    assert (text["remaining"], text["packs"]) == (4, 2)
    resets = datetime.fromisoformat(text["resets_at"]).astimezone(zone)
    assert (resets.hour, resets.minute) == (0, 0)
    assert resets > utc_now()
    assert body["formats"]["photo"]["limit"] == 0
