"""Assets of the course pages, and of what all pages share."""

from __future__ import annotations

from functools import cache

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from merlin.core.web.assets import PREFIX, STATIC, WEB, Assets, sent

router = APIRouter()

FOLDERS = (STATIC, WEB / "course" / "static")


@cache
def assets() -> Assets:
    """Return the assets of this process."""
    return Assets(*FOLDERS)


@router.get(PREFIX + "{name}", include_in_schema=False)
async def asset(request: Request, name: str) -> Response:
    """Return one asset; a name that is not, or no longer, known is not found."""
    return sent(assets(), request, name)
