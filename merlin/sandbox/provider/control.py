"""The provider's control side: faults, behaviour, and the jobs that were really made."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from merlin.sandbox.fault_routes import fault_routes
from merlin.sandbox.faults import Faults
from merlin.sandbox.provider.training import Account


def control_routes(account: Account, faults: Faults) -> list[Route]:
    """Return the routes of `/control/…`."""

    async def get_jobs(_request: Request) -> Response:
        return JSONResponse(jobs_created(account))

    async def behave(request: Request) -> Response:
        try:
            account.behave(await request.json())
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        return JSONResponse({"ok": True})

    return [
        Route("/control/jobs", get_jobs),
        *fault_routes(faults),
        Route("/control/behaviour", behave, methods=["POST"]),
    ]


def jobs_created(account: Account) -> list[dict[str, object]]:
    """Return every job that was ever made, oldest first: id, when, what was asked, status."""
    return [
        {
            "id": job.job_id,
            "created_at": job.created_at,
            "asked": dict(job.asked),
            "status": job.status,
        }
        for job in account.jobs.values()
    ]
