"""One call for a page: who opens it, in which language, what stands around it, how it is drawn.

The language: ?lang= · else the cookie · else the account · else Accept-Language · else the config

Pages that only some may open are not there for everybody else: nobody signed in is led to the
sign-in page, signed in without the right means 404, as a wrong address.

A page or a part of one is answered packed, known by its tag, or redirected. Each form carries a
mark that tells it from another, so that one pressed twice acts once.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.users import User
from merlin.api.auth import Anyone, Caller, Person, require_same_origin
from merlin.api.pages.formatting import compare_lines, diff_lines, formatters
from merlin.api.problems import Problem, language_of_request, wrong_values
from merlin.api.schema import Id
from merlin.api.services import ApiServices, services_of
from merlin.app import courses
from merlin.app.context import Context
from merlin.app.permissions import led_course
from merlin.app.texts import BOT_NAME, Settings
from merlin.app.views import view_of
from merlin.billing.quota import on_sale
from merlin.core.clock import in_zone
from merlin.core.errors import DatasetError, Forbidden, MerlinError, Refused
from merlin.core.i18n import LANGUAGES, text, zone_name
from merlin.core.permissions import Permission
from merlin.core.web import browser
from merlin.core.web.assets import (
    ASKED_AGAIN,
    PREFIX,
    STATIC,
    VARY,
    WEB,
    Assets,
    asset_response,
    compressed_response,
)
from merlin.core.web.templates import Templates
from merlin.core.word_difference import merge_words
from merlin.course.catalogue import ActiveCourses, Course
from merlin.dataset.commit_message import format_subject

asset_router = APIRouter()

FOLDERS = (STATIC, WEB / "course" / "static")


@cache
def assets() -> Assets:
    """Return the assets of this process."""
    return Assets(*FOLDERS)


@asset_router.get(PREFIX + "{name}", include_in_schema=False)
async def asset(request: Request, name: str) -> Response:
    """Return one asset; a name that is not, or no longer, known is not found."""
    return asset_response(assets(), request, name)


# Source: core.telegram.org/bots/features, "Deep linking": A-Z, a-z, 0-9, _ and -, at most 64.
_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What opens the bot where plans are bought for Stars.
PLANS = "plan"


def bot_href(services: ApiServices, course: Course) -> str:
    """Return the address that opens the bot on this course, "" for none; reads rows."""
    return bot_opened(services, f"course_{course.slug}")


def bot_opened(services: ApiServices, payload: str) -> str:
    """Return the address that opens the bot with a payload, "" for none; reads rows."""
    name = Settings(services.db).get(BOT_NAME)
    if not name or not _PAYLOAD.fullmatch(payload):
        return ""
    return f"{services.config.telegram.link_url.rstrip('/')}/{name}?start={payload}"


PATTERN = "^[0-9a-f]{32}$"
Mark = Annotated[str, Form(pattern=PATTERN)]


def mark() -> str:
    """Return the mark of a new form."""
    return secrets.token_hex(16)


WITHIN_COOKIE = "merlin_within"


def language_shown(request: Request, user: User | None) -> str:
    """Return the language of a page for whoever opens it."""
    chosen = browser.chosen_language(request)
    if chosen:
        return chosen
    default = language_of_request(request)
    return default if user is None else user.speaks(default)


def is_in_telegram(request: Request) -> bool:
    """Return whether the page's script has found itself within Telegram."""
    return browser.read_cookie(request, WITHIN_COOKIE) == "telegram"


def sign_in_href(here: str) -> str:
    """Return where to sign in and come back from."""
    return "/sign-in" if here == "/" else f"/sign-in?next={quote(here, safe='')}"


# What templates call beside texts and icons.
_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "mark": mark,
    "diff_lines": diff_lines,
    "compare_lines": compare_lines,
    "merge_words": merge_words,
    "format_subject": format_subject,
    "with_preference": browser.with_preference,
    "sign_in_href": sign_in_href,
}


@cache
def _templates() -> Templates:
    return Templates(WEB / "course" / "templates", assets(), "page", _FUNCTIONS)


