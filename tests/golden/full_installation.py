"""One world with something of everything, made by what people and programs do from outside.

boris commits a course and a dataset, two builds serve, one job fails and one is cancelled; anna
asks, rates, buys; boris edits; vera administers. Bot and api are processes of their own.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import yaml

from merlin.core.server import free_ports
from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.telegram.server import TelegramStandIn
from merlin.sandbox.yookassa.server import YooKassaStandIn
from tests.golden.bot_chats import Person
from tests.golden.normalise import Plain
from tests.support.frozen_day import fixed_day, start
from tests.support.pipeline_lab import Lab
from tests.support.waiting import longest, wait_until

ANNA, BORIS, VERA = 1001, 1002, 1003
PEOPLE = {"student": "anna", "teacher": "boris", "admin": "vera"}
GIT_DAY = "2026-03-09T12:00:00+00:00"
COURSE = {
    "semester": 1,
    "name": {"ru": "Слова и понятия", "en": "Words and notions"},
    "description": {"ru": "Что значит каждое **слово**.", "en": "What each word means."},
    "teachers": ["boris"],
    "materials": [
        {
            "lesson": 1,
            "type": "lecture",
            "title": {"ru": "Введение", "en": "Introduction"},
            "text": "materials/lecture-01.md",
        },
        {
            "lesson": 1,
            "type": "lab",
            "title": {"ru": "Практика"},
            "file_url": "https://example.com/lab.pdf",
        },
    ],
}
LECTURE = "# Введение\n\nСлово — это **знак**.\n\n```python\nsorted([3, 1, 2])\n```\n"
PLANS = {
    "free": {
        "title": {"ru": "Базовый", "en": "Basic"},
        "text": 20,
        "voice": {"day": 5, "month": 60},
        "photo": 0,
        "document": 0,
        "sessions": 5,
    },
    "plus": {
        "title": {"ru": "Плюс", "en": "Plus"},
        "about": {"ru": "Для учёбы каждый день.", "en": "For studying every day."},
        "text": 200,
        "voice": 20,
        "price": {"rub": 299, "stars": 200},
        "days": 30,
        "renewed": True,
        "trial_days": 3,
    },
    "voices": {
        "title": {"ru": "20 голосовых", "en": "20 by voice"},
        "pack": {"voice": 20},
        "price": {"rub": 99, "stars": 70},
        "days": 90,
    },
}
QUESTION = "Что значит слово номер {0}, понятие {1}?"


class House:
    """The world: `get` asks the api as somebody, `people` talk with the bot."""

    def __init__(self, lab, around):
        self.lab = lab
        self.address = address = around.address
        self.telegram = telegram = around.telegram
        self.provider = around.provider
        self.yookassa = around.yookassa
        self.processes = {}
        self.run = None
        self.orders, self.changes, self.requests = {}, {}, []
        self.people = {
            name: Person(telegram, name, lab.config.database) for name in PEOPLE.values()
        }
        self.browsers = {
            name: httpx.Client(base_url=address, headers={"Origin": address}, timeout=longest())
            for name in ("nobody", *PEOPLE.values())
        }

    def plain(self):
        """Return what normalises one answer of this world."""
        known = {
            **self._commits,
            **self.orders,
            **self.changes,
            self.address: "api",
            str(self.lab.folder): "folder",
            self.telegram.page_url.rstrip("/"): "telegram",
            self.yookassa.base_url: "till",
            quote(self.telegram.page_url.rstrip("/"), safe=""): "telegram",
            urlsplit(self.yookassa.base_url).netloc: "till",
            self.provider.base_url: "provider",
        }
        return Plain(known)

    @cached_property
    def _commits(self):
        """Return the repository's commits: how each is written, whole and short, and its name."""
        shas = self.lab.repository.git("rev-list", "--reverse", "HEAD").split()
        return {
            sha[:length]: f"commit-{number}"
            for number, sha in enumerate(shas, 1)
            for length in (40, 12, 10, 7)
        }

    def sign_in(self, name):
        """Sign somebody's browser in by a yes in the bot."""
        browser, person = self.browsers[name], self.people[name]
        document = _good(browser.post("/api/auth/start"))
        (payload,) = parse_qs(urlsplit(document["url"]).query)["start"]
        person.do(self.telegram.start_bot, payload)
        person.press(person.newest.keys[0][0]["callback_data"])
        wait_until(lambda: _good(browser.post("/api/auth/wait"))["state"] == "confirmed")

    def call(self, name, verb, path, **said):
        """Ask the api as somebody for what must succeed; return its JSON."""
        return _good(self.browsers[name].request(verb, path, json=said or None))

    def served(self, name, verb, path, **said):
        """The same for what the daemon does: let it, and return what the request says then."""
        document = self.call(name, verb, path, **said)
        self.lab.tick("serve")
        return self.call(name, "GET", f"/api/requests/{document['id']}")


