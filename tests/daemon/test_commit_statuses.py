"""Commit statuses: the forge shows the result of each commit, each state once."""

import subprocess

import pytest
import yaml

from merlin.core.errors import MerlinError
from merlin.core.i18n import text
from merlin.daemon.reporting import StatusSender
from tests.support.forge_standin import PROJECT, TOKEN, ForgeServer, Refusal
from tests.support.http_servers import serve_http
from tests.support.pipeline_lab import unfetched

pytestmark = pytest.mark.integration


def connect_forge(lab, forge, **changes):
    """Configure the lab to report commit statuses to this forge."""
    document = yaml.safe_load(lab.path.read_text("utf-8"))
    document["repository"]["statuses"] = {
        "kind": forge.kind,
        "url": forge.api,
        "project": PROJECT,
    }
    document |= {
        "api": {"public_url": "https://merlin.example.com"},
        "language": "en",
        **changes,
    }
    lab.path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return forge


@pytest.fixture(params=["github", "gitlab", "gitea"])
def forge(request, lab, monkeypatch):
    monkeypatch.setenv("MERLIN_FORGE_TOKEN", TOKEN)
    with serve_http(ForgeServer(request.param)) as server:
        yield connect_forge(lab, server)


github = pytest.mark.parametrize("forge", ["github"], indirect=True)


def head(lab):
    return lab.repository.head()


def test_commit_status_follows_the_commit_from_its_build_to_its_model(lab, forge):
    lab.tick("status")
    assert forge.states(head(lab)) == ["pending"]
    lab.until_serving("trial-1")
    lab.tick("status")
    statuses = forge.statuses_of(head(lab))
    assert statuses[-1] == {
        "state": "success",
        "context": "merlin/trial",
        "description": "trial-1 is live",
        "target_url": f"https://merlin.example.com/admin/board?commit={head(lab)}",
    }
    lab.tick("status", rounds=3)
    assert forge.statuses_of(head(lab)) == statuses


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("echo 'broken: [' > dataset.yaml", "1 error, good examples: "),
        (
            "ls examples/* | tail -n +4 | xargs rm",
            "good examples: 3 of the 10 that training needs",
        ),
    ],
)
def test_rejected_commit_fails_with_the_reason(lab, forge, harm, reason):
    subprocess.run(  # noqa: S602
        harm, shell=True, check=True, cwd=lab.repository.folder / "datasets/trial"
    )
    commit = lab.repository.commit()
    lab.tick("fetch", "status")
    [document] = forge.statuses_of(commit)
    assert document["state"] == ("failed" if forge.kind == "gitlab" else "failure")
    assert document["description"].startswith(f"not built: {reason}")


@github
def test_commit_whose_examples_are_left_out_fails_with_the_place(lab, forge):
    bad = lab.repository.folder / "datasets/trial/examples/bad.yaml"
    bad.write_text("messages: [", encoding="utf-8")
    commit = lab.repository.commit()
    lab.tick("fetch", "status")
    [document] = forge.statuses_of(commit)
    words = "not trained: 1 example left out: see examples/bad.yaml:2:1"
    assert (document["state"], document["description"]) == ("failure", words)


@unfetched
@github
def test_each_dataset_has_its_own_status_and_a_removed_one_is_reported(lab, forge):
    commit = lab.repository.commit_dataset(
        "second", launch={"mode": "manual", "quiet_s": 0, "min_new": 1}
    )
    lab.tick("fetch", "launch", "status")
    assert forge.states(commit) == ["pending"]
    [status] = forge.statuses_of(commit, "merlin/second")
    assert status["description"].startswith(
        "second-1 isn't trained yet: waits for an admin to start it"
    )
    lab.repository.git("rm", "-rq", "datasets/second")
    commit = lab.repository.commit()
    lab.tick("fetch", "status")
    assert forge.states(commit, "merlin/second") == ["success"]
    assert forge.statuses_of(commit) == []


@github
def test_unavailable_forge_blocks_nothing_and_gets_the_status_later(
    lab, forge, waiting_notices
):
    forge.refusals += [Refusal(503), Refusal(429, headers=(("Retry_After", "1"),))]
    for _ in range(2):
        with pytest.raises(MerlinError):
            lab.tick("fetch", "status")
    lab.until_serving("trial-1")
    lab.tick("status")
    assert forge.states(head(lab))[-1] == "success"
    assert "notice-forge" not in waiting_notices()


@github
@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_refused_token_is_reported_to_the_admins_once_a_day(
    lab, forge, waiting_notices, status
):
    forge.refusals += [Refusal(status, "Bad credentials")] * 2
    for _ in range(2):
        with pytest.raises(MerlinError):
            lab.tick("fetch", "status")
    notice = waiting_notices()["notice-forge"]
    assert notice == {"project": PROJECT, "reason": f"{status} Bad credentials"}
    assert TOKEN not in text("ru", "notice-forge", **notice)
    lab.tick("status")
    assert forge.states(head(lab)) == ["pending"]


@github
def test_status_refused_for_one_commit_does_not_block_others(lab, forge):
    forge.refusals.append(Refusal(422, "No commit found for SHA"))
    lab.tick("fetch")
    lab.repository.commit_example("trial", 50)
    lab.tick("fetch", "status", "status")
    first = lab.repository.git("rev-parse", "HEAD~1")
    assert (forge.states(first), forge.states(head(lab))) == (["pending"], [])
    lab.until_serving("trial-2")
    lab.tick("status")
    assert forge.states(head(lab)) == ["success"]


@github
def test_forge_is_left_alone_for_a_pause_after_it_was_unavailable(lab, forge):
    lab.repository.commit_example("trial", 50)
    lab.tick("fetch")
    forge.refusals += [Refusal(422, "No commit found for SHA"), Refusal(503)]
    with lab.services() as services:
        send = StatusSender(services, services.forge)
        with pytest.raises(MerlinError):
            send()
        assert send() is False
    first = lab.repository.git("rev-parse", "HEAD~1")
    assert forge.states(first) == []
    lab.tick("status")
    assert forge.states(first) == ["pending"]


def test_token_is_absent_from_logs_and_errors(lab, forge, caplog, capfd):
    forge.refusals.append(Refusal(400, f"what is {TOKEN}?"))
    lab.tick("fetch", "status")
    forge.shutdown()
    forge.server_close()
    lab.repository.commit_example("trial", 50)
    with pytest.raises(MerlinError) as failure:
        lab.tick("fetch", "status")
    assert TOKEN not in caplog.text + "".join(capfd.readouterr()) + str(failure.value)
