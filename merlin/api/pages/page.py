"""Context and rendering of an HTML page: visitor, language, layout.

The language: ?lang= · else the cookie · else the account · else Accept-Language · else the config

A page that requires a permission redirects to the sign-in page without authentication, and answers
404 to a signed-in person without the permission, as for an unknown address.

Each form has a random token, so that submitting it twice acts once.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from functools import cache
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from merlin.account.users import User
from merlin.api.auth import Anyone, Caller, Person
from merlin.api.pages.formatting import diff_rows, formatters
from merlin.api.problems import Problem, language_of_request, validation_errors
from merlin.api.schema import Id
from merlin.api.services import services_of
from merlin.app import courses
from merlin.app.board import Task, list_tasks
from merlin.app.context import Context
from merlin.app.permissions import get_led_course
from merlin.billing.quota import plans_for_sale
from merlin.core.errors import DatasetError, Forbidden, MerlinError, NotFound, Refused
from merlin.core.i18n import LANGUAGES, text, text_like
from merlin.core.permissions import Permission
from merlin.core.views import view_of
from merlin.core.web import browser
from merlin.core.web.assets import (
    PREFIX,
    STATIC,
    WEB,
    Assets,
    page_response,
)
from merlin.core.web.templates import Templates
from merlin.course.catalogue import ActiveCourses, Course
from merlin.dataset.file_difference import compare_answers
from merlin.training.commit_state import CommitState

asset_router = APIRouter()

FOLDERS = (STATIC, WEB / "course" / "static")


@cache
def assets() -> Assets:
    """Return the static assets of this process."""
    return Assets(*FOLDERS)


@asset_router.get(PREFIX + "{digest}/{name}", include_in_schema=False)
async def asset(digest: str, name: str) -> Response:
    """Return one asset. Raises Problem 404 for an unknown or outdated name."""
    return assets().respond(digest, name)


PATTERN = "^[0-9a-f]{32}$"
FormToken = Annotated[str, Form(pattern=PATTERN)]
# The state of a part of a page that a script has.
Seen = Annotated[str, Query(max_length=80)]


def form_token() -> str:
    """Return the token of a new form."""
    return secrets.token_hex(16)


WITHIN_COOKIE = "merlin_within"


def page_language(request: Request, user: User | None) -> str:
    """Return the language of a page for this user."""
    chosen = browser.get_chosen_language(request)
    if chosen:
        return chosen
    default = language_of_request(request)
    return default if user is None else user.speaks(default)


def is_in_telegram(request: Request) -> bool:
    """Return whether the page's script has detected Telegram's frame."""
    return browser.read_cookie(request, WITHIN_COOKIE) == "telegram"


def sign_in_href(address: str) -> str:
    """Return the address of the sign-in page that returns to an address."""
    return "/sign-in" if address == "/" else f"/sign-in?next={quote(address, safe='')}"


# Functions of templates, besides texts and icons.
_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "mark": form_token,
    "diff_rows": diff_rows,
    "with_preference": browser.with_preference,
    "sign_in_href": sign_in_href,
    "text_like": text_like,
    "CommitState": CommitState,
    "compare_answers": compare_answers,
}


@cache
def load_templates() -> Templates:
    """Return the templates of the pages, compiled when first used."""
    return Templates(WEB / "course" / "templates", assets().address, "page", _FUNCTIONS)


def render_template(template: str, language: str, **values: object) -> str:
    """Return a rendered template; its function `say` gives texts in `language`."""
    return load_templates().render(template, language, **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext(Caller):
    """The context of a page: caller, language, theme.

    `favourites` are the courses in the Sider, `tasks` what waits for an editor.
    """

    request: Request
    theme: str
    courses: ActiveCourses
    favourites: tuple[Course, ...] = ()
    tasks: tuple[Task, ...] = ()

    @property
    def zone(self) -> tzinfo:
        """Return the time zone of the page: the browser's, else the person's."""
        own = (self.user or User(0)).time_zone(self.services.config.timezone)
        return browser.browser_zone(self.request) or own

    @property
    def here(self) -> str:
        """Return the page's address without display parameters."""
        return browser.page_address(self.request)

    def say(self, key: str, **arguments: object) -> str:
        """Return a text of the pages."""
        return text(self.language, f"page-{key}", **arguments)


# Errors shown beside the form; all others get an error page.
REFUSALS = (Problem, Forbidden, Refused, DatasetError, ValidationError)


