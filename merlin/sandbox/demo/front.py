"""The demo's front page: who to be, what to try, and where everything is.

`/` is the page; what changes on it is asked for again at `/live`, and sent only where it differs
from what the page shows. `/enter/PERSON` signs the browser in as that person and leads to their
first page (`?to=corrections`: to what waits for an editor). `/over` asks the demo to start over in
the page's language: the file of that wish ends the demo's processes and begins new ones.

The tour has five steps, from a question to a model that answers it otherwise. Each is done by an
event, in whatever window it happened: an answer was sent, its source was opened, a correction was
sent, it was committed, and a model newer than that has answered.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from merlin.app import sign_in
from merlin.app.context import Context
from merlin.app.sign_in import Blocked, NewSignIn
from merlin.chat.turns import first_answer_at
from merlin.config import Config
from merlin.core.clock import in_zone
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.core.web.browser import browser_zone, chosen_language, theme_redirect
from merlin.course.catalogue import Catalogue
from merlin.dataset.proposals import Proposals
from merlin.sandbox.demo.place import Place
from merlin.sandbox.demo.story import STEPS, read_progress
from merlin.sandbox.server import StandIn
from merlin.sandbox.telegram.server import TelegramStandIn
from merlin.sandbox.telegram.world import people_of
from merlin.sandbox.web import control_handler, page_response, restrict_pages, static_routes
from merlin.wiring.context import reading_context, writing_context

# Who does each step.
TOUR = {"ask": "anna", "source": "anna", "correct": "anna", "approve": "boris", "again": "anna"}


def read_steps(ctx: Context, telegram: TelegramStandIn) -> dict[str, datetime | None]:
    """Return when each of the five steps was done, None before."""
    proposals = Proposals(ctx.db)
    committed_at = proposals.first_at(committed=True)
    return {
        "ask": first_answer_at(ctx.db),
        "source": _source_opened_at(telegram),
        "correct": proposals.first_at(),
        "approve": committed_at,
        "again": committed_at and first_answer_at(ctx.db, newer_than=committed_at),
    }


def _source_opened_at(telegram: TelegramStandIn) -> datetime | None:
    """Return when somebody first pressed the key under an answer that tells where it is from."""
    pressed = telegram.act(
        lambda actions: [
            query.asked_at
            for query in actions.world.queries.values()
            if str(query.update.get("data", "")).startswith("why:")
        ]
    )
    return datetime.fromtimestamp(min(pressed), UTC) if pressed else None


PREFIX = "front-"
HOSTS = ["127.0.0.1", "localhost"]
# What `seen` says on a page that waits for the new demo.
OVER = "over"
_ICONS = {"done": "check", "flawed": "warn", "now": "run", "held": "minus", "failed": "error"}
_FIRST_PAGES = {"anna": "", "boris": "teach", "vera": "admin"}


class FrontPage(StandIn):
    """The page, served in the process of the stand-ins; presses in `telegram` tick a step off."""

    def __init__(self, place: Place, config: Config, telegram: TelegramStandIn) -> None:
        super().__init__(place.ports.front)
        self._place, self._config, self._telegram = place, config, telegram
        routes = [
            Route("/", self._show),
            Route("/live", self._show_changes),
            Route("/enter/{person}", self._enter),
            Route("/over", control_handler(self._start_over), methods=["POST"]),
            *static_routes(),
        ]
        # A page of another site that calls itself by our address would read the engine's key.
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
        self._app = restrict_pages(Starlette(routes=routes, middleware=[hosts]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] == "http":
            await self._app(scope, receive, send)

    async def close(self) -> None:
        """Let go of nothing: the page keeps nothing open."""

    async def _show(self, request: Request) -> Response:
        if redirect := theme_redirect(request, "/"):
            return redirect
        return await self._page(request, "front.html")

    async def _show_changes(self, request: Request) -> Response:
        seen = request.query_params.get("seen", "")
        if seen != OVER:
            return await self._page(request, "front_live.html", seen)
        is_over = not self._place.start_over_file.exists()
        return Response(status_code=204, headers={"HX-Refresh": "true"} if is_over else None)

    async def _page(self, request: Request, template: str, seen: str = "") -> Response:
        language = self._language(request)
        view = await run_in_threadpool(self._view, language, browser_zone(request))
        version = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[:12]
        if seen == version:
            return Response(status_code=204)
        response = page_response(request, PREFIX, language, template, seen=version, **view)
        # By "no-referrer" browsers would not say where our own form comes from.
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    def _language(self, request: Request) -> str:
        return chosen_language(request) or self._config.language

    def _view(self, language: str, zone: tzinfo | None) -> dict[str, Any]:
        """Return what the page shows: the commit's way, the tour, people, addresses."""
        place, script = self._place, self._place.script
        way = read_progress(self._config, language)
        steps: dict[str, datetime | None] = {}
        with suppress(NotFound), reading_context(self._config) as ctx:
            steps = read_steps(ctx, self._telegram)
        names = {each.name: each.first_name for each in people_of(language)}
        return {
            "way": self._way(way, language),
            "serving": way["serving"] and {"name": way["serving"]["build"], **way["serving"]},
            "tour": [
                {
                    "key": key,
                    "who": names[person],
                    "at": f"{in_zone(at, zone):%H:%M}" if (at := steps.get(key)) else "",
                }
                for key, person in TOUR.items()
            ],
            "question": script.tour_question,
            "names": names,
            "courses": len(place.courses()),
            "chat_url": place.chat_url,
            "addresses": self._addresses(),
            "key": place.engine_key_file.read_text(encoding="utf-8"),
            "script_language": script.language,
        }

    def _way(self, way: dict[str, Any], language: str) -> list[dict[str, str]]:
        known = {each["key"]: each for each in way["steps"]}
        steps = []
        for key in STEPS:
            step = known.get(key, {"state": "waiting", "note": ""})
            icon = "serve" if (key, step["state"]) == (STEPS[-1], "done") else ""
            icon = icon or _ICONS.get(step["state"], "clock")
            words = text(language, f"chat-page-step-{key}")
            state = text(language, f"chat-page-state-{step['state']}")
            steps.append({**step, "icon": icon, "words": words, "spoken": state})
        return steps

    def _addresses(self) -> list[dict[str, Any]]:
        place, up = self._place, set(self._place.ports.taken())
        api, ports = place.api_url, place.ports
        rows = (
            ("ask", "bot", ports.chat, place.chat_url),
            ("lecture", "courses", ports.api, api),
            ("commit", "admin", ports.api, f"{api}admin"),
            ("model", "engine", ports.engine, place.engine_url),
            ("card", "shop", ports.shop, place.shop_url),
            ("terminal", "api", ports.api, f"{api}api/docs"),
        )
        return [
            {"icon": icon, "key": key, "url": url, "is_up": port in up}
            for icon, key, port, url in rows
        ]

    async def _enter(self, request: Request) -> Response:
        # 0.2 s that the demo's start does not wait for.
        from merlin.api.auth import browser_of, remember_browser  # noqa: PLC0415

        language = self._language(request)
        person = {each.name: each for each in people_of(language)}.get(
            request.path_params["person"]
        )
        up = await run_in_threadpool(self._place.ports.taken)
        if person is None or self._place.ports.api not in up:
            return RedirectResponse("/", 303)  # which says what does not respond
        wants_corrections = request.query_params.get("to") == "corrections"

        def enter() -> tuple[NewSignIn, str]:
            page = _FIRST_PAGES[person.name]
            with writing_context(self._config, makes_key=True) as ctx:
                if wants_corrections:
                    course = Catalogue(ctx.db).course(self._place.script.dataset)
                    page = f"courses/{course.course_id}/proposals"
                person_fields = (person.person_id, person.first_name, browser_of(request))
                return sign_in.by_openid(ctx, *person_fields), page

        try:
            entered, page = await run_in_threadpool(enter)
        except (Blocked, NotFound):  # an admin closed the door, or nothing was committed yet
            return RedirectResponse(self._place.api_url, 303)
        response = RedirectResponse(f"{self._place.api_url}{page}", 303)
        remember_browser(request, response, entered)
        return response

    async def _start_over(self, request: Request) -> Response:
        language = self._language(request)
        self._place.start_over_file.write_text(language, encoding="utf-8")
        # In the page that is there already: what another one would load is about to end.
        return page_response(request, PREFIX, language, "front_over.html")
