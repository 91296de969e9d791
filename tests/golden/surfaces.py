"""The responses of each surface of an installation: normalised entries by heading."""

import json
import re
from collections import Counter
from itertools import product
from string import Formatter
from urllib.parse import quote

from merlin.api.app import create_app
from merlin.api.services import ApiServices
from merlin.db.writer import Store
from tests.golden.full_installation import PEOPLE
from tests.golden.normalise import Pages
from tests.support.config import make_config
from tests.support.pipeline_lab import run_command

ROLES = {"anonymous": "nobody", **PEOPLE}
HEADERS = (
    "location",
    "cache-control",
    "content-language",
    "vary",
    "link",
    "retry-after",
)
# Queries of paths that take one.
QUERIES = {
    "/": ["", "?q=слово"],
    "/api/courses/search": ["?query=слово", "?query=ничего"],
    "/datasets/{dataset}/examples/one": ["?example=q3"],
    "/datasets/{dataset}/examples": [
        "",
        "?query=3",
        "?tag=none",
        "?author=none",
        "?split=test",
        "?finding=any",
    ],
    "/admin/users": ["", "?query=anna"],
    "/sign-in": ["", "?next=/me"],
}
# Metrics, the API description and static files are not compared.
LEFT_OUT = {"/metrics", "/openapi.json", "/static/{digest}/{name}"}


def list_routes():
    """Return the paths of all GET routes of the application."""
    services = ApiServices(config=make_config(), db=None, store=Store())
    routes = create_app(services).routes
    return sorted({route.path for route in routes if "GET" in route.methods} - LEFT_OUT)


def is_of_api(path):
    return path.startswith(("/api", "/v1")) or path in {"/healthz", "/readyz"}


def list_addresses(installation, path):
    """Yield the addresses of a route, one for each combination of existing things."""
    names = [
        name.partition(":")[0] for _, name, _, _ in Formatter().parse(path) if name
    ]
    bare = re.sub(r":\w+", "", path)
    for values in product(*(_list_values(installation, path)[name] for name in names)):
        address = bare.format(
            **dict(zip(names, map(quote, map(str, values)), strict=True))
        )
        yield from (address + query for query in QUERIES.get(path, [""]))


def _list_values(installation, path):
    orders = list(installation.orders)
    return {
        "course_id": [1],
        "material_id": [1],
        "change_id": list(installation.changes),
        "dataset": ["trial", "broken"],
        "job_id": [2, 3, 4],
        "model_id": [1],
        "request_id": installation.requests,
        "number": installation.requests,
        "user_id": [1001, 1002],
        "session_id": [1],
        "name": [_get_name(path)],
        "order_id": orders,
        "purchase_id": orders,
        "form": ["csv"],
    }


def _get_name(path):
    names = {"checkout": "plus", "evaluation": "trial-2"}
    return next((name for part, name in names.items() if part in path), "merlin/trial")


def read_responses(installation, role, pages=None, *, of_api):
    """Return the responses in Russian of all GET routes of the API, or of the pages, to a role.

    Parts that `pages` has already had are one line.
    """
    browser = installation.browsers[ROLES[role]]
    pages = pages or Pages()
    entries = {}
    for path in list_routes():
        if is_of_api(path) == of_api:
            for address in list_addresses(installation, path):
                headers = {"Accept-Language": "ru", "Cookie": _cookies(browser)}
                response = browser.get(address, headers=headers)
                entries[installation.make_normaliser().text(address)] = (
                    _format_response(
                        installation.make_normaliser(), pages, response, of_api
                    )
                )
    return entries


def _cookies(browser):
    cookies = {**dict(browser.cookies.items()), "merlin_language": "ru"}
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _format_response(normaliser, pages, response, of_api):
    kind = response.headers.get("content-type", "")
    headers = [
        f"{name}: {response.headers[name]}"
        for name in HEADERS
        if name in response.headers
    ]
    head = normaliser.text(
        " | ".join([f"{response.status_code} {kind}".strip(), *headers])
    )
    return "\n".join([head, *_format_body(normaliser, pages, kind, response, of_api)])


def _format_body(normaliser, pages, kind, response, of_api):
    if not response.content:
        return []
    if "json" in kind and not of_api:
        return ["<json>"]  # the API gives the same document
    if "json" in kind:
        content = normaliser.json(response.json())
        path = normaliser.text(response.request.url.path)
        return [content.replace(f'"{path}"', '"<here>"')]
    if kind.startswith("text/html"):
        path = quote(response.request.url.path)
        content = re.sub(
            rf'(href="|value="){re.escape(path)}(?=[?"])', r"\1<here>", response.text
        )
        return pages.lines(content, normaliser.text)
    return [normaliser.text(response.text)] if kind.startswith("text/") else ["<bytes>"]