def refusal_text(
    context: PageContext, error: Problem | ValidationError | MerlinError
) -> str:
    """Return the message of one of `REFUSALS`, or of another error of ours."""
    match error:
        case Problem():
            return text(
                context.language, f"api-problem-{error.code}", **error.arguments
            )
        case ValidationError():
            return " ".join(_field_errors(context, error))
        case MerlinError():
            return text(context.language, error.key, **error.arguments)


# Field of a form or of its body -> text key of its label.
FIELD_LABELS: Mapping[str, str] = {
    "question": "example-question",
    "answer": "example-answer",
    "tags": "example-tags",
    **{
        name: name.replace("_", "-")
        for name in ("name_ru", "name_en", "about_ru", "about_en")
    },
    **{
        name: name.replace("_", "-")
        for name in ("title_ru", "title_en", "file_url", "active")
    },
    "kind": "kind-of",
    "text": "text-markdown",
    "lesson": "lesson-number",
    "semester": "semester-number",
    "teachers": "teachers",
}


def _field_errors(context: PageContext, error: ValidationError) -> Iterator[str]:
    faults = error.errors()
    for fault, item in zip(
        faults, validation_errors(faults, context.language), strict=False
    ):
        label = FIELD_LABELS.get(str(fault["loc"][0])) if fault["loc"] else None
        yield f"{context.say(label)}: {item['detail']}" if label else item["detail"]


async def page_context(request: Request, caller: Anyone) -> PageContext:
    """Return the page context of a request."""

    def read(ctx: Context) -> tuple[ActiveCourses, list[Course], list[Task]]:
        actor = caller.actor
        return (
            ctx.read_courses(),
            courses.list_favourites(ctx, actor),
            list_tasks(ctx, actor),
        )

    active, favourites, tasks = await services_of(request).read(read)
    return view_of(
        PageContext,
        caller,
        request=request,
        language=page_language(request, caller.user),
        theme=browser.get_chosen_theme(request),
        courses=active,
        favourites=tuple(favourites),
        tasks=tuple(tasks),
    )


PublicContext = Annotated[PageContext, Depends(page_context)]


def require_page_permission(
    permission: Permission | None = None,
) -> Callable[[PageContext, Person], Awaitable[PageContext]]:
    """Return a dependency that requires a permission for any dataset or course; None: sign-in."""

    async def check_permission(context: PublicContext, caller: Person) -> PageContext:
        if permission is not None and not caller.may(permission):
            raise NotFound(f"no {permission}")
        return context

    return check_permission


SignedInContext = Annotated[PageContext, Depends(require_page_permission())]
TeacherContext = Annotated[
    PageContext, Depends(require_page_permission(Permission.EDIT_MATERIALS))
]
ViewerContext = Annotated[
    PageContext, Depends(require_page_permission(Permission.WATCH))
]
LauncherContext = Annotated[
    PageContext, Depends(require_page_permission(Permission.LAUNCH))
]
PromoterContext = Annotated[
    PageContext, Depends(require_page_permission(Permission.PROMOTE))
]
RefundContext = Annotated[
    PageContext, Depends(require_page_permission(Permission.REFUNDS))
]
UserAdminContext = Annotated[
    PageContext, Depends(require_page_permission(Permission.USERS))
]


async def require_led_course(context: TeacherContext, course_id: Id) -> Course:
    """Return a course that the person teaches. Raises NotFound, Forbidden for any other."""
    return await context.read(get_led_course, context.actor, course_id)


LedCourse = Annotated[Course, Depends(require_led_course)]


@dataclass(frozen=True, slots=True)
class Link:
    """A link; `is_current` marks the one of the current page, `count` is what waits there."""

    href: str
    text: str
    is_current: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class PageLayout:
    """Header and Sider of one page.

    `here` is the page's address to return to, `language_href` the same in the other language.
    `person` is the displayed name, "" if not signed in; without `is_known` the caller was not
    identified, and the page offers no sign-in. `lacks_zone`: its times are in the configured zone,
    because neither browser nor person has told theirs yet.
    """

    theme: str
    here: str
    language_href: str
    links: tuple[Link, ...] = ()
    sections: tuple[Link, ...] = ()
    favourites: tuple[Course, ...] = ()
    tasks: tuple[Task, ...] = ()
    path: str = ""
    person: str = ""
    is_known: bool = True
    is_in_telegram: bool = False
    lacks_zone: bool = False


