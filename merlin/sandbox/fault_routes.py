"""`/control/faults`: what goes wrong at a stand-in, asked, added and taken back over HTTP."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from merlin.sandbox.faults import Faults, fault_from_json

PATH = "/control/faults"


def fault_routes(faults: Faults) -> list[Route]:
    """Return the routes; each answers with what now waits to happen."""

    async def get(_request: Request) -> Response:
        return JSONResponse([fault.as_json() for fault in faults.all()])

    async def add(request: Request) -> Response:
        try:
            raw = await request.json()
            faults.add(*map(fault_from_json, raw if isinstance(raw, list) else [raw]))
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return await get(request)

    async def clear(request: Request) -> Response:
        faults.clear()
        return await get(request)

    return [
        Route(PATH, get),
        Route(PATH, add, methods=["POST"]),
        Route(PATH, clear, methods=["DELETE"]),
    ]