# Commands from which the screens of the bot are reached.
COMMANDS = (
    *(
        "start",
        "help",
        "info",
        "terms",
        "paysupport",
        "plan",
        "lang",
        "sessions",
        "model",
    ),
    *("course", "preset", "system", "tokens", "privacy", "settings", "t", "cancel"),
    *("examples", "admin", "export", "delete_me", "no_such_command"),
)
# Buttons that are not pressed: they would change the data of other screens, or wait.
NOT_PRESSED = re.compile(
    r"-yes(:|$)|^(lang|zone|new|forget|cancel|stop|login|buy|again|try|rate|fix-send)(:|$)"
    r"|^(a-unblock|a-plan-set|session-(open|drop)|sum|ex:(save|drop|undo|retry|mine|theirs|take|word|tags))"
    r"|^(model|course|preset|system|order):(set|choose|drop|clear|save|off|pair)"
)
# Of buttons that differ only in their object so many are pressed.
MAX_SIMILAR = 3
FAMILIES = {"ex", "model", "course", "preset", "consent", "system"}


def walk_screens(installation, role):
    """Return all screens of the bot that are reached by buttons from its commands."""
    person = installation.people[PEOPLE[role]]
    screens = {}
    queue = [f"/{name}" for name in COMMANDS]
    known = set()
    counts = Counter()
    while queue:
        act = queue.pop(0)
        screen, buttons = _read_screen(installation, person, act)
        screens[_make_unique(screens, installation.make_normaliser().text(act))] = (
            screen
        )
        for data in buttons:
            if data not in known and not NOT_PRESSED.search(data):
                known.add(data)
                counts[_get_action(data)] += 1
                if counts[_get_action(data)] <= MAX_SIMILAR:
                    queue.append(data)
    return screens


def _get_action(data):
    """Return the action of a button without its object."""
    parts = data.split(":")
    return ":".join(parts[: 2 if parts[0] in FAMILIES else 1])


def _make_unique(entries, heading):
    """Return a heading that is not in use: two buttons may differ only in normalised parts."""
    return heading if heading not in entries else f"{heading} ({len(entries)})"


def _read_screen(installation, person, act):
    before = person.get_states()
    alerts = len(person.list_alerts())
    if act.startswith("/"):
        person.say(act)
    else:
        person.press(act, forged=True)
    changed = [
        message
        for message in person.list_messages()
        if person.get_state(message) != before.get(message.message_id)
    ]
    normaliser = installation.make_normaliser()
    lines = [
        f"alert: {normaliser.text(alert)}"
        for alert in person.list_alerts()[alerts:]
        if alert
    ]
    for message in changed:
        lines += _format_message(normaliser, message)
    return "\n".join(lines), _list_callback_data(changed)


def _format_message(normaliser, message):
    content = message.message
    kinds = [
        kind for kind in ("photo", "document", "invoice", "voice") if kind in content
    ]
    yield f"message: {' '.join(kinds)}".rstrip(": ")
    yield normaliser.text(message.text)
    marks = [
        f"{entity['type']} {entity['offset']}+{entity['length']}"
        for entity in message.entities
    ]
    yield from [f"marks: {', '.join(marks)}"] if marks else []
    for row in message.keys:
        yield " ".join(f"[{normaliser.text(_format_button(key))}]" for key in row)


def _format_button(key):
    fields = [
        f"{name}={value}" for name, value in sorted(key.items()) if name != "text"
    ]
    return " ".join([key["text"], "|", *fields])


def _list_callback_data(messages):
    keys = [key for message in messages for row in message.keys for key in row]
    return [key["callback_data"] for key in keys if "callback_data" in key]


READING_COMMANDS = (
    *(
        "status --json",
        "status",
        "builds --json",
        "builds",
        "show trial-2 --json",
        "show trial-2",
    ),
    *("diff trial-1 trial-2 --json", "diff trial-1 trial-2", "log --json", "log trial"),
    *("jobs list --json", "jobs list", "jobs show 3 --json"),
    *(
        "jobs show 3",
        "jobs events",
        "jobs show 99",
        "jobs show 2 --json",
        "models list --json",
        "models list",
    ),
    *("export trial", "key list --json"),
    *("users list --json", "users list"),
    *("billing check --json", "doctor --json"),
    *("config check", "ask Что? --json", "show trial-99"),
    *("health daemon", "schema dataset"),
)


def run_commands(installation):
    """Return the output and exit code of the reading commands."""
    entries = {}
    for command in READING_COMMANDS:
        normaliser = installation.make_normaliser()
        config_option = (
            []
            if command.startswith("schema")
            else ["--config", str(installation.lab.path)]
        )
        code, out, err = run_command(*command.split(), *config_option)
        output = (
            normaliser.json(json.loads(out))
            if "--json" in command
            else normaliser.text(out)
        )
        entries[f"merlin {command}"] = (
            f"{output.rstrip()}\n{normaliser.text(err)}exit {code}"
        )
    return entries