def _good(answer):
    assert answer.is_success, (answer.status_code, answer.text)
    return answer.json() if answer.content else None


@contextmanager
def house(folder, environment):
    """Make the world in a folder; `environment` is where its credentials are set."""
    with fixed_day() as by, outside(folder, environment) as around:
        lab = lab_of(folder, around)
        make_pipeline(lab, around.provider)
        with running(lab, around, by) as made:
            live(made)
            yield made


@dataclass(frozen=True)
class Outside:
    """What is there beside Merlin: stand-ins, and the address that the api has."""

    telegram: TelegramStandIn
    provider: ProviderStandIn
    yookassa: YooKassaStandIn
    address: str


@contextmanager
def outside(folder, environment):
    """Start the stand-ins, which remember in a folder of their own what they may."""
    kept = folder / "outside"
    with (
        TelegramStandIn(kept / "telegram") as telegram,
        ProviderStandIn(kept / "provider", key="stand-in") as provider,
        YooKassaStandIn() as till,
    ):
        for role in ("AUTHOR", "COMMITTER"):
            environment[f"GIT_{role}_DATE"] = GIT_DAY
        environment["LOGNAME"] = "vera"
        environment["TELEGRAM_BOT_TOKEN"] = telegram.token
        environment["YOOKASSA_SHOP_ID"], environment["YOOKASSA_SECRET_KEY"] = till.shop_id, till.key
        (port,) = free_ports(1)
        till.notify_to(f"http://127.0.0.1:{port}/hooks/payment")
        yield Outside(telegram, provider, till, f"http://127.0.0.1:{port}")


@contextmanager
def running(lab, around, by):
    """Run bot and api beside a lab, and give the world as it is then."""
    with ExitStack() as stack:
        made = House(lab, around)

        def run(verb, **more):
            log = lab.folder / f"{verb}.log"
            process = start(by, verb, lab.path, log, **os.environ, **more)
            made.processes[verb] = process
            stack.callback(process.join)
            stack.callback(process.terminate)

        made.run = run
        for verb in ("bot", "api"):
            run(verb)
        for browser in made.browsers.values():
            stack.enter_context(browser)
        wait_until(lambda: _is_up(made), 60, lambda: _logs(lab.folder))
        yield made


def _is_up(house):
    try:
        return house.browsers["nobody"].get("/readyz").is_success and house.telegram.is_polled()
    except httpx.TransportError:
        return False


def _logs(folder):
    return "\n".join(path.read_text()[-2000:] for path in Path(folder).glob("*.log"))


def lab_of(folder, around, **more):
    """Return the lab of a folder, its configuration written anew: addresses differ each time."""
    return Lab(folder, around.provider.base_url, **_config(around) | more)


def _config(around):
    asked = {"provider": "stand-in", "model": "stand-in-chat"}
    page = around.telegram.page_url.rstrip("/")
    return {
        "models": {
            "stand-in-base": {
                "price": {"input": 1, "output": 2, "training": 100},
                "context": 16_000,
            },
            "stand-in-chat": {"context": 16_000},
        },
        "budget": {"per_job": 5, "per_month": 50},
        "telegram": {
            "base_url": page,
            "link_url": page,
            "admins": [VERA],
            "limits": {"overall_per_s": 0, "private_per_s": 0, "group_per_min": 0},
        },
        "chat": {
            "assistant": asked,
            "presets": {
                "tutor": {
                    "title": {"ru": "Репетитор", "en": "Tutor"},
                    "prompt": "Спрашивай.",
                    "model": asked,
                }
            },
        },
        "datasets": {"default": "trial"},
        "plans": PLANS,
        "payments": {
            "invitation": 5,
            "yookassa": {"base_url": around.yookassa.base_url, "test": True, "save_methods": True}
            | {"networks": ["127.0.0.1/32"]},
        },
        "api": {
            "listen": urlsplit(around.address).netloc,
            "public_url": around.address,
            "limits": {"anonymous_per_min": 0, "person_per_min": 0},
        },
        "daemon": {"tick_s": 0.05, "quiet_s": 0},
    }


