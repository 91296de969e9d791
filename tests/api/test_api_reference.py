"""The API reference page: all of its assets come from this server."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.functional


def test_the_page_is_made_of_files_from_here(client):
    page = client.get("/api/docs")
    assert page.headers["content-type"].startswith("text/html")
    parts = re.findall(r'(?:src|href)="(/api/docs/[^"]+)"', page.text)
    assert len(parts) == 2
    for part in parts:
        answer = client.get(part)
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript")
        assert answer.headers["cache-control"] == "public, max-age=86400"


def test_the_policy_lets_no_script_in_but_ours(client):
    policy = client.get("/api/docs").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["x.js", "..%2f__init__.py", "redoc.standalone.js"])
def test_no_other_file_is_served(client, name):
    assert client.get(f"/api/docs/{name}").status_code == 404
