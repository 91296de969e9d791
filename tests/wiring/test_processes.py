"""Which processes a configuration wants."""

from __future__ import annotations

import pytest

from merlin.config import load
from merlin.wiring.processes import names

pytestmark = pytest.mark.unit


def wanted(tmp_path, *lines):
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(["state_dir: state", *lines]), encoding="utf-8")
    return names(load(path))


@pytest.mark.parametrize(
    ("listen", "url", "is_wanted"),
    [
        ("127.0.0.1:8702", "http://127.0.0.1:8702/v1", True),
        ("0.0.0.0:8702", "http://localhost:8702/v1", True),
        ("'[::1]:8702'", "http://[::1]:8702/v1", True),
        ("127.0.0.1:8702", "http://127.0.0.1:9000/v1", False),
        ("127.0.0.1:8702", "https://api.example.com/v1", False),
    ],
)
def test_the_engine_runs_where_a_provider_points_at_it(tmp_path, listen, url, is_wanted):
    providers = f"providers: [{{name: x, base_url: '{url}'}}]"
    found = wanted(tmp_path, providers, f"engine: {{listen: {listen}}}")
    assert ("engine" in found) is is_wanted


def test_without_a_repository_there_is_no_daemon(tmp_path):
    assert wanted(tmp_path) == ["bot", "api"]
    assert wanted(tmp_path, "repository: {url: .}") == ["daemon", "bot", "api"]
