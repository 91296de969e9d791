"""The demo's front page: sign-in links, a guided tour and all addresses.

`/` is the page; it polls `/live` for its changing part, which is sent only when it differs from
what the page shows (`seen`). `/enter/PERSON` signs the browser in as that person and redirects to
their first page (`?to=corrections`: to the proposals waiting for review, `?to=example`: to a new
example, `?to=story`: to the newest commit). `/docs/NAME.md` is a page of the documentation, where
Merlin runs from a checkout.

The tour has five steps, from a question to a model that answers it differently. Each is completed
by an event, in any window: an answer was sent, its source was opened, a correction was sent, it was
committed, and a model newer than that commit has answered.
"""

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from merlin.app import sign_in
from merlin.app.context import Context
from merlin.app.sign_in import Blocked, NewSignIn
from merlin.chat.turns import find_first_answer_time
from merlin.config import Config
from merlin.core.clock import in_zone
from merlin.core.errors import NotFound
from merlin.core.i18n import text
from merlin.core.web.browser import browser_zone, get_chosen_language
from merlin.dataset.proposals import Proposals
from merlin.sandbox.demo.place import DemoFolder
from merlin.sandbox.demo.story import STEPS, read_progress, relative_path, training_of
from merlin.sandbox.server import StandIn
from merlin.sandbox.telegram.server import TelegramStandIn
from merlin.sandbox.telegram.world import people_of
from merlin.sandbox.web import page_response, restrict_pages, static_routes
from merlin.wiring.context import open_reading_context, open_writing_context

# The person of each step.
TOUR = {
    "ask": "anna",
    "source": "anna",
    "correct": "anna",
    "approve": "boris",
    "again": "anna",
}


def read_steps(ctx: Context, telegram: TelegramStandIn) -> dict[str, datetime | None]:
    """Return when each of the five steps was completed, None for the rest."""
    proposals = Proposals(ctx.db)
    committed_at = proposals.find_first_at(committed=True)
    return {
        "ask": find_first_answer_time(ctx.db),
        "source": _source_opened_at(telegram),
        "correct": proposals.find_first_at(),
        "approve": committed_at,
        "again": committed_at
        and find_first_answer_time(ctx.db, newer_than=committed_at),
    }


def _source_opened_at(telegram: TelegramStandIn) -> datetime | None:
    """Return when the button that shows an answer's source was first pressed."""
    pressed_at = telegram.act(
        lambda actions: [
            query.asked_at
            for query in actions.world.queries.values()
            if str(query.update.get("data", "")).startswith("why:")
        ]
    )
    return datetime.fromtimestamp(min(pressed_at), UTC) if pressed_at else None


PREFIX = "front"
HOSTS = ["127.0.0.1", "localhost"]
_FIRST_PAGES = {"anna": "", "boris": "teach", "vera": "admin"}
_PAGES = {
    "corrections": "datasets/{dataset}/proposals",
    "example": "datasets/{dataset}/examples/new",
    "story": "admin/board?commit={commit}",
}
_DOCS = Path(__file__).parents[3] / "docs"


def list_docs(language: str) -> list[str]:
    """Return the names of the pages of the documentation; an installed package has none."""
    return sorted(path.name for path in (_DOCS / language).glob("*.md"))


