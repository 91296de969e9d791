"""Frame: what stands around the content of every page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from merlin.account.role import Permission
from merlin.api.pages.speech import is_in_telegram
from merlin.api.pages.visit import SAID_COOKIE, Visit
from merlin.billing.plan import on_sale
from merlin.core.text import LANGUAGES
from merlin.course.catalogue import Course

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
class Frame:
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


def frame_of(visit: Visit) -> Frame:
    """Return what stands around the page of this visit."""
    caller, here = visit.caller, visit.here
    other = next(one for one in LANGUAGES if one != visit.language)
    return Frame(
        theme=visit.theme,
        here=here,
        language_href=_with(here, "lang", other),
        light_href=_with(here, "theme", "light"),
        dark_href=_with(here, "theme", "dark"),
        sign_in_href=sign_in_href(here),
        links=_links(visit),
        kept=tuple(_kept(course, visit) for course in visit.kept),
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


def _links(visit: Visit) -> tuple[Link, ...]:
    path = visit.request.scope["path"]
    return tuple(
        Link(href, visit.say(f"nav-{name}"), _is_within(path, href))
        for href, name, right in ROOMS
        if right is None or visit.caller.may(right)
    ) + _shop_link(visit)


def _shop_link(visit: Visit) -> tuple[Link, ...]:
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


def _kept(course: Course, visit: Visit) -> KeptCourse:
    href, path = course_href(course), visit.request.scope["path"]
    name = course.title(visit.language)
    return KeptCourse(course.course_id, href, name, path == href)


def _with(here: str, name: str, value: str) -> str:
    return f"{here}{'&' if '?' in here else '?'}{urlencode({name: value})}"


def _message(visit: Visit) -> Message | None:
    """Return what a form left to say: "<key>.<course id>"."""
    key, _, number = visit.request.cookies.get(SAID_COOKIE, "").partition(".")
    course = visit.shelf.by_id.get(int(number)) if _NUMBER.fullmatch(number) else None
    if key not in {"added", "removed"} or course is None:
        return None
    words = visit.say(f"said-{key}", name=course.title(visit.language))
    return Message(words, course.course_id if key == "removed" else 0)
