"""The daemon is killed while it holds a model; after the restart it is held and reported once."""

import pytest

from merlin.db.tables import NOTICE, VERDICT
from merlin.wiring.context import open_read_only
from tests.support import kill_points
from tests.support.pipeline_lab import Lab, run_through_kills
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration
YES = "Да, всё именно так и есть."
NO = "Нет, никогда такого не было."


def list_reasons(lab):
    """Return the reasons of the verdicts, oldest first."""
    with open_read_only(lab.config) as database:
        rows = database.rows(VERDICT.select().order_by(VERDICT.id))
    return [row.reason for row in rows]


def test_model_is_held_and_reported_once_after_kills(tmp_path):
    points = [point for point in kill_points.POINTS if point.startswith("gate.")]
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab(tmp_path, provider.base_url)
        # A fixed answer is wrong to the taught questions.
        lab.repository.dataset(count=12, tests=0, gate={"budget": 0})
        for number in range(20, 40):
            lab.repository.example("trial", number, answer=YES, is_test=True)
        lab.repository.commit()
        provider.behave(fixed_answer=YES)
        lab.until_serving("trial-1")
        lab.repository.commit_example("trial", 1, answer="Иначе.")
        provider.behave(fixed_answer=NO)
        run_through_kills(
            lab, points, lambda lab: list_reasons(lab) == ["", "gate-lost"]
        )
        lab.tick("promote", rounds=3)
        with open_read_only(lab.config) as database:
            assert database.count(NOTICE, NOTICE.key == "notice-held") == 1
        assert lab.status()["serving"]["build"] == "trial-1"
