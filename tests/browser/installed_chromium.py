"""Where Chromium is installed, its arguments in a container without privileges, and its pages."""

from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import DEADLINE_S, longest

# The headless shell takes a third of the processor time of the full browser.
PROGRAMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((program for program in PROGRAMS if program.exists()), PROGRAMS[0])
# Without a GPU, drawing needs no process of its own for OpenGL either. The scripts of the pages are
# short: other threads that compile them and collect garbage cost more than they save.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"),
    "--js-flags=--single-threaded",
)


# Options of a context that its page can change.
_CHANGEABLE = ("viewport", "color_scheme", "reduced_motion")


class PagePool:
    """Pages that one test after another uses: a new one takes 0.2 s of processor time.

    A page comes back without cookies, storage, routes and errors, and gets the size and the colours
    of the next test. A test that adds a script or a clock to its page, or measures a first load,
    opens a new one.
    """

    def __init__(self, chromium):
        self._chromium = chromium
        self._free = defaultdict(list)

    @contextmanager
    def open(self, errors, *, is_new=False, **options):
        """Yield a page with these options of its context; append the page's errors to `errors`."""
        fixed = {
            name: value for name, value in options.items() if name not in _CHANGEABLE
        }
        free = self._free[repr(sorted(fixed.items()))]
        page = free.pop() if free and not is_new else self._open_new(fixed)
        _set_view(page, **options)
        listeners = _list_listeners(errors)
        for event, listener in listeners.items():
            page.on(event, listener)
        yield page
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
        if is_new:
            page.context.close()
        else:
            _reset(page)
            free.append(page)

    def _open_new(self, options):
        page = self._chromium.new_context(**options).new_page()
        page.set_default_timeout(1000 * longest(DEADLINE_S))
        return page


def _list_listeners(errors):
    """Return the listeners by event that record what goes wrong in a page."""

    def refuse(dialog):
        errors.append(f"dialog: {dialog.message or dialog.type}")
        if dialog.type == "beforeunload":
            dialog.accept()
        else:
            dialog.dismiss()

    def record(message):
        if message.type == "error":
            errors.append(f"{message.text} ({message.location.get('url', '')})")

    return {
        "pageerror": lambda error: errors.append(str(error)),
        "dialog": refuse,
        "console": record,
    }


def _set_view(
    page, viewport, color_scheme="light", reduced_motion="no-preference", **_fixed
):
    page.set_viewport_size(viewport)
    page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)


def _reset(page):
    context = page.context
    for other in context.pages:
        if other != page:
            other.close()
    for owner in (page, context):
        owner.unroute_all()
    context.set_offline(False)
    page.evaluate("localStorage.clear(); sessionStorage.clear()")
    page.goto("about:blank")
    context.clear_cookies()
    context.clear_permissions()
    page.mouse.move(0, 0)
