"""The api as one application: guards around routes, bells and the sign of life beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from types import ModuleType

from fastapi import FastAPI

from merlin import __version__
from merlin.api.alias import Alias
from merlin.api.bell import Bell
from merlin.api.caller import caller_of
from merlin.api.contract import add_description
from merlin.api.door.opening import opened
from merlin.api.entrance import Gate
from merlin.api.guards import Guards
from merlin.api.kept import Kept
from merlin.api.learning import keep_learnt
from merlin.api.limits import Limits, LimitsLayer
from merlin.api.pages.site import add_pages
from merlin.api.problems import add_problems
from merlin.api.quick import Quick
from merlin.api.routes import (
    billing,
    builds,
    changes,
    courses,
    datasets,
    examples,
    favourites,
    health,
    hook_payment,
    hooks,
    jobs,
    keys,
    me,
    models,
    office,
    openai,
    orders,
    payments,
    people,
    plans,
    promos,
    ratings,
    reference,
    renewals,
    searching,
    sessions,
    sign_in,
    sign_in_code,
    sign_in_openid,
    teaching,
    usage,
    verdicts,
)
from merlin.api.services import ApiServices
from merlin.api.state import CatalogueState
from merlin.api.till.cashier import Cashier, is_wanted
from merlin.api.traffic import Traffic
from merlin.api.weight import no_room, weighed_by
from merlin.core.body import Bodies, Weight
from merlin.core.errors import MerlinError
from merlin.core.server import ALIVE_S, say_alive

# The open API, one file a topic; each router's prefix begins with /api, and `Alias` lets the same
# calls come under /api/v1. A route's name is its operation id, so no two may be alike.
API: tuple[ModuleType, ...] = (
    searching,
    courses,
    favourites,
    me,
    sign_in,
    sign_in_code,
    sign_in_openid,
    keys,
    plans,
    orders,
    renewals,
    ratings,
    sessions,
    usage,
    teaching,
    changes,
    examples,
    datasets,
    builds,
    jobs,
    models,
    verdicts,
    office,
    people,
    payments,
    billing,
    promos,
)


def create_app(services: ApiServices) -> FastAPI:
    """Return the application; it needs its lifespan to run, as every ASGI server does."""
    app = FastAPI(
        title="Merlin",
        version=__version__,
        docs_url=None,  # its page loads scripts from elsewhere: `routes.reference` is ours
        redoc_url=None,
        redirect_slashes=False,  # it would repeat whatever Host header came
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan(services),
    )
    app.state.services = services
    app.state.traffic = Traffic()
    app.state.catalogue = CatalogueState(app, kept=Kept(services.bounds.kept_bytes))
    app.state.gate = Gate()
    app.state.limits = Limits(services.limits)
    app.state.bodies = Bodies(services.bounds.bodies_bytes)
    add_problems(app)
    add_description(app)
    for topic in (*API, health, hooks, hook_payment, openai, reference):
        app.include_router(topic.router)
    add_pages(app)
    app.add_middleware(Quick)
    app.add_middleware(Alias)
    bodies = app.state.bodies
    app.add_middleware(Weight, bodies=bodies, full=no_room, judge=weighed_by(services))
    app.add_middleware(LimitsLayer, limits=app.state.limits, look_up=caller_of)
    app.add_middleware(Guards, traffic=app.state.traffic)
    return app


def _lifespan(services: ApiServices) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        deeds = {
            "git": services.ask_fetch,
            "provider": services.ask_poll,
        }
        app.state.bells = {name: Bell(name, deed) for name, deed in deeds.items()}
        beside = [asyncio.create_task(bell.serve()) for bell in app.state.bells.values()]
        beside.append(asyncio.create_task(say_alive(services.still_alive)))
        if services.tell_keys is not None:
            beside.append(asyncio.create_task(_tell_keys(services.tell_keys)))
        freshness = app.state.catalogue.freshness
        beside.append(asyncio.create_task(freshness.watch(services)))
        beside.append(asyncio.create_task(keep_learnt(services, freshness)))
        app.state.cashier = Cashier(services)
        if is_wanted(services):
            beside.append(asyncio.create_task(app.state.cashier.serve()))
        async with opened(app):
            yield
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)

    return lifespan


async def _tell_keys(tell: Callable[[], Awaitable[None]]) -> None:
    while True:
        # A database that is away is told by whoever needs it.
        with suppress(MerlinError):
            await tell()
        await asyncio.sleep(ALIVE_S)