def make_pipeline(lab, provider):
    """Let two builds serve, one job fail, one be cancelled, one commit be refused."""
    repository = lab.repository
    repository.dataset()
    folder = repository.folder / "datasets" / "trial"
    (folder / "materials").mkdir()
    (folder / "materials" / "lecture-01.md").write_text(LECTURE, "utf-8")
    (folder / "course.yaml").write_text(yaml.safe_dump(COURSE, allow_unicode=True), "utf-8")
    repository.commit("Add the course")
    repository.git("config", "receive.denyCurrentBranch", "updateInstead")
    lab.until_serving("trial-1")
    repository.example("trial", 20)
    repository.example("trial", 3, answer="Понятие 3 значит совсем другое.")
    repository.commit("Explain 20, mend 3")
    lab.until_serving("trial-2")
    provider.behave(ending="failed")
    repository.example("trial", 21)
    repository.commit("Explain 21")
    lab.tick(rounds=8)
    provider.behave(states=["running"] * 500)
    repository.example("trial", 22)
    repository.commit("Explain 22")
    lab.tick(rounds=2)
    broken = folder / "examples" / "q23.yaml"
    broken.write_text("messages:\n  - user: Что?\n  - assistant: ''\nslit: test\n", "utf-8")
    repository.dataset("broken", count=3, recipe={"provider": "nowhere"})
    repository.commit("Explain 23")
    lab.tick("fetch")


def live(house):
    """Let people do what they do."""
    for name, language in (("anna", "ru"), ("boris", "en"), ("vera", "ru")):
        house.people[name].say("/start")
        house.people[name].press(f"lang:{language}", forged=True)
        house.sign_in(name)
    _command(house, "users", "role", "1002", "teacher", "--scope", "trial")
    _command(house, "users", "name", "1002", "boris")
    _asked(house)
    _bought(house)
    _edited(house)
    house.provider.behave(states=["queued", "running"], ending="succeeded")
    cancelled = house.served("vera", "POST", "/api/jobs/4/cancel")
    house.lab.until_serving("trial-6")
    house.requests.append(cancelled["id"])
    house.call("vera", "POST", "/api/promos", code="LETO", plan="plus", percent=20)
    # What waits a minute for company is told by a bot that starts anew, in one message.
    house.processes["bot"].terminate()
    house.processes["bot"].join()
    house.run("bot", group_s=0.0)
    wait_until(house.people["vera"].has_all, 60)


def _command(house, *words):
    from merlin.cli import main

    assert main([*words, "--config", str(house.lab.path)]) == 0


def _asked(house):
    anna = house.people["anna"]
    anna.say(QUESTION.format(3, "гггг"))
    data = [key.get("callback_data", "") for row in anna.newest.keys for key in row]
    anna.press(next(each for each in data if each.startswith("rate:down")))
    house.call("anna", "POST", "/api/user/courses", course_id=1)
    document = house.call("anna", "POST", "/api/user/keys", label="её бот", scopes=["chat:write"])
    house.key = document["secret"]


def _bought(house):
    paid = house.call("anna", "POST", "/api/orders", plan="voices")["id"]
    house.call("anna", "POST", f"/api/orders/{paid}/pay")
    house.yookassa.choose(paid, "paid")
    asked = house.browsers["anna"].get
    wait_until(lambda: _good(asked(f"/api/orders/{paid}"))["state"] == "paid")
    waiting = house.call("anna", "POST", "/api/orders", plan="plus")["id"]
    house.orders = {paid: "paid-order", waiting: "waiting-order"}


def _edited(house):
    """Let one edit of boris's be committed, and one meet another's."""
    place = "/api/datasets/trial/examples"
    document = house.call("boris", "GET", f"{place}/q5")
    first = house.call(
        "boris", "PUT", f"{place}/q4", answer="Иначе.", revision=_revision(house, "q4")
    )
    house.lab.tick("changes", "fetch")
    second = house.call(
        "boris", "PUT", f"{place}/q5", answer="И это иначе.", revision=document["revision"]
    )
    house.lab.repository.example("trial", 5, answer="Понятие 5 значит то.")
    house.lab.repository.commit("Explain 5 better")
    house.lab.tick("changes", "fetch")
    house.changes = {first["id"]: "committed-change", second["id"]: "conflict-change"}


def _revision(house, example):
    return house.call("boris", "GET", f"/api/datasets/trial/examples/{example}")["revision"]