def render_template(template: str, language: str, **values: object) -> str:
    """Return a template filled in; `say` gives texts of `language` to it."""
    return _templates().render(template, language, **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest(Caller):
    """Who opens a page, in the language of the page; `favourites` are the courses of the Sider."""

    request: Request
    theme: str
    courses: ActiveCourses
    favourites: tuple[Course, ...] = ()

    @property
    def zone(self) -> tzinfo:
        """Return the time zone of what the person reads: the browser's, else their own."""
        own = (self.user or User(0)).time_zone(self.services.config.timezone)
        return browser.browser_zone(self.request) or own

    @property
    def unchosen_zone(self) -> str:
        """Return the name of the configuration's time zone, "" where the person's is known.

        Nobody but who is signed in reads times.
        """
        if browser.browser_zone(self.request) or self.user is None or self.user.zone:
            return ""
        return zone_name(in_zone(self.services.clock(), self.zone))

    @property
    def here(self) -> str:
        """Return the page's own address, without what says only how it is shown."""
        return browser.page_address(self.request)

    @property
    def is_personal(self) -> bool:
        """Return whether the page is another one for everybody who is signed in."""
        return self.user is not None or bool(browser.read_cookie(self.request, SAID_COOKIE))

    def say(self, key: str, **arguments: object) -> str:
        """Return a text of the pages."""
        return text(self.language, f"page-{key}", **arguments)


# What a form was refused for, to be said beside it; all else is a page of its own.
REFUSALS = (Problem, Forbidden, Refused, DatasetError, ValidationError)


def refusal_text(visit: PageRequest, error: Exception) -> str:
    """Return the words of one of `REFUSALS`; raises it where it says that nothing is there."""
    match error:
        case Problem():
            if error.status is HTTPStatus.NOT_FOUND:
                raise error
            return text(visit.language, f"api-problem-{error.code}-detail", **error.arguments)
        case ValidationError():
            wrong = wrong_values(error.errors(), visit.language)
            return " ".join(f"{each['pointer'].strip('/')}: {each['detail']}" for each in wrong)
        case MerlinError():
            return text(visit.language, error.key, **error.arguments)
        case _:
            raise error


# What the last form did, said on the page that comes after it.
SAID_COOKIE = "merlin_said"
_SAID_S = 60


async def page_request(request: Request, caller: Anyone) -> PageRequest:
    """Return the visit that this call is."""

    def read(ctx: Context) -> tuple[ActiveCourses, list[Course]]:
        return courses.active(ctx), courses.favourites(ctx, caller.actor)

    active, favourites = await services_of(request).read(read)
    return view_of(
        PageRequest,
        caller,
        request=request,
        language=language_shown(request, caller.user),
        theme=browser.chosen_theme(request),
        courses=active,
        favourites=tuple(favourites),
    )


Visiting = Annotated[PageRequest, Depends(page_request)]


async def _signed_in(visit: Visiting, caller: Person) -> PageRequest:  # noqa: ARG001 - asks to sign in
    return visit


# Pages of a person's own.
Owning = Annotated[PageRequest, Depends(_signed_in)]
# Of forms that nobody else may send in a person's name.
FROM_HERE = [Depends(require_same_origin)]


def nowhere() -> Problem:
    """Return what is raised for a page that is not there for this person."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found")


def require_page_permission(
    permission: Permission,
) -> Callable[[PageRequest, Person], Awaitable[PageRequest]]:
    """Return the dependency of pages that need a right, wherever it counts."""

    async def opened(visit: Visiting, caller: Person) -> PageRequest:
        if not caller.may(permission):
            raise nowhere()
        return visit

    return opened


Teaching = Annotated[PageRequest, Depends(require_page_permission(Permission.EDIT_MATERIALS))]
Watching = Annotated[PageRequest, Depends(require_page_permission(Permission.WATCH))]
Launching = Annotated[PageRequest, Depends(require_page_permission(Permission.LAUNCH))]
Promoting = Annotated[PageRequest, Depends(require_page_permission(Permission.PROMOTE))]
Selling = Annotated[PageRequest, Depends(require_page_permission(Permission.REFUNDS))]
Keeping = Annotated[PageRequest, Depends(require_page_permission(Permission.USERS))]


async def course_led(visit: Teaching, course_id: Id) -> Course:
    """Return a course that the person leads. Raises NotFound, Forbidden for every other."""
    return await visit.read(led_course, course_id)


LedCourse = Annotated[Course, Depends(course_led)]


_NUMBER = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """A link; the current one leads to where the person is."""

    href: str
    words: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Header, Sider and the message of one page.

    `here` is the page's address to come back to, `language_href` the same in the other language.
    `person` is what the person is called, "" where nobody is signed in; without `is_known` nobody
    has looked whether somebody is, and the page offers no sign-in.
    `message` is what the last form did; `undo` is the course that it took away, 0 for none, and
    `restore` the address that undoes anything else.
    `zone` is the time zone of the page's times where the person's own is not known.
    """

    theme: str
    here: str
    language_href: str
    links: tuple[Link, ...] = ()
    rooms: tuple[Link, ...] = ()
    favourites: tuple[Course, ...] = ()
    path: str = ""
    person: str = ""
    is_known: bool = True
    message: str = ""
    undo: int = 0
    restore: str = ""
    is_in_telegram: bool = False
    zone: str = ""


def person_called(user: User | None) -> str:
    """Return what the header calls somebody, "" for nobody."""
    return (user.shown_name or str(user.user_id)) if user else ""


def course_href(course: Course) -> str:
    """Return the address of a course's page."""
    return f"/courses/{course.course_id}"


def layout_of(visit: PageRequest) -> Layout:
    """Return what stands around the page of this visit."""
    here, path, user = visit.here, visit.request.scope["path"], visit.user
    message, undo, restore = _message(visit)
    other = next(one for one in LANGUAGES if one != visit.language)
    is_shop = any(_is_within(path, room) for room in _SHOP)
    shop = (
        [Link("/plans", visit.say("nav-plans"), is_shop)] if on_sale(visit.services.plans) else []
    )
    return Layout(
        theme=visit.theme,
        here=here,
        language_href=browser.with_preference(here, "lang", other),
        links=(*_links(visit, "nav", ROOMS), *shop),
        rooms=_links(visit, "room", _admin_rooms(visit)) if _is_within(path, "/admin") else (),
        favourites=visit.favourites,
        path=path,
        person=person_called(user),
        message=message,
        undo=undo,
        restore=restore,
        is_in_telegram=is_in_telegram(visit.request),
        zone=visit.unchosen_zone,
    )


Room = tuple[str, str, Permission | None]
# Who sees which room: a link, its text `page-nav-<name>`, and the right it takes.
ROOMS: tuple[Room, ...] = (
    ("/", "courses", None),
    ("/teach", "teach", Permission.EDIT_MATERIALS),
    ("/admin", "admin", Permission.WATCH),
)
# Those within /admin; their texts are `page-room-<name>`.
ADMIN_ROOMS: tuple[Room, ...] = (
    ("/admin/board", "home", Permission.WATCH),
    ("/admin/jobs", "jobs", Permission.WATCH),
    ("/admin/models", "models", Permission.WATCH),
    ("/admin/builds", "builds", Permission.WATCH),
    ("/admin/verdicts", "verdicts", Permission.WATCH),
    ("/admin/users", "users", Permission.USERS),
    ("/admin/billing", "billing", Permission.REFUNDS),
    ("/admin/audit", "audit", Permission.USERS),
    ("/admin/health", "health", Permission.USERS),
)


# Where a second admin may have to approve what another asks for.
APPROVALS: Room = ("/admin/approvals", "approvals", Permission.USERS)


def _admin_rooms(visit: PageRequest) -> tuple[Room, ...]:
    is_asked = bool(visit.services.config.security.two_people)
    return (*ADMIN_ROOMS, APPROVALS) if is_asked else ADMIN_ROOMS


# Where things are bought.
_SHOP = ("/plans", "/checkout", "/orders")
# Pages of a course or dataset that only those open who lead it.
_LED = re.compile(r"/changes/|/datasets/|/courses/\d+/(board|edit|proposals|questions)(/|$)")


def _links(visit: PageRequest, family: str, rooms: tuple[Room, ...]) -> tuple[Link, ...]:
    """Return the rooms that the person may open; the one they stand in is marked."""
    path = visit.request.scope["path"]
    # The longest address that holds: every admin room lies within that of all.
    here = max((href for href, _, _ in rooms if _is_within(path, href)), key=len, default="")
    return tuple(
        Link(href, visit.say(f"{family}-{name}"), href == here)
        for href, name, right in rooms
        if right is None or visit.may(right)
    )


def _is_within(path: str, room: str) -> bool:
    if _LED.match(path):
        return room == "/teach"
    if room == "/":
        return path == "/" or path.startswith("/courses/")
    return path == room or path.startswith(f"{room}/")


def say_next(visit: PageRequest, response: Response, key: str, *numbers: int) -> Response:
    """Let the page that comes next say once what a form did; nothing secret."""
    name, value = (
        browser.cookie_name(visit.request, SAID_COOKIE),
        ".".join((key, *map(str, numbers))),
    )
    is_safe = browser.is_secure(visit.request)
    response.set_cookie(name, value, _SAID_S, secure=is_safe, httponly=True, samesite="lax")
    return response


def _message(visit: PageRequest) -> tuple[str, int, str]:
    """Return what a form left to say: "<key>.<course id>", and a talk's number."""
    key, *numbers = browser.read_cookie(visit.request, SAID_COOKIE).split(".")
    course_id, talk, *_ = [int(number) for number in numbers if _NUMBER.fullmatch(number)] + [0, 0]
    course = visit.courses.by_id.get(course_id)
    if key not in {"added", "removed", "deleted"} or course is None:
        return "", 0, ""
    if key == "deleted":
        return visit.say("talk-deleted"), 0, f"{course_href(course)}/chat/{talk}/restore"
    words = visit.say(f"said-{key}", name=course.title(visit.language))
    return words, course_id if key == "removed" else 0, ""


def render_page(
    visit: PageRequest,
    template: str,
    view: Mapping[str, object],
    *,
    status: int = 200,
    keep: str = ASKED_AGAIN,
    tag: str = "",
) -> Response:
    """Return a page with its frame; `keep` is its Cache-Control, `tag` its ETag, "" for none."""
    if redirect := browser.theme_redirect(visit.request, visit.here):
        return redirect
    page = render_template(
        template, visit.language, f=layout_of(visit), fmt=formatters(visit), **view
    )
    response = compressed_response(visit.request, page, HTTPStatus(status))
    response.headers["Cache-Control"] = keep
    if tag:
        response.headers["ETag"] = tag
    if browser.read_cookie(visit.request, SAID_COOKIE):
        browser.set_preference(response, visit.request, SAID_COOKIE, "")
    browser.note_language(response, visit.request, visit.language)
    return response


def render_fragment(
    visit: PageRequest, template: str, view: Mapping[str, object], *, tag: str = ""
) -> Response:
    """Return a part of a page, for a script that puts it in its place."""
    page = render_template(template, visit.language, fmt=formatters(visit), **view)
    response = compressed_response(visit.request, page)
    response.headers["Cache-Control"] = ASKED_AGAIN
    if tag:
        response.headers["ETag"] = tag
    return response


def same(visit: PageRequest, *said: object) -> tuple[str, Response | None]:
    """Return the tag of an anonymous page, and the answer "as before" if the browser has it.

    `said` is all that the page depends on beside the catalogue, the address and how it is shown.
    The tag is "" for who is signed in: their pages are drawn anew.
    """
    request = visit.request
    if visit.is_personal or browser.requested_language(request) or "theme" in request.query_params:
        return "", None
    within = is_in_telegram(request)
    version = visit.courses.version
    parts = (_templates().edition, version, visit.here, visit.language, visit.theme, within, *said)
    part_of_page = request.headers.get("hx-request", "")
    digest = hashlib.sha256(repr((*parts, part_of_page)).encode("utf-8", "replace")).hexdigest()
    # Weak: the same page, whether packed or not.
    tag = f'W/"{digest[:20]}"'
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if tag not in known:
        return tag, None
    headers = {"ETag": tag, "Cache-Control": ASKED_AGAIN, "Vary": VARY}
    return tag, Response(status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)