class FrontPage(StandIn):
    """The front page, served in the stand-ins' process; it reads button presses from `telegram`."""

    def __init__(
        self, place: DemoFolder, config: Config, telegram: TelegramStandIn
    ) -> None:
        super().__init__(place.ports.front)
        self._place = place
        self._config = config
        self._telegram = telegram
        routes = [
            Route("/", self._show),
            Route("/live", self._show_changes),
            Route("/enter/{person}", self._enter),
            Route("/docs/{name}", self._show_doc),
            *static_routes(),
        ]
        # Against DNS rebinding: another site's page could sign in as the admin.
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
        self._app = restrict_pages(Starlette(routes=routes, middleware=[hosts]))

    async def _show(self, request: Request) -> Response:
        return await self._render(request, "front.html")

    async def _show_changes(self, request: Request) -> Response:
        return await self._render(
            request, "front_live.html", request.query_params.get("seen", "")
        )

    async def _render(
        self, request: Request, template: str, seen: str = ""
    ) -> Response:
        language = self._language(request)
        view = await run_in_threadpool(
            self._template_values, language, browser_zone(request)
        )
        version = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()[
            :12
        ]
        if seen == version:
            return Response(status_code=204)
        return page_response(request, PREFIX, language, template, seen=version, **view)

    def _language(self, request: Request) -> str:
        return get_chosen_language(request) or self._config.language

    def _template_values(self, language: str, zone: tzinfo | None) -> dict[str, Any]:
        """Return the template values: the newest commit's progress, the tour, people, addresses."""
        place = self._place
        script = self._place.script
        progress = read_progress(self._config, language)
        steps: dict[str, datetime | None] = {}
        with suppress(NotFound), open_reading_context(self._config) as ctx:
            steps = read_steps(ctx, self._telegram)
        names = {person.name: person.first_name for person in people_of(language)}
        return {
            "way": self._progress_steps(progress, language),
            "progress": progress["progress"],
            "serving": progress["serving"]
            and {"name": progress["serving"]["build"], **progress["serving"]},
            "training": training_of(language, progress),
            "tour": [
                {
                    "key": key,
                    "who": names[person],
                    "at": f"{in_zone(at, zone):%H:%M}"
                    if (at := steps.get(key))
                    else "",
                }
                for key, person in TOUR.items()
            ],
            "question": script.question,
            "has_docs": bool(list_docs(language)),
            "names": names,
            "courses": len(place.courses()),
            "chat_url": place.chat_url,
            "addresses": self._addresses(),
            "key_path": relative_path(
                place.folder / "credentials" / "MERLIN_ENGINE_KEY"
            ),
            "script_language": script.language,
        }

    def _progress_steps(
        self, progress: dict[str, Any], language: str
    ) -> list[dict[str, str]]:
        step_by_key = {step["key"]: step for step in progress["steps"]}
        steps = []
        for key in STEPS:
            step = step_by_key.get(
                key, {"key": key, "state": "waiting", "note": "", "error": ""}
            )
            step_text = text(language, f"chat-page-step-{key}")
            state = text(language, f"chat-page-state-{step['state']}")
            steps.append({**step, "words": step_text, "spoken": state})
        return steps

    def _addresses(self) -> list[dict[str, Any]]:
        place = self._place
        open_ports = set(self._place.ports.list_taken())
        api = place.api_url
        ports = place.ports
        rows = (
            ("ask", "bot", ports.chat, place.chat_url),
            ("lecture", "courses", ports.api, api),
            ("commit", "admin", ports.api, f"{api}admin"),
            ("model", "engine", ports.engine, f"{place.engine_url}v1"),
            ("card", "shop", ports.shop, place.shop_url),
            ("terminal", "api", ports.api, f"{api}openapi.json"),
        )
        return [
            {"icon": icon, "key": key, "url": url, "is_up": port in open_ports}
            for icon, key, port, url in rows
        ]

    async def _show_doc(self, request: Request) -> Response:
        from merlin.api.pages.markdown import render_markdown  # noqa: PLC0415 - as below

        language = self._language(request)
        name = request.path_params["name"]
        names = list_docs(language)
        if name not in names:
            return RedirectResponse("/", 303)
        source = (_DOCS / language / name).read_text(encoding="utf-8")
        links = tuple((each, f"/docs/{each}") for each in names)
        body, _ = await run_in_threadpool(
            render_markdown, source, language, name, links
        )
        title = source.partition("\n")[0].removeprefix("# ")
        return page_response(
            request, PREFIX, language, "doc.html", heading=title, body=body
        )

    async def _enter(self, request: Request) -> Response:
        # Imported late: it takes 0.2 s, which would delay the demo's start.
        from merlin.api.auth import remember_browser, token_of  # noqa: PLC0415

        language = self._language(request)
        people = {candidate.name: candidate for candidate in people_of(language)}
        person = people.get(request.path_params["person"])
        open_ports = await run_in_threadpool(self._place.ports.list_taken)
        if person is None or self._place.ports.api not in open_ports:
            return RedirectResponse(
                "/", 303
            )  # the front page shows which service does not respond
        page = _PAGES.get(request.query_params.get("to", ""), _FIRST_PAGES[person.name])
        progress = await run_in_threadpool(read_progress, self._config, language)
        page = page.format(
            dataset=self._place.script.dataset, commit=progress["commit"]
        )

        def enter() -> NewSignIn:
            with open_writing_context(self._config, makes_key=True) as ctx:
                return sign_in.sign_in_to_demo(
                    ctx, person.person_id, person.first_name, token_of(request)
                )

        try:
            new_sign_in = await run_in_threadpool(enter)
        except Blocked:  # by an admin
            return RedirectResponse(self._place.api_url, 303)
        response = RedirectResponse(self._place.api_url + page, 303)
        remember_browser(request, response, new_sign_in)
        return response
