"""`/api/docs`: the OpenAPI document as a page that one can try calls on, served from here alone.

Swagger UI comes from the package `fastapi-offline`; its own start is an inline script, which our
policy forbids, so the start is a file of ours.
"""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse, HTMLResponse, Response

from merlin.api.guards import HEADERS
from merlin.api.problems import Problem

router = APIRouter(include_in_schema=False)

_SWAGGER = Path(str(files("fastapi_offline"))) / "static"
_OWN = Path(__file__).parents[2] / "web" / "static"
_FILES = {
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript"),
    "swagger-ui.css": (_SWAGGER, "text/css"),
    "reference.js": (_OWN, "text/javascript"),
}
# Swagger UI draws its icons from data: addresses.
_POLICY = HEADERS["Content-Security-Policy"] + "; img-src 'self' data:"
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>Merlin API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
<script src="/api/docs/swagger-ui-bundle.js" defer></script>
<script src="/api/docs/reference.js" defer></script>
<body><div id="reference"></div></body>
</html>
"""


@router.get("/api/docs")
async def reference() -> Response:
    """Return the page."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/api/docs/{name}")
async def part(name: str) -> Response:
    """Return one of the files that the page is made of."""
    if name not in _FILES:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found")
    folder, media_type = _FILES[name]
    day = {"Cache-Control": "public, max-age=86400"}
    return FileResponse(folder / name, media_type=media_type, headers=day)
