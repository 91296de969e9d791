"""The api as one application: guards around routes, bells and the sign of life beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from merlin import __version__
from merlin.api.bell import Bell
from merlin.api.guards import Guards
from merlin.api.problems import add_problems
from merlin.api.routes import front, health, hooks
from merlin.api.services import ApiServices
from merlin.api.traffic import Traffic
from merlin.core.server import say_alive


def create_app(services: ApiServices) -> FastAPI:
    """Return the application; it needs its lifespan to run, as every ASGI server does."""
    app = FastAPI(
        title="Merlin",
        version=__version__,
        docs_url=None,  # its page loads scripts from elsewhere, which our policy forbids
        redoc_url=None,
        lifespan=_lifespan(services),
    )
    app.state.services = services
    app.state.traffic = Traffic()
    add_problems(app)
    for topic in (health, hooks, front):
        app.include_router(topic.router)
    app.mount("/static", StaticFiles(directory=front.WEB / "static"), name="static")
    app.add_middleware(Guards, traffic=app.state.traffic)
    return app


def _lifespan(services: ApiServices) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        deeds = {
            "git": services.ask_fetch,
            "provider": services.ask_poll,
            "payment": services.wake,
        }
        app.state.bells = {name: Bell(name, deed) for name, deed in deeds.items()}
        beside = [asyncio.create_task(bell.serve()) for bell in app.state.bells.values()]
        beside.append(asyncio.create_task(say_alive(services.still_alive)))
        yield
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)

    return lifespan
