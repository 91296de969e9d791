"""All routes but the pages, in the order in which they are described."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.routing import BaseRoute

from merlin.api import hooks, metrics, openapi
from merlin.api.openai_compat import routes
from merlin.api.rest import (
    account,
    changes,
    courses,
    health,
    jobs,
    orders,
    payments,
    people,
    sign_in,
    teaching,
)

# The open API, in the order in which it is described; each router's prefix begins with /api, and
# `path_alias` lets the same calls come under /api/v1. A route's name is its operation id, so no two
# may be alike.
API: tuple[APIRouter, ...] = (
    courses.search_router,
    courses.course_router,
    courses.favourite_router,
    account.me_router,
    sign_in.router,
    account.key_router,
    orders.plan_router,
    orders.order_router,
    orders.renewal_router,
    account.rating_router,
    account.session_router,
    account.usage_router,
    teaching.router,
    changes.router,
    changes.example_router,
    jobs.dataset_router,
    jobs.build_router,
    jobs.router,
    jobs.model_router,
    jobs.verdict_router,
    jobs.request_router,
    health.office_router,
    people.router,
    payments.payment_router,
    payments.sum_router,
    payments.promo_router,
)
# What is no part of the open API: probes, hooks, the OpenAI protocol, the reference page.
OTHERS: tuple[APIRouter, ...] = (
    health.process_router,
    metrics.router,
    hooks.router,
    routes.router,
    openapi.router,
)


def api_routes() -> list[BaseRoute]:
    """Return these routes.

    An application takes the routes themselves: one that includes their routers makes each anew,
    its dependencies and models, at its first request, which takes 0.2 s.
    """
    return [route for router in (*API, *OTHERS) for route in router.routes]
