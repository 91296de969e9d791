"""The forge's API address follows from the repository's URL; what must be configured."""

import pytest
import yaml

from merlin.config.reading import load
from merlin.core.errors import ConfigError
from merlin.wiring.providers import create_forge
from tests.support.config import make_config

pytestmark = pytest.mark.unit
HUB = "https://api.github.com"
LAB = "https://git.example.com/api/v4"
TEA = "/api/v1"


OWN = {"url": "https://x.example/api/v1/", "project": "a/b"}


@pytest.mark.parametrize(
    ("kind", "url", "configured", "address"),
    [
        ("github", "git@github.com:school/it.git", {}, f"{HUB}/repos/school/it"),
        ("github", "https://github.com/school/it", {}, f"{HUB}/repos/school/it"),
        (
            "github",
            "https://hub.example/school/it/",
            {},
            "https://hub.example/api/v3/repos/school/it",
        ),
        ("gitlab", "git@git.example.com:a/b/it.git", {}, f"{LAB}/projects/a%2Fb%2Fit"),
        (
            "gitlab",
            "ssh://git@git.example.com:2222/a/it.git",
            {},
            f"{LAB}/projects/a%2Fit",
        ),
        (
            "gitea",
            "https://tea.example:3000/a/it.git",
            {},
            f"https://tea.example:3000{TEA}/repos/a/it",
        ),
        (
            "gitea",
            "http://127.0.0.1:3000/a/it.git",
            {},
            f"http://127.0.0.1:3000{TEA}/repos/a/it",
        ),
        ("gitea", "/srv/datasets", OWN, f"https://x.example{TEA}/repos/a/b"),
    ],
)
def test_forge_url_follows_from_the_repository_url_or_is_configured(
    kind, url, configured, address, monkeypatch
):
    monkeypatch.setenv("MERLIN_FORGE_TOKEN", "a-token-of-a-forge")
    statuses = {"kind": kind, **configured}
    forge = create_forge(make_config(repository={"url": url, "statuses": statuses}))
    forge.close()
    assert forge.url == address


def test_without_statuses_there_is_no_forge():
    assert (
        create_forge(make_config(repository={"url": "git@github.com:school/it.git"}))
        is None
    )


@pytest.mark.parametrize(
    ("url", "statuses", "key"),
    [
        ("/srv/datasets", {}, "config-no-forge"),
        ("file:///srv/datasets", {"project": "a/b"}, "config-no-forge"),
        (
            "/srv/datasets",
            {"url": "http://tea.example/api/v1", "project": "a/b"},
            "config-not-https",
        ),
        ("git@github.com:school/it.git", {"project": "a b"}, "config-wrong-form"),
    ],
)
def test_invalid_forge_settings_are_a_configuration_error(url, statuses, key, tmp_path):
    path = tmp_path / "config.yaml"
    repository = {"url": url, "statuses": {"kind": "gitea", **statuses}}
    path.write_text(
        yaml.safe_dump({"state_dir": "state", "repository": repository}), "utf-8"
    )
    with pytest.raises(ConfigError) as error:
        load(path)
    assert key in str(error.value.arguments)


def test_missing_token_is_named(monkeypatch):
    monkeypatch.delenv("MERLIN_FORGE_TOKEN", raising=False)
    repository = {"url": "git@github.com:school/it.git", "statuses": {"kind": "github"}}
    with pytest.raises(ConfigError, match="MERLIN_FORGE_TOKEN"):
        create_forge(make_config(repository=repository))
