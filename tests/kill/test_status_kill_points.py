"""The daemon is killed right after it sent a status; after the restart the forge shows it."""

import pytest

from merlin.db.tables import VERDICT
from merlin.wiring.context import open_read_only
from tests.support.forge_standin import PROJECT, TOKEN, ForgeServer
from tests.support.http_servers import serve_http
from tests.support.pipeline_lab import Lab, run_through_kills
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.integration


def is_recorded(lab):
    with open_read_only(lab.config) as database:
        return database.has(VERDICT, VERDICT.sent_at.is_null(is_null=False))


def test_status_is_shown_and_recorded_after_a_kill_after_status_sent(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("MERLIN_FORGE_TOKEN", TOKEN)
    # Of the three forges GitLab alone refuses a repeated status.
    with (
        ProviderStandIn(key="stand-in") as provider,
        serve_http(ForgeServer("gitlab")) as forge,
    ):
        statuses = {"kind": "gitlab", "url": forge.api, "project": PROJECT}
        repository = {"url": "repository", "interval_s": 0.2, "statuses": statuses}
        lab = Lab(tmp_path, provider.base_url, repository=repository)
        path = lab.repository.folder / "datasets/trial/dataset.yaml"
        lab.repository.dataset()
        path.write_text("broken: [\n", encoding="utf-8")
        commit = lab.repository.commit()
        run_through_kills(lab, ["status.sent"], is_recorded)
        assert forge.states(commit) == ["failed"]
        assert forge.calls > 1
