"""The shop's control side over HTTP: outcomes, notifications, behaviour, and what was asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from merlin.core.errors import NotFound
from merlin.sandbox.fault_routes import fault_routes
from merlin.sandbox.faults import Faults
from merlin.sandbox.yookassa.acts import Acts

Said = dict[str, Any]
Act = Callable[[Said], Awaitable[object]]


def control_routes(acts: Acts, calls: Callable[[], list[Any]], faults: Faults) -> list[Route]:
    """Return the routes of `/control/…`."""
    shop, wishes = acts.shop, _Wishes(acts)
    shown: dict[str, Callable[[], object]] = {
        "payments": lambda: [acts.told(each) for each in shop.payments.values()],
        "refunds": lambda: [acts.told(each) for each in shop.refunds.values()],
        "receipts": lambda: shop.receipts,
        "notifications": lambda: [each.as_json() for each in acts.post.posted],
        "calls": calls,
    }
    return [
        *(Route(f"/control/{name}", _shown(look)) for name, look in shown.items()),
        *(
            Route(f"/control/{name}", _done(act), methods=["POST"])
            for name, act in wishes.table().items()
        ),
        *fault_routes(faults),
    ]


class _Wishes:
    """What may be wished for in JSON; the keys are those of `Acts`."""

    def __init__(self, acts: Acts) -> None:
        self._acts = acts
        self._post = acts.post

    def table(self) -> dict[str, Act]:
        """Return each act by its address."""
        return {
            "choose": self._choose,
            "expire": self._expire,
            "refund": self._refund,
            "notify": self._notify,
            "release": self._release,
            "forge": self._forge,
            "notify-to": self._notify_to,
            "behaviour": self._behave,
        }

    async def _choose(self, said: Said) -> object:
        return self._acts.choose(said["payment"], said["outcome"], said.get("reason", ""))

    async def _expire(self, said: Said) -> object:
        return self._acts.choose(said["payment"], "expired")

    async def _refund(self, said: Said) -> object:
        return self._acts.refund(said["payment"], said.get("amount"))

    async def _notify(self, said: Said) -> object:
        return await self._acts.notify(said["object"], said.get("event", ""), said.get("times", 1))

    async def _release(self, said: Said) -> object:
        return await self._post.release(said.get("order", "kept"), said.get("times", 1))

    async def _forge(self, said: Said) -> object:
        return {"status": await self._post.post(said["body"], said.get("headers"))}

    async def _notify_to(self, said: Said) -> object:
        self._post.url = said["url"]
        return {"url": self._post.url}

    async def _behave(self, said: Said) -> object:
        shop = self._acts.shop
        shop.behaviour = shop.behaviour.changed(said)
        return {"ok": True}


def _shown(look: Callable[[], object]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return JSONResponse(look())

    return answer


def _done(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin and origin.partition("://")[2] != request.headers.get("host"):
            return JSONResponse({"error": "another site may not write here"}, 403)
        try:
            return JSONResponse(await act(await request.json()))
        except NotFound as error:
            return JSONResponse({"error": str(error)}, 404)
        except KeyError as error:
            return JSONResponse({"error": f"{error} is missing"}, 400)
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return answer
