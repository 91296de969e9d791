"""The daemon is killed while it holds a model; after the restart it is held and reported once."""

import pytest

from merlin.db.tables import NOTICE, VERDICT
from merlin.wiring.context import open_read_only
from tests.support import kill_points
from tests.support.forked_processes import start
from tests.support.pipeline_lab import KEY, Lab
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration
YES, NO = "Да, всё именно так и есть.", "Нет, никогда такого не было."


def list_reasons(lab):
    """Return the reasons of the verdicts, oldest first."""
    with open_read_only(lab.config) as database:
        rows = database.rows(VERDICT.select().order_by(VERDICT.id))
    return [row["reason"] for row in rows]


@pytest.mark.parametrize(
    "point", [point for point in kill_points.POINTS if point.startswith("gate.")]
)
def test_model_is_held_and_reported_once_after_a_kill_at(point, tmp_path):
    with ProviderStandIn(key="stand-in") as provider:
        lab = Lab(tmp_path, provider.base_url)
        lab.repository.dataset(count=12, tests=0, gate="not_worse")
        for number in range(20, 40):
            lab.repository.example("trial", number, answer=YES, is_test=True)
        lab.repository.commit()
        provider.behave(fixed_answer=YES)
        lab.until_serving("trial-1")
        lab.repository.example("trial", 1, answer="Иначе.")
        lab.repository.commit()
        provider.behave(fixed_answer=NO)
        crash = {"MERLIN_CRASH_AT": point, "MERLIN_CRASH_MARK": str(tmp_path / "crashed")}
        log = tmp_path / "daemon.log"
        process = start("daemon", lab.path, log, **{KEY: "stand-in", **crash})
        process.join(60)
        assert process.exitcode == 137, log.read_text()[-3000:]
        assert list_reasons(lab) == ["", "" if point == "gate.judged" else "gate-lost"]
        process = start("daemon", lab.path, log, **{KEY: "stand-in", **crash})
        try:
            wait_until(lambda: list_reasons(lab) == ["", "gate-lost"], describe=log.read_text)
        finally:
            process.terminate()
            process.join()
        lab.tick("promote", rounds=3)
        with open_read_only(lab.config) as database:
            assert database.count(NOTICE, NOTICE.key == "notice-held") == 1
        assert lab.status()["serving"]["build"] == "trial-1"
