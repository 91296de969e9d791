"""What each surface of the world answers: entries by their headings, already normalised."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import product
from string import Formatter
from urllib.parse import quote

from merlin.api.app import create_app
from merlin.api.services import ApiServices
from merlin.cli import commands as command_line
from merlin.db.writer import Store
from tests.golden.full_installation import PEOPLE
from tests.golden.normalise import Pages
from tests.support.config import make_config
from tests.support.pipeline_lab import run_command

ROLES = {"anonymous": "nobody", **PEOPLE}
HEADERS = ("location", "cache-control", "content-language", "vary", "link", "retry-after")
# What the parts of a path are called, where there is something at it.
QUERIES = {
    "/api/search": ["?query=слово"],
    "/api/courses/search": ["?query=слово", "?query=ничего"],
    "/courses": ["?query=слово"],
    "/admin/models/compare": ["", "?model=1&model=2"],
    "/courses/{course_id}/examples/one": ["?example=q3"],
    "/datasets/{dataset}/examples/one": ["?example=q3"],
    "/courses/{course_id}/examples": ["", "?query=3"],
    "/datasets/{dataset}/examples": [
        "",
        "?query=3",
        "?tag=none",
        "?author=none",
        "?split=test",
        "?finding=any",
    ],
    "/admin/users": ["", "?query=anna"],
    "/api/datasets/{dataset}/examples": ["", "?query=4"],
    "/api/users": ["", "?query=anna"],
    "/sign-in": ["", "?next=/me"],
}
# Figures of a run; the description has a page of its own; what browsers load.
LEFT_OUT = {"/metrics", "/openapi.json", "/static/{name}", "/api/docs/{name}"}


def routes():
    """Return the paths of every GET route, as the application has them."""
    services = ApiServices(config=make_config(), db=None, store=Store())
    found = create_app(services).routes
    return sorted({route.path for route in found if "GET" in route.methods} - LEFT_OUT)


def is_of_api(path):
    return path.startswith(("/api", "/v1")) or path in {"/healthz", "/readyz"}


def addresses(house, path):
    """Return the addresses of a route: one for each thing in the world that it can be about."""
    names = [name.partition(":")[0] for _, name, _, _ in Formatter().parse(path) if name]
    bare = path.replace(":path", "")
    for values in product(*(_homes(house, path)[name] for name in names)):
        told = bare.format(**dict(zip(names, map(quote, map(str, values)), strict=True)))
        yield from (told + query for query in QUERIES.get(path, [""]))


def _homes(house, path):
    orders = list(house.orders)
    return {
        "course_id": [1],
        "material_id": [1],
        "change_id": list(house.changes),
        "dataset": ["trial", "broken"],
        "example_id": ["q3"],
        "version": ["trial-2"],
        "old": ["trial-1"],
        "new": ["trial-2"],
        "job_id": [2, 3, 4],
        "model_id": [1],
        "request_id": house.requests,
        "number": house.requests,
        "user_id": [1001, 1002],
        "turn_id": [1],
        "session_id": [1],
        "name": [_name_in(path)],
        "order_id": orders,
        "purchase_id": orders,
    }


def _name_in(path):
    named = {"checkout": "plus", "evaluation": "trial-2"}
    return next((name for word, name in named.items() if word in path), "merlin/trial")


def answers(house, role, pages=None, *, of_api, language="ru", is_whole=True):
    """Return what every GET route of the api, or of the pages, answers to a role.

    Of pages their elements too, or where they are not wanted whole, their words; of what `pages`
    has had already, the first line.
    """
    browser, pages = house.browsers[ROLES[role]], pages or Pages()
    told = {}
    for path in routes():
        if is_of_api(path) == of_api:
            for address in addresses(house, path):
                headers = {"Accept-Language": language, "Cookie": _cookies(browser, language)}
                answer = browser.get(address, headers=headers)
                told[house.plain().text(address)] = _answer(house.plain(), pages, answer, is_whole)
    return told


def _cookies(browser, language):
    held = {**dict(browser.cookies.items()), "merlin_language": language}
    return "; ".join(f"{name}={value}" for name, value in held.items())


def _answer(plain, pages, answer, is_whole):
    kind = answer.headers.get("content-type", "")
    told = [f"{name}: {answer.headers[name]}" for name in HEADERS if name in answer.headers]
    lines = [plain.text(each) for each in (f"{answer.status_code} {kind}", *told)]
    return "\n".join([*lines, *_body(plain, pages, kind, answer, is_whole)])


def _body(plain, pages, kind, answer, is_whole):
    if not answer.content:
        return []
    if "json" in kind:
        said, here = plain.json(answer.json()), plain.text(answer.request.url.path)
        return [said.replace(f'"{here}"', '"<here>"')]
    if kind.startswith("text/html"):
        here = quote(answer.request.url.path)
        said = re.sub(rf'(href="|value="){re.escape(here)}(?=[?"])', r"\1<here>", answer.text)
        words = plain.text(said)
        return pages.lines(words) if is_whole else pages.words(words)
    return [plain.text(answer.text)] if kind.startswith("text/") else ["<bytes>"]


# What the bot is told in every walk, whatever its menu offers.
COMMANDS = (
    *("start", "help", "info", "terms", "paysupport", "plan", "lang", "sessions", "model"),
    *("course", "preset", "system", "tokens", "privacy", "settings", "t", "cancel"),
    *("examples", "admin", "export", "delete_me", "no_such_command"),
)
# Pressed, these would make the next screens another world's, or wait for what nobody does here.
ACTS = re.compile(
    r"-yes(:|$)|^(lang|zone|new|new-instead|forget|cancel|stop|login|buy|again|try|rate|fix-send)(:|$)"
    r"|^(a-unblock|a-plan-set|session-(open|drop)|sum|ex:(save|drop|undo|retry|mine|theirs|take|word|tags))"
    r"|^(model|course|preset|own|system|order|renewal):(set|choose|drop|clear|save|off|pair)"
)
# Of buttons that do the same with another thing so many are pressed.
MAX_ALIKE = 3
FAMILIES = {"ex", "model", "course", "preset", "own", "consent", "system"}


def screens(house, role):
    """Return every screen of the bot that buttons lead to from its commands."""
    person = house.people[PEOPLE[role]]
    told, waiting, met, alike = {}, [f"/{name}" for name in COMMANDS], set(), Counter()
    while waiting:
        act = waiting.pop(0)
        shown, buttons = _screen(house, person, act)
        told[_free(told, house.plain().text(act))] = shown
        for data in buttons:
            if data not in met and not ACTS.search(data):
                met.add(data)
                alike[_verb(data)] += 1
                if alike[_verb(data)] <= MAX_ALIKE:
                    waiting.append(data)
    return told


def _verb(data):
    """Return what a button does, without what it does it with."""
    words = data.split(":")
    return ":".join(words[: 2 if words[0] in FAMILIES else 1])


def _free(told, heading):
    """Return a heading that is not there yet: two buttons may differ by what is left out."""
    return heading if heading not in told else f"{heading} ({len(told)})"


def _screen(house, person, act):
    before, alerts = person.seen(), len(person.alerts())
    if act.startswith("/"):
        person.say(act)
    else:
        person.press(act, forged=True)
    changed = [
        message
        for message in person.messages()
        if person.state(message) != before.get(message.message_id)
    ]
    plain = house.plain()
    lines = [f"alert: {plain.text(alert)}" for alert in person.alerts()[alerts:] if alert]
    for message in changed:
        lines += _message(plain, message)
    return "\n".join(lines), _data(changed)


def _message(plain, message):
    said = message.message
    kinds = [kind for kind in ("photo", "document", "invoice", "voice") if kind in said]
    yield "gone" if message.deleted_at else f"message: {' '.join(kinds)}".rstrip(": ")
    yield plain.text(message.text)
    marks = [
        f"{entity['type']} {entity['offset']}+{entity['length']}" for entity in message.entities
    ]
    yield from [f"marks: {', '.join(marks)}"] if marks else []
    for row in message.keys:
        yield " ".join(f"[{plain.text(_key(key))}]" for key in row)


def _key(key):
    does = [f"{name}={value}" for name, value in sorted(key.items()) if name != "text"]
    return " ".join([key["text"], "|", *does])


def _data(messages):
    keys = [
        key for message in messages if not message.deleted_at for row in message.keys for key in row
    ]
    return [key["callback_data"] for key in keys if "callback_data" in key]


READING = (
    *("status --json", "status", "builds --json", "builds", "show trial-2 --json", "show trial-2"),
    *("diff trial-1 trial-2 --json", "diff trial-1 trial-2", "log --json", "log trial"),
    *("courses --json", "courses", "jobs list --json", "jobs list", "jobs show 3 --json"),
    *("jobs show 3", "jobs show 99", "jobs events 2 --json", "models list --json", "models list"),
    *("models history --json", "models history trial", "export trial", "export trial --json"),
    *(
        "example find слово --json",
        "example find слово --dataset trial --limit 2",
        "key list --json",
    ),
    *("users list --json", "users list", "users show 1001 --json", "users show 1002"),
    *("billing report --json", "billing report", "billing orders --json", "billing orders"),
    *("billing show {paid} --json", "billing show {paid}", "billing promo list --json"),
    *("billing reconcile --json", "billing export", "check --commit HEAD", "doctor --json"),
    *("check --commit HEAD --format json", "config check", "ask Что? --json", "show trial-99"),
    *("health daemon", "schema dataset"),
)


def commands(house):
    """Return what the commands that read say, and the help of every command."""
    told = {}
    for words in READING:
        plain, paid = house.plain(), next(iter(house.orders))
        given = [] if words.startswith("schema") else ["--config", str(house.lab.path)]
        code, out, err = run_command(*words.format(paid=paid).split(), *given)
        shown = plain.json(json.loads(out)) if "--json" in words else plain.text(out)
        told[f"merlin {words}"] = f"{shown.rstrip()}\n{plain.text(err)}exit {code}"
    verbs = [
        verb
        for word in command_line.COMMANDS
        for verb in _verbs(command_line.load_command(word), word)
    ]
    for each in sorted(["", *verbs]):
        out = run_command(*each.split(), "--help")[1]
        told[f"{' '.join(['merlin', *each.split()])} --help"] = _unboxed(out)
    return told


def _verbs(command, name):
    yield name
    for each, verb in getattr(command, "commands", {}).items():
        yield from _verbs(verb, f"{name} {each}")


def _unboxed(words):
    """Return a help without its frame and columns."""
    lines = (" ".join(re.sub("[│╭╮╰╯─]", " ", line).split()) for line in words.splitlines())
    return "\n".join(line for line in lines if line)