def header_name(user: User | None) -> str:
    """Return the name shown in the header, "" if not signed in."""
    return (user.shown_name or str(user.user_id)) if user else ""


def course_href(course: Course) -> str:
    """Return the address of a course's page."""
    return f"/courses/{course.course_id}"


def layout_of(context: PageContext) -> PageLayout:
    """Return the layout of the current page."""
    here = context.here
    path = context.request.scope["path"]
    user = context.user
    other_language = next(
        candidate for candidate in LANGUAGES if candidate != context.language
    )
    return PageLayout(
        theme=context.theme,
        here=here,
        language_href=browser.with_preference(here, "lang", other_language),
        links=header_links(
            context.request,
            context.language,
            context,
            sum(task.waiting for task in context.tasks),
        ),
        sections=_links(path, context.language, context, "section", ADMIN_SECTIONS)
        if _is_within(path, "/admin")
        else (),
        favourites=context.favourites,
        tasks=context.tasks,
        path=path,
        person=header_name(user),
        is_in_telegram=is_in_telegram(context.request),
        lacks_zone=context.request.method == "GET"
        and user is not None
        and not (
            user.zone or browser.read_cookie(context.request, browser.ZONE_COOKIE)
        ),
    )


Section = tuple[str, str, Permission | None]
# Address, text key `page-nav-<name>` and required permission of each section.
SECTIONS: tuple[Section, ...] = (
    ("/", "courses", None),
    ("/teach", "teach", Permission.EDIT_MATERIALS),
    ("/admin", "admin", Permission.WATCH),
)
# Sections of /admin; their texts are `page-section-<name>`.
ADMIN_SECTIONS: tuple[Section, ...] = (
    ("/admin/board", "home", Permission.WATCH),
    ("/admin/jobs", "jobs", Permission.WATCH),
    ("/admin/models", "models", Permission.WATCH),
    ("/admin/users", "users", Permission.USERS),
    ("/admin/billing", "billing", Permission.REFUNDS),
    ("/admin/audit", "audit", Permission.USERS),
)


# Sections of the shop.
_SHOP = ("/plans", "/checkout", "/orders")
# Pages for the teachers of a course or dataset.
_LED = re.compile(r"/changes/|/datasets/|/courses/\d+/(board|edit|questions)(/|$)")


def header_links(
    request: Request, language: str, caller: Caller | None, waiting: int = 0
) -> tuple[Link, ...]:
    """Return the links of the header; `waiting` for teachers; None: an unidentified caller."""
    path = request.scope["path"]
    links = _links(path, language, caller, "nav", SECTIONS)
    links = tuple(
        replace(link, count=waiting) if link.href == "/teach" else link
        for link in links
    )
    if not plans_for_sale(request.app.state.services.plans):
        return links
    is_shop = any(_is_within(path, section) for section in _SHOP)
    return (*links, Link("/plans", text(language, "page-nav-plans"), is_shop))


def _links(
    path: str,
    language: str,
    caller: Caller | None,
    family: str,
    sections: tuple[Section, ...],
) -> tuple[Link, ...]:
    """Return the sections that the person may open; the current one is marked."""
    # The longest matching address, as all admin sections begin with /admin.
    here = max(
        (href for href, _, _ in sections if _is_within(path, href)), key=len, default=""
    )
    return tuple(
        Link(href, text(language, f"page-{family}-{name}"), href == here)
        for href, name, right in sections
        if right is None or (caller is not None and caller.may(right))
    )


def _is_within(path: str, section: str) -> bool:
    if _LED.match(path):
        return section == "/teach"
    if section == "/":
        return path == "/" or path.startswith("/courses/")
    return path == section or path.startswith(f"{section}/")


def render_page(
    context: PageContext,
    template: str,
    view: Mapping[str, object],
    *,
    status: int = 200,
) -> Response:
    """Return a page with its layout."""
    page = render_template(
        template,
        context.language,
        f=layout_of(context),
        fmt=formatters(context),
        **view,
    )
    response = page_response(page, HTTPStatus(status))
    browser.note_preferences(response, context.request, context.language)
    return response


def render_fragment(
    context: PageContext, template: str, view: Mapping[str, object]
) -> Response:
    """Return a part of a page, which a script inserts."""
    page = render_template(template, context.language, fmt=formatters(context), **view)
    return page_response(page)
