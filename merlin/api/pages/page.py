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
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache, partial
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.users import User
from merlin.api.auth import Anyone, AuthMethod, Caller, Person
from merlin.api.problems import Problem, language_of_request
from merlin.api.services import ApiServices
from merlin.app import courses
from merlin.app.context import Context
from merlin.app.permissions import led_course
from merlin.app.texts import BOT_NAME, Settings
from merlin.billing.plan import on_sale
from merlin.core import i18n
from merlin.core.i18n import LANGUAGES, format_number, keys, language_of, text
from merlin.core.money import format_cost
from merlin.core.permissions import Permission, Role
from merlin.core.web.assets import (
    ASKED_AGAIN,
    PREFIX,
    STATIC,
    VARY,
    WEB,
    Assets,
    asset_response,
    compressed_response,
    local_address,
    seen_other,
)
from merlin.core.web.browser import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    chosen_language,
    chosen_theme,
    requested_language,
    set_preference,
)
from merlin.core.web.templates import BAD, JOB, OK, PLAIN, RUN, WAIT, Badge, Look, Templates
from merlin.course.catalogue import ActiveCourses, Course

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
    return f"{services.entrance.link_url.rstrip('/')}/{name}?start={payload}"


PATTERN = "^[0-9a-f]{32}$"


def mark() -> str:
    """Return the mark of a new form."""
    return secrets.token_hex(16)


WITHIN_COOKIE = "merlin_within"


def language_shown(request: Request, user: User | None) -> str:
    """Return the language of a page for whoever opens it."""
    chosen = chosen_language(request)
    if chosen:
        return chosen
    default = language_of_request(request)
    if user is None:
        return default
    return language_of(user.language, default) if user.language else user.speaks(default)


def is_in_telegram(request: Request) -> bool:
    """Return whether the page's script has found itself within Telegram."""
    return request.cookies.get(WITHIN_COOKIE) == "telegram"


@cache
def _templates() -> Templates:
    return Templates(WEB / "course" / "templates", assets(), "page", {"mark": mark})


def edition() -> str:
    """Return what changes whenever templates or assets do."""
    return _templates().edition


def render_template(template: str, language: str, **values: object) -> str:
    """Return a template filled in; `say` gives texts of `language` to it."""
    return _templates().render(template, language, **values)


# What the address says of how a page is shown; links to the same page leave it out.
_HOW = frozenset({"lang", "theme"})


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page's route starts from; `favourites` are the courses of the Sider."""

    request: Request
    caller: Caller
    language: str
    theme: str
    courses: ActiveCourses
    favourites: tuple[Course, ...] = ()

    @property
    def services(self) -> ApiServices:
        """Return the api's services."""
        services: ApiServices = self.request.app.state.services
        return services

    @property
    def context(self) -> Context:
        """Return what acts work with."""
        return self.services

    @property
    def zone(self) -> tzinfo:
        """Return the zone in which the person's day turns."""
        return (self.caller.user or User(0)).time_zone(self.services.timezone)

    @property
    def here(self) -> str:
        """Return the page's own address, without what says only how it is shown."""
        return here(self.request)

    @property
    def is_personal(self) -> bool:
        """Return whether the page is another one for everybody who is signed in."""
        return self.caller.by is not AuthMethod.NOTHING or bool(
            self.request.cookies.get(SAID_COOKIE)
        )

    @property
    def role(self) -> Role:
        """Return what the person is here; somebody unknown is a student."""
        return self.caller.standing.role

    def say(self, key: str, **arguments: object) -> str:
        """Return a text of the pages."""
        return text(self.language, f"page-{key}", **arguments)


# What the last form did, said on the page that comes after it.
SAID_COOKIE = "merlin_said"


def here(request: Request) -> str:
    """Return the address of a call, without what says only how a page is shown."""
    asked = [(name, value) for name, value in request.query_params.multi_items()]
    rest = urlencode([(name, value) for name, value in asked if name not in _HOW])
    return str(request.scope["path"]) + (f"?{rest}" if rest else "")


async def page_request(request: Request, caller: Anyone) -> PageRequest:
    """Return the visit that this call is."""

    def read(ctx: Context) -> tuple[ActiveCourses, list[Course]]:
        return courses.active(ctx), courses.favourites(ctx, caller.actor)

    services: ApiServices = request.app.state.services
    active, favourites = await services.read(read)
    language, theme = language_shown(request, caller.user), chosen_theme(request)
    return PageRequest(request, caller, language, theme, active, tuple(favourites))


Visiting = Annotated[PageRequest, Depends(page_request)]


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


async def course_led(visit: PageRequest, course_id: int) -> Course:
    """Return a course that the person leads. Raises NotFound, Forbidden for every other."""
    return await visit.context.read(led_course, visit.caller.actor, course_id)


_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def when(visit: PageRequest, at: datetime | str | None) -> str:
    """Return a moment in the person's zone, "20 ноя, 13:12", "–" for none."""
    if at is None:
        return "–"
    moment_at = datetime.fromisoformat(at) if isinstance(at, str) else at
    return i18n.format_moment_briefly(moment_at.astimezone(UTC), visit.zone, visit.language)


