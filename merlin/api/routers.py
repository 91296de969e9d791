"""All routes except the pages, in the order of their description."""

from fastapi import APIRouter
from starlette.routing import BaseRoute

from merlin.api import hooks, metrics
from merlin.api.openai_compat import routes
from merlin.api.rest import (
    account,
    changes,
    courses,
    health,
    jobs,
    sign_in,
    teaching,
)

# The public API in the order of its description. A route's name is its operation id, so names must
# be unique.
API: tuple[APIRouter, ...] = (
    courses.search_router,
    courses.course_router,
    courses.favourite_router,
    account.me_router,
    sign_in.router,
    account.usage_router,
    teaching.router,
    changes.router,
    changes.example_router,
    jobs.router,
    jobs.request_router,
)
# The OpenAI protocol; probes and webhooks, which no program calls.
OTHERS: tuple[APIRouter, ...] = (
    health.process_router,
    metrics.router,
    hooks.router,
    routes.router,
)


def api_routes() -> list[BaseRoute]:
    """Return these routes.

    An application gets the routes themselves: including the routers would build each route again,
    with dependencies and models, at the first request, which takes 0.2 s.
    """
    return [route for router in (*API, *OTHERS) for route in router.routes]
