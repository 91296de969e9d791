"""The API reference page: all of its assets come from this server."""

import re

import pytest

pytestmark = pytest.mark.functional


def test_api_reference_page_loads_assets_from_own_server_only(client):
    page = client.get("/api/docs")
    assert "<noscript><p>Список запросов показывается с JavaScript." in page.text
    assert page.headers["content-type"].startswith("text/html")
    parts = re.findall(r'(?:src|href)="(/api/docs/[^"]+)"', page.text)
    assert len(parts) == 2
    for part in parts:
        answer = client.get(part)
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript")
        assert answer.headers["cache-control"] == "public, max-age=86400"


def test_csp_allows_only_own_scripts(client):
    policy = client.get("/api/docs").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", ["x.js", "..%2f__init__.py", "redoc.standalone.js"])
def test_other_files_return_404(client, name):
    assert client.get(f"/api/docs/{name}").status_code == 404