def day(visit: PageRequest, at: date) -> str:
    """Return a day: "20 ноя"."""
    month = text(visit.language, "moment-month-brief", month=at.month)
    return visit.say("day", day=at.day, month=month)


def day_of_year(visit: PageRequest, at: date) -> str:
    """Return a day with its year: "20 ноя 2026"."""
    return f"{day(visit, at)} {at.year}"


def span(visit: PageRequest, length: timedelta) -> str:
    """Return how long something lasts, in its largest unit: "4 мин"."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= unit:
            return text(visit.language, f"health-{name}", count=seconds // unit)
    return text(visit.language, "health-seconds", count=seconds)


def whole(visit: PageRequest, value: int) -> str:
    """Return a whole number by thousands."""
    return format_number(visit.language, value, 0)


def money(visit: PageRequest, micro: int, currency: str) -> str:
    """Return an amount of millionths: "0,79 $"; less than a cent is told to four digits."""
    return format_cost(visit.language, micro, currency)


def state_text(visit: PageRequest, family: str, name: str) -> str:
    """Return the word of a stored value: `word-held`; one without a text stays as it is."""
    key = f"{family}-{name}"
    return text(visit.language, key) if key in keys(visit.language) else name


_LOOKS: Mapping[str, Mapping[str, Look]] = {
    "job": JOB,
    "word": {
        "held": WAIT,
        "built": ("run", "build"),
        "training": RUN,
        "serving": OK,
        "failed": BAD,
        "rejected": BAD,
    },
    "model": {
        "new": WAIT,
        "good": ("", "check"),
        "serves": ("ok", "serve"),
        "refused": BAD,
        "gone": ("", "close"),
        "revoked": BAD,
    },
    "page-change": {
        "waiting": WAIT,
        "working": RUN,
        "committed": OK,
        "conflict": ("bad", "warn"),
        "parked": ("bad", "warn"),
        "refused": BAD,
    },
    "page-order": {
        "created": WAIT,
        "asking": WAIT,
        "pending": WAIT,
        "held": RUN,
        "canceled": ("", "close"),
        "expired": ("", "clock"),
        "paid": OK,
        "refunded-in-part": ("warn", "undo"),
        "refunded": ("", "undo"),
    },
    "page-return": {
        "wanted": WAIT,
        "sending": RUN,
        "done": ("ok", "undo"),
        "refused": BAD,
    },
    "page-asked": {"waiting": WAIT, "working": RUN, "done": OK, "failed": BAD},
}


def badge(visit: PageRequest, family: str, state: str) -> Badge:
    """Return a state of a family: job, word (of a verdict), model, page-<what>."""
    style, icon = _LOOKS[family].get(state, PLAIN)
    return Badge(style, icon, state_text(visit, family, state))


def formatters(visit: PageRequest) -> Mapping[str, Callable[..., object]]:
    """Return what templates write raw values by, as `fmt`: in the person's language and zone."""
    return {
        "badge": partial(badge, visit),
        "when": partial(when, visit),
        "money": partial(money, visit),
        "word": partial(state_text, visit),
    }


_NUMBER = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """A link; `mark` is the icon in front of its words, "" for none."""

    href: str
    words: str
    is_current: bool = False
    mark: str = ""


@dataclass(frozen=True, slots=True)
class KeptCourse:
    """One line of the Sider."""

    course_id: int
    href: str
    name: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What the last form did; `undo` is the course that it took away, 0 for none."""

    words: str
    undo: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """Header, Sider and the message of one page.

    `here` is the page's address to come back to; `language_href`, `light_href` and `dark_href`
    change how it is shown. `person` is what the person is called, "" where nobody is signed in.
    """

    theme: str
    here: str
    language_href: str
    light_href: str
    dark_href: str
    sign_in_href: str
    links: tuple[Link, ...]
    kept: tuple[KeptCourse, ...]
    is_signed_in: bool = False
    person: str = ""
    message: Message | None = None
    is_in_telegram: bool = False


def course_href(course: Course) -> str:
    """Return the address of a course's page."""
    return f"/courses/{course.course_id}"


def sign_in_href(here: str) -> str:
    """Return where to sign in and come back from."""
    return "/sign-in" if here == "/" else f"/sign-in?next={quote(here, safe='')}"


def layout_of(visit: PageRequest) -> Layout:
    """Return what stands around the page of this visit."""
    caller, here = visit.caller, visit.here
    other = next(one for one in LANGUAGES if one != visit.language)
    return Layout(
        theme=visit.theme,
        here=here,
        language_href=_with(here, "lang", other),
        light_href=_with(here, "theme", "light"),
        dark_href=_with(here, "theme", "dark"),
        sign_in_href=sign_in_href(here),
        links=_links(visit),
        kept=tuple(_favourite_link(course, visit) for course in visit.favourites),
        is_signed_in=caller.user is not None,
        person=(caller.user.shown_name or str(caller.user_id)) if caller.user else "",
        message=_message(visit),
        is_in_telegram=is_in_telegram(visit.request),
    )


