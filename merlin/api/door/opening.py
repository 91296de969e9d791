"""Opening: what stands behind the door while the process runs, and how it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from merlin.api.door.keeping import keep
from merlin.api.door.origins import Origins
from merlin.api.services import ApiServices
from merlin.chat.desk import Desk


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    """Let questions be asked within; what is still asked at the end is given back."""
    services: ApiServices = app.state.services
    behind = services.door
    askings: set[asyncio.Task[Any]] = set()
    app.state.desk = Desk(behind.answerers, behind.patience)
    app.state.origins = Origins(services)
    app.state.askings = askings
    beside = [asyncio.create_task(keep(services))] if behind.keep_s else []
    try:
        yield
    finally:
        ending = [*askings, *beside]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        await behind.aclose()
