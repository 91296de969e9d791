"""The daemon is killed right after it sent a status; after the restart the forge shows it."""

import pytest

from merlin.db.tables import COMMIT_STATUS
from merlin.wiring.context import open_read_only
from tests.support.forge_standin import PROJECT, TOKEN, ForgeServer
from tests.support.forked_processes import start
from tests.support.http_servers import serve_http
from tests.support.pipeline_lab import KEY, Lab
from tests.support.stand_ins import ProviderStandIn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


def is_recorded(lab):
    with open_read_only(lab.config) as database:
        return bool(database.rows(COMMIT_STATUS.select()))


@pytest.mark.parametrize("kind", ["github", "gitlab", "gitea"])
def test_status_is_shown_and_recorded_after_a_kill_after_status_sent(kind, tmp_path):
    with (
        ProviderStandIn(key="stand-in") as provider,
        serve_http(ForgeServer(kind)) as forge,
    ):
        statuses = {"kind": kind, "url": forge.api, "project": PROJECT}
        repository = {"url": "repository", "interval_s": 0.2, "statuses": statuses}
        lab = Lab(tmp_path, provider.base_url, repository=repository)
        path = lab.repository.folder / "datasets/trial/dataset.yaml"
        lab.repository.dataset()
        path.write_text("broken: [\n", encoding="utf-8")
        commit = lab.repository.commit()
        environment = {
            KEY: "stand-in",
            "MERLIN_FORGE_TOKEN": TOKEN,
            "MERLIN_CRASH_AT": "status.sent",
            "MERLIN_CRASH_MARK": str(tmp_path / "crashed"),
        }
        log = tmp_path / "daemon.log"
        process = start("daemon", lab.path, log, **environment)
        process.join(60)
        assert process.exitcode == 137
        assert not is_recorded(lab)
        process = start("daemon", lab.path, log, **environment)
        try:
            wait_until(lambda: is_recorded(lab))
        finally:
            process.terminate()
            process.join()
        failure = "failed" if kind == "gitlab" else "failure"
        assert set(forge.states(commit)) == {failure}
        assert len(forge.states(commit)) <= 2