# Who sees which room: a link, its text `page-nav-<name>`, and the right it takes.
ROOMS: tuple[tuple[str, str, Permission | None], ...] = (
    ("/", "courses", None),
    ("/teach", "teach", Permission.EDIT_MATERIALS),
    ("/admin", "admin", Permission.WATCH),
)


# Where things are bought.
_SHOP = ("/plans", "/checkout", "/orders")
# Pages of a course that only those open who lead it.
_LED = re.compile(r"/changes/|/courses/\d+/(edit|examples|questions)(/|$)")


def _links(visit: PageRequest) -> tuple[Link, ...]:
    path = visit.request.scope["path"]
    return tuple(
        Link(href, visit.say(f"nav-{name}"), _is_within(path, href))
        for href, name, right in ROOMS
        if right is None or visit.caller.may(right)
    ) + _shop_link(visit)


def _shop_link(visit: PageRequest) -> tuple[Link, ...]:
    """Return the way to what is on sale, where anything is."""
    if not on_sale(visit.services.plans):
        return ()
    path = visit.request.scope["path"]
    is_here = any(path == room or path.startswith(f"{room}/") for room in _SHOP)
    return (Link("/plans", visit.say("nav-plans"), is_here),)


def _is_within(path: str, room: str) -> bool:
    if _LED.match(path):
        return room == "/teach"
    if room == "/":
        return path == "/" or path.startswith("/courses/")
    return path == room or path.startswith(f"{room}/")


def _favourite_link(course: Course, visit: PageRequest) -> KeptCourse:
    href, path = course_href(course), visit.request.scope["path"]
    name = course.title(visit.language)
    return KeptCourse(course.course_id, href, name, path == href)


def _with(here: str, name: str, value: str) -> str:
    return f"{here}{'&' if '?' in here else '?'}{urlencode({name: value})}"


def _message(visit: PageRequest) -> Message | None:
    """Return what a form left to say: "<key>.<course id>"."""
    key, _, number = visit.request.cookies.get(SAID_COOKIE, "").partition(".")
    course = visit.courses.by_id.get(int(number)) if _NUMBER.fullmatch(number) else None
    if key not in {"added", "removed"} or course is None:
        return None
    words = visit.say(f"said-{key}", name=course.title(visit.language))
    return Message(words, course.course_id if key == "removed" else 0)


def render_page(visit: PageRequest, template: str, **view: object) -> Response:
    """Return a page with its frame.

    `status` and `keep` (a Cache-Control) may be among the view.
    """
    status = HTTPStatus(int(str(view.pop("status", 200))))
    keep = str(view.pop("keep", ASKED_AGAIN))
    theme = visit.request.query_params.get("theme")
    if theme is not None:
        return _with_theme(visit, theme)
    page = render_template(
        template, visit.language, f=layout_of(visit), fmt=formatters(visit), **view
    )
    response = compressed_response(visit.request, page, status)
    response.headers["Cache-Control"] = keep
    response.headers["Content-Language"] = visit.language
    if visit.request.cookies.get(SAID_COOKIE):
        set_preference(response, visit.request, SAID_COOKIE, "")
    if requested_language(visit.request):
        set_preference(response, visit.request, LANGUAGE_COOKIE, visit.language)
    return response


def render_fragment(visit: PageRequest, template: str, **view: object) -> Response:
    """Return a part of a page, for a script that puts it in its place."""
    page = render_template(template, visit.language, fmt=formatters(visit), **view)
    response = compressed_response(visit.request, page)
    response.headers["Cache-Control"] = ASKED_AGAIN
    return response


def same(visit: PageRequest, *said: object) -> tuple[str, Response | None]:
    """Return the tag of an anonymous page, and the answer "as before" if the browser has it.

    `said` is all that the page depends on beside the catalogue, the address and how it is shown.
    The tag is "" for who is signed in: their pages are drawn anew.
    """
    request = visit.request
    if visit.is_personal or requested_language(request) or "theme" in request.query_params:
        return "", None
    within = is_in_telegram(request)
    version = visit.courses.version
    parts = (edition(), version, visit.here, visit.language, visit.theme, within, *said)
    part_of_page = request.headers.get("hx-request", "")
    digest = hashlib.sha256(repr((*parts, part_of_page)).encode("utf-8", "replace")).hexdigest()
    # Weak: the same page, whether packed or not.
    tag = f'W/"{digest[:20]}"'
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if tag not in known:
        return tag, None
    headers = {"ETag": tag, "Cache-Control": ASKED_AGAIN, "Vary": VARY}
    return tag, Response(status_code=HTTPStatus.NOT_MODIFIED.value, headers=headers)


def tagged(response: Response, tag: str) -> Response:
    """Return the response with its tag, where it has one."""
    if tag:
        response.headers["ETag"] = tag
    return response


def _with_theme(visit: PageRequest, theme: str) -> Response:
    response = seen_other(local_address(visit.here))
    if theme in THEMES:
        set_preference(response, visit.request, THEME_COOKIE, theme)
    return response
