"""Own page: what opens or closes doors is taken from our own pages alone, and over https."""

from __future__ import annotations

from starlette.requests import Request

from merlin.api.cookies import refuse_plain
from merlin.api.origin import refuse_foreign


def own_page(request: Request) -> None:
    """Refuse what another site's page sends, and secrets without https. Raises Problem 403."""
    refuse_foreign(request)
    refuse_plain(request)
