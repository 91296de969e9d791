"""What a forge answers to a commit's status, and to whether the project is there."""

from contextlib import closing

import pytest

from merlin.core.errors import Refused
from merlin.providers.forge import CommitStatus, Forge, ForgeDenied, ForgeUnavailable

pytestmark = pytest.mark.functional

STATUS = CommitStatus("merlin", "failure", "a test failed", "https://a.example/1")
SPENT = (("X-RateLimit-Remaining", "0"),)


def test_project_and_state_are_named_as_the_forge_does(server, reply):
    server.will(reply({}))
    with closing(Forge("gitlab", server.base_url, "a/b", "secret")) as forge:
        forge.check()
        forge.set_status("c0ffee", STATUS)
    checked, told = server.calls
    assert (checked.method, checked.path) == ("GET", "/v1/projects/a%2Fb")
    assert told.path == "/v1/projects/a%2Fb/statuses/c0ffee"
    assert told.headers["private-token"] == "secret"
    assert told.json == {
        "state": "failed",
        "context": "merlin",
        "description": "a test failed",
        "target_url": "https://a.example/1",
    }


@pytest.mark.parametrize(
    ("status", "body", "headers", "error", "said"),
    [
        (502, b"<html>", (), ForgeUnavailable, "502 Bad Gateway"),
        (429, {"message": "slower"}, (), ForgeUnavailable, "429 slower"),
        (403, {"message": "spent"}, SPENT, ForgeUnavailable, "403 spent"),
        (403, {"error": ["no", "right"]}, (), ForgeDenied, '403 ["no", "right"]'),
        (301, b"", (("Location", "/v1/c"),), ForgeDenied, "301 Moved Permanently"),
        (422, {"message": "no such commit"}, (), Refused, "422 no such commit"),
    ],
)
def test_refusal_is_told_by_its_kind(server, reply, status, body, headers, error, said):
    server.will(reply(body, status, headers))
    with (
        closing(Forge("github", server.base_url, "a/b", "secret")) as forge,
        pytest.raises(error) as caught,
    ):
        forge.set_status("c0ffee", STATUS)
    assert type(caught.value) is error
    assert str(caught.value) == f"{server.base_url}/repos/a/b: {said}"


def test_status_that_the_commit_has_already_is_no_error(server, reply):
    server.will(reply({"message": "Cannot transition status via :run"}, 400))
    with closing(Forge("gitlab", server.base_url, "a/b", "secret")) as forge:
        forge.set_status("c0ffee", STATUS)
    assert len(server.calls) == 1


def test_forge_that_ends_the_connection_is_away_and_no_secret_is_told(server, reply):
    server.will(reply(drop=True))
    with (
        closing(Forge("gitea", server.base_url, "a/b", "secret")) as forge,
        pytest.raises(ForgeUnavailable) as caught,
    ):
        forge.check()
    assert "secret" not in str(caught.value)
